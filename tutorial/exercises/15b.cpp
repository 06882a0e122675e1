// Tests what is written in 15b.h.
#include "15b.h"

const exercise::Exercise exercise_15b("15b", "the gradient of an embedding", [](exercise::Check& check) {
  Rng rng(28);
  for (const std::vector<int64_t>& words : {std::vector<int64_t>{3, 7, 1}, {3, 7, 3, 3, 0}}) {
    const int64_t T = std::ssize(words);
    const Tensor table = randn({10, 4}, rng, f64).set_requires_grad(), g = randn({T, 4}, rng, f64);
    (embedding(from_vector(words, {T}), table) * g).sum().backward();
    check.equal(fmt::format("{} words", T), table_gradient(words, g, 10), table.grad(), 1e-12);
  }
});

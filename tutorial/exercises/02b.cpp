// Tests what is written in 02b.h.
#include "02b.h"

#include <cmath>

const exercise::Exercise exercise_02b("2b", "what a translation costs", [](exercise::Check& check) {
  Rng rng(2);
  const std::vector<int64_t> words = {3, 0, 4, 4};
  const Tensor logits = randn({4, 5}, rng, f64), right = from_vector(words, {4});
  check.equal("of four words", cost(logits, words), cross_entropy(logits, right), 1e-9);
  check.equal("scores a thousand times as large", cost(logits * 1000, words),
              cross_entropy(logits * 1000, right), 1e-9);
  check.equal("of guessing evenly among 5 words", cost(zeros({4, 5}), words), scalar(std::log(5.0)));
  check.passes("its gradient", gradcheck([&](const Tensor& x) { return cost(x, words); }, logits));
});

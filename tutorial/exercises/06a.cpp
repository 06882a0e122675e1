// Tests what is written in 06a.h.
#include "06a.h"

const exercise::Exercise exercise_06a("6a", "scaled dot-product attention", [](exercise::Check& check) {
  Rng rng(10);
  nn::Parameters params(rng);
  for (const int64_t D : {1, 4, 16}) {
    const nn::SelfAttention module(params / fmt::format("{}", D), 5, D);
    const Tensor x = 3 * randn({7, 5}, rng);
    check.equal(fmt::format("seven words, D = {}", D),
                attend(x, module.W_query.weight.mT(), module.W_key.weight.mT(), module.W_value.weight.mT()),
                module(x));
  }
});

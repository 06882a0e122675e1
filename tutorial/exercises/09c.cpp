// Tests what is written in 09c.h.
#include "09c.h"

const exercise::Exercise exercise_09c("9c", "cross-attention", [](exercise::Check& check) {
  Rng rng(17);
  nn::Parameters params(rng);
  const nn::MultiHeadAttention module(params, 8, 8, 1);
  for (const int64_t S : {1, 3, 9}) {
    const Tensor y = 3 * randn({1, 4, 8}, rng), memory = 3 * randn({1, S, 8}, rng);
    check.equal(fmt::format("four words written look at {} read", S), cross_attend(module, y[0], memory[0]),
                module(y, {.context = memory})[0]);
  }
});

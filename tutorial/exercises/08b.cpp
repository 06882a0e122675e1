// Tests what is written in 08b.h.
#include "08b.h"

const exercise::Exercise exercise_08b("8b", "multi-head attention", [](exercise::Check& check) {
  Rng rng(15);
  nn::Parameters params(rng);
  for (const int64_t H : {1, 2, 4}) {
    const nn::MultiHeadAttention module(params / fmt::format("{}", H), 8, 8, H, {.causal = true});
    const Tensor x = 3 * randn({1, 6, 8}, rng);
    check.equal(fmt::format("{} heads", H), multi_head(module, x[0]), module(x)[0]);
  }
});

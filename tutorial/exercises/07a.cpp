// Tests what is written in 07a.h.
#include "07a.h"

const exercise::Exercise exercise_07a("7a", "who may see whom", [](exercise::Check& check) {
  check.equal("all that came before", sees(6, 6), nn::causal_mask(6), 0);
  Rng rng(12);
  const Tensor q = randn({8, 4}, rng), k = randn({8, 4}, rng), v = randn({8, 4}, rng);
  for (const int64_t window : {1, 3, 8})
    check.equal(fmt::format("attention in a window of {}", window),
                scaled_dot_product_attention(q, k, v, {.mask = sees(8, window)}),
                scaled_dot_product_attention(q, k, v, {.causal = true, .window = window}));
});

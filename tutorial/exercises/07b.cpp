// Tests what is written in 07b.h.
#include "07b.h"

const exercise::Exercise exercise_07b("7b", "does anything leak?", [](exercise::Check& check) {
  Rng rng(13);
  const Tensor x = randn({5, 3}, rng, f64), A = randn({5, 5}, rng, f64);
  check.equal("of a product A x: three times |A|",
              influence([&A](const Tensor& y) { return matmul(A, y); }, x), 3 * abs(A), 1e-9);
  nn::Parameters params(rng, f64);
  const nn::CausalAttention causal(params, 3, 2);
  const Tensor seen = influence([&causal](const Tensor& y) { return causal(y); }, x);
  check.equal("causal attention: from the future", triu(seen, 1), zeros({5, 5}, f64), 0);
  check.equal("and of five words see five, four, ...", gt(seen, 0).to(f64).sum(0),
              tensor({5, 4, 3, 2, 1}, f64), 0);
  const Tensor wrong = logical_not(triu(ones({5, 5}, boolean), 2));  // lets a word see the next one
  const auto leaks = [&](const Tensor& y) { return scaled_dot_product_attention(y, y, y, {.mask = wrong}); };
  check.equal("a mask that leaks: words that see the next",
              gt(diagonal(influence(leaks, x), 1), 0).to(f64).sum(), scalar(4, f64), 0);
});

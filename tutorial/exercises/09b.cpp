// Tests what is written in 09b.h.
#include "09b.h"

const exercise::Exercise exercise_09b("9b", "layer normalisation", [](exercise::Check& check) {
  Rng rng(16);
  const Tensor w = randn({6}, rng, f64), b = randn({6}, rng, f64), x = 3 * randn({4, 6}, rng, f64) + 5;
  check.equal("four rows", normed(x, w, b), layer_norm(x, w, b), 1e-9);
  check.equal("rows that hardly differ in themselves", normed(x * 1e-3, w, b), layer_norm(x * 1e-3, w, b),
              1e-9);
  check.equal("a constant row", normed(full({1, 6}, 7, f64), w, b), b.unsqueeze(0), 1e-9);
  check.passes("its gradient", gradcheck([&](const Tensor& y) { return normed(y, w, b); }, x));
});

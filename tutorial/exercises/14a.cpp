// Tests what is written in 14a.h.
#include "14a.h"

const exercise::Exercise exercise_14a("14a", "RMSNorm", [](exercise::Check& check) {
  Rng rng(23);
  const Tensor w = randn({6}, rng, f64), x = 3 * randn({4, 6}, rng, f64) + 2;
  for (const double eps : {1e-6, 0.1})
    check.equal(fmt::format("eps {}", eps), rms_normed(x, w, eps), rms_norm(x, w, eps), 1e-9);
  check.passes("its gradient", gradcheck([&](const Tensor& y) { return rms_normed(y, w, 1e-6); }, x));
});

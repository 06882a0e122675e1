// Tests what is written in 11a.h.
#include "11a.h"

#include <heed/autograd/node.h>

const exercise::Exercise exercise_11a("11a", "an op of your own: its gradient", [](exercise::Check& check) {
  Rng rng(21);
  const auto yours = [](const Tensor& x) {
    return autograd::record({"my_silu"}, silu(x.detach()),
                            {{x, [x](const Tensor& g) { return silu_gradient(x, g); }}});
  };
  const Tensor x = 3 * randn({3, 4}, rng, f64);
  check.passes("beside central differences", gradcheck(yours, x));
  check.passes("and the derivative of that, as your formula is made of recorded ops",
               gradgradcheck(yours, x));
});

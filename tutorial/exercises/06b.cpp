// Tests what is written in 06b.h.
#include "06b.h"

#include <heed/autograd/node.h>

const exercise::Exercise exercise_06b("6b", "the gradient of softmax", [](exercise::Check& check) {
  Rng rng(11);
  const auto yours = [](const Tensor& s) {
    return autograd::record({"softmax"}, softmax(s.detach(), 0),
                            {{s, [](const Tensor& g, const Tensor& a) { return through_softmax(a, g); }}});
  };
  const Tensor s = randn({6}, rng, f64);
  check.passes("beside central differences", gradcheck(yours, s));
  check.passes("its own derivative", gradgradcheck(yours, s));
  const Tensor large = (50 * s).detach().set_requires_grad(), g = randn({6}, rng, f64);
  check.equal("of large scores", through_softmax(softmax(large, 0).detach(), g),
              grad(softmax(large, 0), large, {.seeds = {g}}), 1e-12);
});

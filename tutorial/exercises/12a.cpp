// Tests what is written in 12a.h.
#include "12a.h"

const exercise::Exercise exercise_12a("12a", "how a Hopfield network stores", [](exercise::Check& check) {
  check.equal("one pattern of three units", hopfield_weights(tensor({1.0, -1.0, 1.0}).unsqueeze(0)),
              tensor({0.0, -1.0, 1.0, -1.0, 0.0, -1.0, 1.0, -1.0, 0.0}).reshape({3, 3}), 0);
  Rng rng(24);
  const Tensor patterns = (2 * randint(0, 2, {4, 80}, rng) - 1).to(f32), W = hopfield_weights(patterns);
  check.equal("no unit pushes itself", diagonal(W), zeros({80}), 0);
  const Tensor energy = matmul(patterns, W) * patterns;  // (P, N): above 0 where a unit stays as it is
  check.equal("units of four stored patterns that stay", gt(energy, 0).to(f32).mean().item<double>(), 1);
  Tensor state = cat({-patterns[2](slice(0, 12)), patterns[2](slice(12, 80))}, 0);
  for (int i = 0; i < 5; ++i) state = sign(matmul(W, state));
  check.equal("a pattern of which 12 units were turned over", state, patterns[2], 0);
});

// Tests what is written in 10c.h.
#include "10c.h"

const exercise::Exercise exercise_10c("10c", "AdamW's step", [](exercise::Check& check) {
  Rng rng(20);
  nn::Parameters params(rng, f64);
  const nn::Linear layer(params, 4, 3, false);
  const train::AdamWOptions options{.lr = 0.1, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.2};
  train::AdamW optimizer(params, options);
  const Tensor x = randn({5, 4}, rng, f64);
  Moments yours{layer.weight.detach().clone(), zeros({3, 4}, f64), zeros({3, 4}, f64)};
  for (int64_t t = 1; t <= 4; ++t) {
    pow(layer(x), 2).sum().backward();
    yours = adamw(yours, layer.weight.grad().clone(), t, options);
    optimizer.step();
    optimizer.zero_grad();
    check.equal(fmt::format("after step {}", t), yours.p, layer.weight, 1e-9);
  }
});

// Tests what is written in 03c.h.
#include "03c.h"

const exercise::Exercise exercise_03c("3c", "what an LSTM's forget gates leave", [](exercise::Check& check) {
  Rng rng(5);
  nn::Parameters params(rng, f64);
  const nn::LSTM lstm(params, 3, 4);
  params.set("weight_hh_l0", zeros({16, 4}, f64));
  for (const int64_t T : {1, 5, 20}) {
    const Tensor x = randn({T, 1, 3}, rng, f64), c0 = randn({1, 1, 4}, rng, f64).set_requires_grad();
    const Tensor last = lstm(x, {zeros({1, 1, 4}, f64), c0}).state.c;
    check.equal(fmt::format("after {} words", T), left_of_the_first(lstm.weights[0], x(all, 0)),
                grad(last.sum(), c0)[0][0], 1e-10);
  }
});

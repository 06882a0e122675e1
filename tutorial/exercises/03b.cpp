// Tests what is written in 03b.h.
#include "03b.h"

const exercise::Exercise exercise_03b(
    "3b", "how a gradient passes through an RNN", [](exercise::Check& check) {
      Rng rng(4);
      nn::Parameters params(rng, f64);
      const nn::RNN rnn(params, 3, 5);
      for (const int64_t T : {1, 2, 8}) {
        const Tensor x = randn({T, 1, 3}, rng, f64),
                     h0 = (0.5 * randn({1, 1, 5}, rng, f64)).set_requires_grad();
        const Tensor y = rnn(x, {h0}).y(all, 0);
        std::vector<Tensor> rows;
        for (int64_t i = 0; i < 5; ++i) rows.push_back(grad(y[T - 1][i], h0, {.retain_graph = true})[0][0]);
        check.equal(fmt::format("over {} steps", T),
                    through_time(y.detach(), rnn.weights[0].weight_hh.detach()), stack(rows, 0), 1e-10);
      }
    });

// Tests what is written in 03a.h.
#include "03a.h"

const exercise::Exercise exercise_03a("3a", "one step of an LSTM", [](exercise::Check& check) {
  Rng rng(3);
  nn::Parameters params(rng);
  const nn::LSTMCell cell(params, 4, 6);
  nn::RecurrentState state{zeros({1, 6}), zeros({1, 6})};
  for (const char* step : {"after one word", "after two", "after three"}) {
    const Tensor x = randn({1, 4}, rng);
    const auto [h, c] = lstm_step(cell.weights, x[0], state.h[0], state.c[0]);
    state = cell(x, state);
    check.equal(fmt::format("{}, h", step), h, state.h[0]);
    check.equal(fmt::format("{}, c", step), c, state.c[0]);
  }
});

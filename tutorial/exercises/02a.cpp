// Tests what is written in 02a.h.
#include "02a.h"

const exercise::Exercise exercise_02a("2a", "one step of a GRU", [](exercise::Check& check) {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::GRUCell cell(params, 4, 6);
  Tensor h = zeros({1, 6});
  for (const char* step : {"the first state", "the second", "the third"}) {
    const Tensor x = randn({1, 4}, rng), next = cell(x, {h}).h;
    check.equal(step, gru_step(cell.weights, x[0], h[0]), next[0]);
    h = next;
  }
});

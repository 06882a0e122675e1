// Tests what is written in 04a.h.
#include "04a.h"

const exercise::Exercise exercise_04a("4a", "one look of soft attention", [](exercise::Check& check) {
  Rng rng(6);
  nn::Parameters params(rng);
  const nn::AdditiveAttention a(params, 4, 6, 5);
  for (const int64_t S : {1, 3, 9}) {
    const Tensor d = 3 * randn({1, 4}, rng), h = 3 * randn({1, S, 6}, rng);
    check.equal(fmt::format("the context of {} words", S), look(a, d[0], h[0]), a(d, h)[0]);
  }
});

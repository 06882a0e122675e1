// Tests what is written in 05b.h.
#include "05b.h"

const exercise::Exercise exercise_05b("5b", "every word a mixture of all", [](exercise::Check& check) {
  const Tensor inputs = tensor({{0.43, 0.15, 0.89},
                                {0.55, 0.87, 0.66},
                                {0.57, 0.85, 0.64},
                                {0.22, 0.58, 0.33},
                                {0.77, 0.25, 0.10},
                                {0.05, 0.80, 0.55}});
  check.equal("the lesson's six words", mix(inputs), nn::SimplifiedSelfAttention()(inputs));
  Rng rng(9);
  const Tensor x = 2 * randn({9, 4}, rng);
  check.equal("nine others", mix(x), nn::SimplifiedSelfAttention()(x));
});

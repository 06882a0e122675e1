// Tests what is written in 12b.h.
#include "12b.h"

const exercise::Exercise exercise_12b(
    "12b", "attention without a softmax: a state in place of all keys", [](exercise::Check& check) {
      Rng rng(25);
      const Tensor q = exp(randn({7, 4}, rng, f64)), k = exp(randn({7, 4}, rng, f64)),
                   v = randn({7, 3}, rng, f64);
      const Tensor weights = tril(matmul(q, k.mT()));
      const Tensor yours = linear_attention(q, k, v);
      check.equal("the first word sees itself alone", yours[0], v[0], 1e-12);
      check.equal("with all weights in a matrix", yours, matmul(weights / weights.sum(1, true), v), 1e-12);
    });

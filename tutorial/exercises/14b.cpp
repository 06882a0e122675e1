// Tests what is written in 14b.h.
#include "14b.h"

const exercise::Exercise exercise_14b("14b", "rotary positions", [](exercise::Check& check) {
  Rng rng(24);
  const Tensor q = randn({8}, rng, f64), k = randn({8}, rng, f64);
  for (const int64_t t : {0, 1, 7, 500})
    check.equal(fmt::format("at place {}", t), turned(q, t), rope(q, scalar(double(t), i64)), 1e-9);
  check.equal("only the distance counts", (turned(q, 103) * turned(k, 101)).sum(),
              (turned(q, 3) * turned(k, 1)).sum(), 1e-9);
});

// Exercise 10c: AdamW's step
#pragma once

#include <cmath>

#include "exercise.h"

struct Moments {
  Tensor p, m, v;
};

/// The t-th step (t = 1, 2, ...) of parameters p with gradient g. m and v are the running means of g and
/// g^2, at first 0. Returns p, m and v after it.
inline Moments adamw(const Moments& now, const Tensor& g, int64_t t, const train::AdamWOptions& o) {
  throw exercise::Hole(
      "m' = beta1 m + (1 - beta1) g;  v' = beta2 v + (1 - beta2) g^2;  "
      "p' = p - lr weight_decay p - lr (m' / (1 - beta1^t)) / (sqrt(v' / (1 - beta2^t)) + eps)");
}

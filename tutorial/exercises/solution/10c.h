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
  const Tensor m = o.beta1 * now.m + (1 - o.beta1) * g, v = o.beta2 * now.v + (1 - o.beta2) * g * g;
  const Tensor m_hat = m / (1 - std::pow(o.beta1, t)), v_hat = v / (1 - std::pow(o.beta2, t));
  return {now.p - o.lr * o.weight_decay * now.p - o.lr * m_hat / (sqrt(v_hat) + o.eps), m, v};
}

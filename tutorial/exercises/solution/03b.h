// Exercise 3b: how a gradient passes through an RNN
#pragma once

#include "exercise.h"

/// states (T, H): h_1 .. h_T of h_t = tanh(W x_t + U h_{t-1}), with U (H, H). Returns d h_T / d h_0 (H, H),
/// row i column j the derivative of h_T[i] by h_0[j]. The slope of tanh where it gives h is 1 - h^2.
inline Tensor through_time(const Tensor& states, const Tensor& U) {
  Tensor jacobian = eye(U.size(0), U.dtype());
  for (int64_t t = 0; t < states.size(0); ++t)
    jacobian = (1 - states[t] * states[t]).unsqueeze(1) * matmul(U, jacobian);
  return jacobian;
}

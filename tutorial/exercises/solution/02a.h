// Exercise 2a: one step of a GRU
#pragma once

#include "exercise.h"

/// x (E) is read, h (H) is remembered; w.weight_ih (3 H, E), w.weight_hh (3 H, H), w.bias_ih and w.bias_hh
/// (3 H) hold the rows of r, z and n, in this order. Returns the next h (H).
inline Tensor gru_step(const nn::RecurrentWeights& w, const Tensor& x, const Tensor& h) {
  const std::vector<Tensor> a = chunk(linear(x, w.weight_ih, w.bias_ih), 3),
                            b = chunk(linear(h, w.weight_hh, w.bias_hh), 3);
  const Tensor r = sigmoid(a[0] + b[0]), z = sigmoid(a[1] + b[1]), n = tanh(a[2] + r * b[2]);
  return (1 - z) * n + z * h;
}

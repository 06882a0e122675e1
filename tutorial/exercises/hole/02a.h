// Exercise 2a: one step of a GRU
#pragma once

#include "exercise.h"

/// x (E) is read, h (H) is remembered; w.weight_ih (3 H, E), w.weight_hh (3 H, H), w.bias_ih and w.bias_hh
/// (3 H) hold the rows of r, z and n, in this order. Returns the next h (H).
inline Tensor gru_step(const nn::RecurrentWeights& w, const Tensor& x, const Tensor& h) {
  throw exercise::Hole(
      "a = W_ih x + b_ih and b = W_hh h + b_hh, each cut into r, z, n;  r = sigmoid(a_r + b_r);  "
      "z = sigmoid(a_z + b_z);  n = tanh(a_n + r b_n);  h' = (1 - z) n + z h");
}

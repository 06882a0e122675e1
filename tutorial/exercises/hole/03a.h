// Exercise 3a: one step of an LSTM
#pragma once

#include "exercise.h"

/// x (E) is read; h and c (H) are remembered. The rows of w.weight_ih (4 H, E), w.weight_hh (4 H, H),
/// w.bias_ih and w.bias_hh (4 H) are those of i, f, g and o, in this order. Returns the next h and c.
inline nn::RecurrentState lstm_step(const nn::RecurrentWeights& w, const Tensor& x, const Tensor& h,
                                    const Tensor& c) {
  throw exercise::Hole(
      "u = W_ih x + b_ih + W_hh h + b_hh, cut into i, f, g, o;  "
      "c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')");
}

// Exercise 3a: one step of an LSTM
#pragma once

#include "exercise.h"

/// x (E) is read; h and c (H) are remembered. The rows of w.weight_ih (4 H, E), w.weight_hh (4 H, H),
/// w.bias_ih and w.bias_hh (4 H) are those of i, f, g and o, in this order. Returns the next h and c.
inline nn::RecurrentState lstm_step(const nn::RecurrentWeights& w, const Tensor& x, const Tensor& h,
                                    const Tensor& c) {
  const std::vector<Tensor> u =
      chunk(linear(x, w.weight_ih, w.bias_ih) + linear(h, w.weight_hh, w.bias_hh), 4);
  const Tensor next = sigmoid(u[1]) * c + sigmoid(u[0]) * tanh(u[2]);
  return {sigmoid(u[3]) * tanh(next), next};
}

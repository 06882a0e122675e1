// Exercise 3c: what an LSTM's forget gates leave
#pragma once

#include "exercise.h"

/// x (T, E) are T words; gates are those of 3a, but do not look at h (W_hh is 0). c_T is a sum in which c_0
/// has a factor (H): what is it?
inline Tensor left_of_the_first(const nn::RecurrentWeights& w, const Tensor& x) {
  const Tensor f = sigmoid(chunk(linear(x, w.weight_ih, w.bias_ih + w.bias_hh), 4, 1)[1]);  // (T, H)
  Tensor product = ones({f.size(1)}, f.dtype());
  for (int64_t t = 0; t < f.size(0); ++t) product = product * f[t];
  return product;
}

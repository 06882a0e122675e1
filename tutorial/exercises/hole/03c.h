// Exercise 3c: what an LSTM's forget gates leave
#pragma once

#include "exercise.h"

/// x (T, E) are T words; gates are those of 3a, but do not look at h (W_hh is 0). c_T is a sum in which c_0
/// has a factor (H): what is it?
inline Tensor left_of_the_first(const nn::RecurrentWeights& w, const Tensor& x) {
  throw exercise::Hole(
      "d c_T / d c_0 = f_1 f_2 ... f_T, with f_t = sigmoid(W_f x_t + b_f), where the rows of f are the "
      "second quarter "
      "and both biases are added");
}

// Exercise 9b: layer normalisation
#pragma once

#include "exercise.h"

/// x (T, C), w and b (C). Each row is brought to mean 0 and variance 1 (the mean of the squared distances),
/// then scaled and moved. eps = 1e-5.
inline Tensor normed(const Tensor& x, const Tensor& w, const Tensor& b) {
  throw exercise::Hole("y = w (x - mean) / sqrt(variance + eps) + b, for each row");
}

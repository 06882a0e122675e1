// Exercise 14b: rotary positions
#pragma once

#include "exercise.h"

/// x (D): a query or key of the word at place t. Columns i and i + D / 2 are the two coordinates of a point,
/// which is turned by the angle t / 10000^(2i / D). Returns (D).
inline Tensor turned(const Tensor& x, int64_t t) {
  const int64_t half = x.size(0) / 2;
  const Tensor a = double(t) / pow(10000, arange(double(half), x.dtype()) / double(half));
  const Tensor first = x(slice(0, half)), second = x(slice(half, 2 * half));
  return cat({first * cos(a) - second * sin(a), first * sin(a) + second * cos(a)}, 0);
}

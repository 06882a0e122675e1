// Exercise 14b: rotary positions
#pragma once

#include "exercise.h"

/// x (D): a query or key of the word at place t. Columns i and i + D / 2 are the two coordinates of a point,
/// which is turned by the angle t / 10000^(2i / D). Returns (D).
inline Tensor turned(const Tensor& x, int64_t t) {
  throw exercise::Hole(
      "y_i = x_i cos(a_i) - x_{i + D/2} sin(a_i), y_{i + D/2} = x_i sin(a_i) + x_{i + D/2} cos(a_i), a_i = t "
      "/ 10000^(2i / D)");
}

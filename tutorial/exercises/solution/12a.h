// Exercise 12a: how a Hopfield network stores
#pragma once

#include "exercise.h"

/// patterns (P, N) of 1 and -1: the weights (N, N) by which the other units push each unit; none pushes itself.
inline Tensor hopfield_weights(const Tensor& patterns) {
  return matmul(patterns.mT(), patterns) * (1 - eye(patterns.size(1)));
}

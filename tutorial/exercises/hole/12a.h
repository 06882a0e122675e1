// Exercise 12a: how a Hopfield network stores
#pragma once

#include "exercise.h"

/// patterns (P, N) of 1 and -1: the weights (N, N) by which the other units push each unit; none pushes itself.
inline Tensor hopfield_weights(const Tensor& patterns) {
  throw exercise::Hole("W = the sum over all patterns p of p p^T, with 0 on the diagonal");
}

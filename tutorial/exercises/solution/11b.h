// Exercise 11b: the two gradients of a matrix product
#pragma once

#include <utility>

#include "exercise.h"

/// For Y = A B, with A (N, K) and B (K, M): the gradients at A and at B, where G (N, M) arrives at Y.
inline std::pair<Tensor, Tensor> product_gradients(const Tensor& A, const Tensor& B, const Tensor& G) {
  return {matmul(G, B.mT()), matmul(A.mT(), G)};
}

// Exercise 6a: scaled dot-product attention
#pragma once

#include <cmath>

#include "exercise.h"

/// x (T, C) are T words; W_q, W_k (C, D) and W_v (C, E) make their queries, keys and values. Returns (T, E).
inline Tensor attend(const Tensor& x, const Tensor& W_q, const Tensor& W_k, const Tensor& W_v) {
  const Tensor q = matmul(x, W_q), k = matmul(x, W_k), v = matmul(x, W_v);
  return matmul(softmax(matmul(q, k.mT()) / std::sqrt(double(k.size(1))), -1), v);
}

// Exercise 12b: attention without a softmax: a state in place of all keys
#pragma once

#include <vector>

#include "exercise.h"

/// q, k (T, D), all positive, v (T, E): attention that looks back, with the weights q_t . k_s for s <= t, which add
/// up to 1 behind a division. Returns (T, E), from sums that grow with t: no (T, T) is needed.
inline Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  Tensor W = zeros({v.size(1), k.size(1)}, v.dtype()), z = zeros({k.size(1)}, k.dtype());
  std::vector<Tensor> y;
  for (int64_t t = 0; t < q.size(0); ++t) {
    W = W + outer(v[t], k[t]);
    z = z + k[t];
    y.push_back(matmul(W, q[t]) / (z * q[t]).sum());
  }
  return stack(y, 0);
}

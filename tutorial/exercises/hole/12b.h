// Exercise 12b: attention without a softmax: a state in place of all keys
#pragma once

#include <vector>

#include "exercise.h"

/// q, k (T, D), all positive, v (T, E): attention that looks back, with the weights q_t . k_s for s <= t, which add
/// up to 1 behind a division. Returns (T, E), from sums that grow with t: no (T, T) is needed.
inline Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  throw exercise::Hole("W_t = W_(t-1) + v_t k_t^T, z_t = z_(t-1) + k_t, y_t = W_t q_t / (z_t . q_t)");
}

// Exercise 8b: multi-head attention
#pragma once

#include <cmath>
#include <vector>

#include "exercise.h"

/// x (T, C). m.W_query, m.W_key, m.W_value and m.out_proj are Linear layers C -> C, m.heads is H; each head
/// has its own C / H columns of the queries, keys and values. Word i sees words 0 .. i. Returns (T, C).
inline Tensor multi_head(const nn::MultiHeadAttention& m, const Tensor& x) {
  throw exercise::Hole(
      "out_proj([head_1, ..., head_H]), with head_h = softmax(mask(Q_h K_h^T / sqrt(D))) V_h; mask: -inf for "
      "j > i");
}

// Exercise 8b: multi-head attention
#pragma once

#include <cmath>
#include <vector>

#include "exercise.h"

/// x (T, C). m.W_query, m.W_key, m.W_value and m.out_proj are Linear layers C -> C, m.heads is H; each head
/// has its own C / H columns of the queries, keys and values. Word i sees words 0 .. i. Returns (T, C).
inline Tensor multi_head(const nn::MultiHeadAttention& m, const Tensor& x) {
  const int64_t T = x.size(0), D = x.size(1) / m.heads;
  const Tensor q = m.W_query(x), k = m.W_key(x), v = m.W_value(x), future = logical_not(nn::causal_mask(T));
  std::vector<Tensor> heads;
  for (int64_t h = 0; h < m.heads; ++h) {
    const auto part = [&](const Tensor& y) { return y(all, slice(h * D, (h + 1) * D)); };
    const Tensor scores =
        masked_fill(matmul(part(q), part(k).mT()) / std::sqrt(double(D)), future, -INFINITY);
    heads.push_back(matmul(softmax(scores, -1), part(v)));
  }
  return m.out_proj(cat(heads, -1));
}

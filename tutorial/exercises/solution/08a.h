// Exercise 8a: cut into heads
#pragma once

#include "exercise.h"

/// x (B, T, C): queries of B sentences of T words, all heads side by side. Returns (B, H, T, D), D = C / H:
/// for each head a matrix of its own.
inline Tensor into_heads(const Tensor& x, int64_t H) {
  return x.reshape({x.size(0), x.size(1), H, x.size(2) / H}).transpose(1, 2);
}

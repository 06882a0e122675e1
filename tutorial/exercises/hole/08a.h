// Exercise 8a: cut into heads
#pragma once

#include "exercise.h"

/// x (B, T, C): queries of B sentences of T words, all heads side by side. Returns (B, H, T, D), D = C / H:
/// for each head a matrix of its own.
inline Tensor into_heads(const Tensor& x, int64_t H) {
  throw exercise::Hole("y[b, h, t, i] = x[b, t, h D + i], which is a reshape and a transpose");
}

// Exercise 10a: what comes next: temperature and top-k
#pragma once

#include <cmath>

#include "exercise.h"

/// logits (V): a score for each letter. Returns the probabilities (V) from which the next one is drawn: of
/// the k largest scores alone (no two are equal), divided by the temperature.
inline Tensor next_letter(const Tensor& logits, double temperature, int64_t k) {
  const Tensor kth = topk(logits, k).first[k - 1];
  return softmax(masked_fill(logits, lt(logits, kth), -INFINITY) / temperature, 0);
}

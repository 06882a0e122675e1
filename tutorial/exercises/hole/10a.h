// Exercise 10a: what comes next: temperature and top-k
#pragma once

#include <cmath>

#include "exercise.h"

/// logits (V): a score for each letter. Returns the probabilities (V) from which the next one is drawn: of
/// the k largest scores alone (no two are equal), divided by the temperature.
inline Tensor next_letter(const Tensor& logits, double temperature, int64_t k) {
  throw exercise::Hole("p = softmax(s / temperature) over the k largest s, and p_i = 0 for all others");
}

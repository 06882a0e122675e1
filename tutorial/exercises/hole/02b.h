// Exercise 2b: what a translation costs
#pragma once

#include "exercise.h"

/// logits (T, V): a row of scores for each word to be written; words: the T right ones. Returns the mean of
/// -log p(right word) in nats. Scores may be large: log(exp(1000)) is not to overflow.
inline Tensor cost(const Tensor& logits, const std::vector<int64_t>& words) {
  throw exercise::Hole(
      "cost = mean over t of -(s_t[y_t] - log sum_v exp(s_t[v])), where m + log sum_v exp(s_t[v] - m) is the "
      "same for "
      "any m");
}

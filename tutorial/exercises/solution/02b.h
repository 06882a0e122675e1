// Exercise 2b: what a translation costs
#pragma once

#include "exercise.h"

/// logits (T, V): a row of scores for each word to be written; words: the T right ones. Returns the mean of
/// -log p(right word) in nats. Scores may be large: log(exp(1000)) is not to overflow.
inline Tensor cost(const Tensor& logits, const std::vector<int64_t>& words) {
  const Tensor largest = amax(logits, {1}, true);
  const Tensor log_sums = (largest + log(exp(logits - largest).sum(1, true)))(all, 0);
  Tensor total = scalar(0, logits.dtype());
  for (int64_t t = 0; t < logits.size(0); ++t) total = total + log_sums[t] - logits[t][words[size_t(t)]];
  return total / double(words.size());
}

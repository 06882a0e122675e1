// Exercise 4b: shares that leave the padding out
#pragma once

#include "exercise.h"

/// scores (S): e of the words of a sentence, and behind the first `words` of padding, which may hold
/// anything. Returns the shares (S), of the padding 0.
inline Tensor shares_of(const Tensor& scores, int64_t words) {
  throw exercise::Hole("a_s = exp(e_s) / sum_{s' < words} exp(e_{s'}) for s < words, else a_s = 0");
}

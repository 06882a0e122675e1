// Exercise 2c: beam search of width 2
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "exercise.h"

/// next(written) gives log p (V) of the word that follows. Writes `length` words: at each step all
/// continuations of the two best beginnings are scored, and the two best of them stay. Returns the best of
/// all.
inline std::vector<int64_t> beam(const std::function<Tensor(const std::vector<int64_t>&)>& next,
                                 int64_t length) {
  throw exercise::Hole(
      "log P(y_1 .. y_t) = log P(y_1 .. y_{t-1}) + log p(y_t | y_1 .. y_{t-1}), and the 2 largest of them "
      "stay");
}

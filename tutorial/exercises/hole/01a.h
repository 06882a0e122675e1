// Exercise 1a: how many lines between two sentences cross
#pragma once

#include "exercise.h"

/// links: pairs (English word, French word) that mean the same, counted from 0.
inline int64_t crossings(const std::vector<std::pair<int64_t, int64_t>>& links) {
  throw exercise::Hole("crossings = the number of pairs of links (s, t), (s', t') with s < s' and t > t'");
}

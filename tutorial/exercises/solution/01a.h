// Exercise 1a: how many lines between two sentences cross
#pragma once

#include "exercise.h"

/// links: pairs (English word, French word) that mean the same, counted from 0.
inline int64_t crossings(const std::vector<std::pair<int64_t, int64_t>>& links) {
  int64_t count = 0;
  for (const auto& [s, t] : links)
    for (const auto& [s2, t2] : links) count += s < s2 && t > t2;
  return count;
}

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
  using Sentence = std::pair<double, std::vector<int64_t>>;
  std::vector<Sentence> best = {{0, {}}};
  for (int64_t t = 0; t < length; ++t) {
    std::vector<Sentence> longer;
    for (const auto& [log_p, words] : best) {
      const std::vector<double> log_next = next(words).to_vector<double>();
      for (size_t v = 0; v < log_next.size(); ++v) {
        longer.push_back({log_p + log_next[v], words});
        longer.back().second.push_back(int64_t(v));
      }
    }
    std::sort(longer.begin(), longer.end(), std::greater<>());
    longer.resize(std::min<size_t>(2, longer.size()));
    best = longer;
  }
  return best[0].second;
}

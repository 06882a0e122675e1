// Exercise 15a: byte pairs: the most frequent pair becomes a token
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "exercise.h"

/// The text `ids`, in which the most frequent pair of neighbours (of equals, that with the smaller ids) is `id`, from
/// left to right.
inline std::vector<int64_t> merged(const std::vector<int64_t>& ids, int64_t id) {
  std::map<std::pair<int64_t, int64_t>, int64_t> count;
  for (size_t i = 0; i + 1 < ids.size(); ++i) ++count[{ids[i], ids[i + 1]}];
  const auto pair = std::max_element(count.begin(), count.end(), [](const auto& a, const auto& b) {
                      return a.second < b.second;  // of equals the first, which is the smallest
                    })->first;
  std::vector<int64_t> text;
  for (size_t i = 0; i < ids.size(); ++i)
    if (i + 1 < ids.size() && std::pair(ids[i], ids[i + 1]) == pair) text.push_back(id), ++i;
    else text.push_back(ids[i]);
  return text;
}

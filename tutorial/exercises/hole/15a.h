// Exercise 15a: byte pairs: the most frequent pair becomes a token
#pragma once

#include <cstdint>
#include <vector>

#include "exercise.h"

/// The text `ids`, in which the most frequent pair of neighbours (of equals, that with the smaller ids) is `id`, from
/// left to right.
inline std::vector<int64_t> merged(const std::vector<int64_t>& ids, int64_t id) {
  throw exercise::Hole(
      "pair = the most frequent (ids[i], ids[i + 1]); each place that has it, and did not end in the last "
      "one, becomes id");
}

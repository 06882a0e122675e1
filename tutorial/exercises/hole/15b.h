// Exercise 15b: the gradient of an embedding
#pragma once

#include <cstdint>
#include <vector>

#include "exercise.h"

/// Of a table of so many rows, whose rows `words` were looked up: where g (T, C) arrives at what was found, the
/// gradient (rows, C) at the table.
inline Tensor table_gradient(const std::vector<int64_t>& words, const Tensor& g, int64_t rows) {
  throw exercise::Hole("dE[w] = the sum of g[t] over all t with words[t] = w, and 0 where there is none");
}

// Exercise 15b: the gradient of an embedding
#pragma once

#include <cstdint>
#include <vector>

#include "exercise.h"

/// Of a table of so many rows, whose rows `words` were looked up: where g (T, C) arrives at what was found, the
/// gradient (rows, C) at the table.
inline Tensor table_gradient(const std::vector<int64_t>& words, const Tensor& g, int64_t rows) {
  std::vector<Tensor> gradient(size_t(rows), zeros({g.size(1)}, g.dtype()));
  for (size_t t = 0; t < words.size(); ++t)
    gradient[size_t(words[t])] = gradient[size_t(words[t])] + g[int64_t(t)];
  return stack(gradient, 0);
}

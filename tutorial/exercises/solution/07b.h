// Exercise 7b: does anything leak?
#pragma once

#include <functional>
#include <vector>

#include "exercise.h"

/// f takes T words x (T, C) and returns T vectors. Returns (T, T): row i column j, how much what f says of
/// word i changes with word j. Let x require a gradient, and ask for that of the sum of row i of f(x):
/// x.detach().set_requires_grad(), grad(what, by what).
inline Tensor influence(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  const Tensor words = x.detach().set_requires_grad();
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < x.size(0); ++i) rows.push_back(abs(grad(f(words)[i].sum(), words)).sum(1));
  return stack(rows, 0);
}

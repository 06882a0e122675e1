// Exercise 7b: does anything leak?
#pragma once

#include <functional>
#include <vector>

#include "exercise.h"

/// f takes T words x (T, C) and returns T vectors. Returns (T, T): row i column j, how much what f says of
/// word i changes with word j. Let x require a gradient, and ask for that of the sum of row i of f(x):
/// x.detach().set_requires_grad(), grad(what, by what).
inline Tensor influence(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  throw exercise::Hole("influence[i, j] = sum_c |d (sum_d f(x)[i, d]) / d x[j, c]|");
}

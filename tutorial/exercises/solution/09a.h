// Exercise 9a: where a word stands, in sines and cosines
#pragma once

#include <cmath>

#include "exercise.h"

/// What is added to column `column`, of `width`, of word t. Columns 2i and 2i + 1 share a wavelength.
inline double position(int64_t t, int64_t column, int64_t width) {
  const double angle = double(t) / std::pow(10000, double(column / 2 * 2) / double(width));
  return column % 2 == 0 ? std::sin(angle) : std::cos(angle);
}

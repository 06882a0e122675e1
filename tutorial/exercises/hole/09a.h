// Exercise 9a: where a word stands, in sines and cosines
#pragma once

#include <cmath>

#include "exercise.h"

/// What is added to column `column`, of `width`, of word t. Columns 2i and 2i + 1 share a wavelength.
inline double position(int64_t t, int64_t column, int64_t width) {
  throw exercise::Hole("p[t, 2i] = sin(t / 10000^(2i / width)), p[t, 2i + 1] = cos(t / 10000^(2i / width))");
}

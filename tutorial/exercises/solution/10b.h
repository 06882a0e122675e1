// Exercise 10b: perplexity
#pragma once

#include <cmath>

#include "exercise.h"

/// logits (T, V) and the letters (T) that came: among how many equally likely letters one would have had to
/// guess to do as badly. (cross_entropy may be used.)
inline double perplexity(const Tensor& logits, const Tensor& letters) {
  return std::exp(cross_entropy(logits, letters).item<double>());
}

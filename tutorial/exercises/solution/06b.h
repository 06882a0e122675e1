// Exercise 6b: the gradient of softmax
#pragma once

#include "exercise.h"

/// a (N) = softmax(s), and g (N) the gradient that arrives at a. Returns the gradient at s (N). Where one
/// share is near 1 it is near 0: that is why scores are divided by sqrt(d_k).
inline Tensor through_softmax(const Tensor& a, const Tensor& g) { return a * (g - (a * g).sum()); }

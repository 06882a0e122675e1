// Exercise 4a: one look of soft attention
#pragma once

#include "exercise.h"

/// d (D) is the writer's state, h (S, E) the states of the words read; a.W and a.U are Linear layers, a.v a
/// vector. Returns the context (E).
inline Tensor look(const nn::AdditiveAttention& a, const Tensor& d, const Tensor& h) {
  throw exercise::Hole("e_s = v . tanh(W d + U h_s);  a = softmax(e);  c = sum_s a_s h_s");
}

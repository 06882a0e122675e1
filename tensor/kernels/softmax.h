// Softmax and its relatives over the last dimension of a contiguous (rows, n) array.
//
// T: float or double. Sums run in several f32 lanes over blocks of at most 1024 elements, and the blocks add up in f64.
// As in PyTorch, a row of -inf alone, and a row that holds +inf or NaN, gives NaN; logsumexp of them is -inf, +inf, NaN.
// Outputs may be one of the inputs; other overlaps are not allowed.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// y = e^x / sum e^x
template <class T>
void softmax(const T* x, T* y, int64_t rows, int64_t n);
/// y = x - log sum e^x
template <class T>
void log_softmax(const T* x, T* y, int64_t rows, int64_t n);
/// y (rows) = log sum e^x; -inf where n is 0.
template <class T>
void logsumexp(const T* x, T* y, int64_t rows, int64_t n);

/// dx = y (g - sum(g y)), y from softmax.
template <class T>
void softmax_backward(const T* g, const T* y, T* dx, int64_t rows, int64_t n);
/// dx = g - e^y sum(g), y from log_softmax.
template <class T>
void log_softmax_backward(const T* g, const T* y, T* dx, int64_t rows, int64_t n);

}  // namespace heed::kernels

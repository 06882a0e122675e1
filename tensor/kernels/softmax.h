// Softmax and its logarithm over the last dimension of a contiguous (rows, n) array.
//
// T: float or double. Sums run in several lanes of T over blocks of at most 1024 elements, and the blocks add up in
// f64. As in PyTorch, a row of -inf alone, and a row that holds +inf or NaN, gives NaN.
// Outputs may be one of the inputs; other overlaps are not allowed.
#pragma once

#include <cstdint>

namespace heed::kernels {

enum class SoftmaxForm { plain, log };

/// y = e^x / sum e^x, or its logarithm x - log sum e^x.
template <class T>
void softmax(SoftmaxForm form, const T* x, T* y, int64_t rows, int64_t n);

/// dx = y (g - sum(g y)), or g - e^y sum(g), y being softmax's result.
template <class T>
void softmax_backward(SoftmaxForm form, const T* g, const T* y, T* dx, int64_t rows, int64_t n);

}  // namespace heed::kernels

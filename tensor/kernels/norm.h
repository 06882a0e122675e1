// Layer norm and RMS norm over the last dimension of a contiguous (rows, C) array.
//
// T: float or double. weight, bias and their gradients are (C); any of them may be null: weight 1, bias 0, gradient not
// wanted. Sums over C run as in softmax.h; the variance is that of the deviations from the mean (two passes). Sums over
// rows run in blocks of rows cut by the number of rows alone, added up in order: the same bits at any number of
// threads. y may be x and dx may be g; other overlaps are not allowed.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// y = (x - mean) rstd weight + bias with rstd = 1 / sqrt(variance + eps). mean and rstd (rows) are kept for backward.
/// An RMS norm has a null mean, which counts as 0: rstd = 1 / sqrt(mean(x^2) + eps).
template <class T>
void norm(const T* x, const T* weight, const T* bias, double eps, T* y, T* mean, T* rstd, int64_t rows, int64_t C);

/// The gradients of both: of an RMS norm, mean and dbias are null. Overwrites dx, dweight and dbias.
template <class T>
void norm_backward(const T* g, const T* x, const T* weight, const T* mean, const T* rstd, T* dx, T* dweight, T* dbias,
                   int64_t rows, int64_t C);

}  // namespace heed::kernels

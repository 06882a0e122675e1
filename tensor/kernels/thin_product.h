// Products of rows with a matrix of weights (out, in), for few rows: each weight is read once, at the speed of memory.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// Numbers from row to row of weights that are kept in fewer bits: zeros make them whole vectors.
constexpr int64_t padded_weights(int64_t in) { return (in + 63) / 64 * 64; }

/// y (rows, out) = x (rows, in) W^T + beta y, where row j of W (out, in) begins at w + j * ldw; beta = 0 never reads y.
/// An element is summed along `in` by vector lanes, then over them: the same bits whatever other rows and columns there
/// are, and at any number of threads. Inside a parallel_for it runs on the calling thread. Real: float, double.
template <class Real>
void thin_product(int64_t rows, int64_t out, int64_t in, const Real* x, int64_t ldx, const Real* w, int64_t ldw,
                  Real beta, Real* y, int64_t ldy);

/// The same of contiguous arrays, with W in bf16, or in steps of scales[j] in row j; ldw is padded_weights(in).
void thin_product(int64_t rows, int64_t out, int64_t in, const float* x, const uint16_t* w, float* y);
void thin_product(int64_t rows, int64_t out, int64_t in, const float* x, const int8_t* w, const float* scales,
                  float* y);

}  // namespace heed::kernels

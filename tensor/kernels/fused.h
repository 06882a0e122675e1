// Small steps between the big products, each in one pass over memory. T: float or double.
// Outputs may be one of the inputs; other overlaps are not allowed.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// x (rows, n) += bias (n)
template <class T>
void add_bias(T* x, const T* bias, int64_t rows, int64_t n);

/// y = keep ? x * scale : 0: dropout, and its own gradient.
template <class T>
void dropout(const T* x, const bool* keep, T scale, T* y, int64_t n);

}  // namespace heed::kernels

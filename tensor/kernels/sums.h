// Sums over contiguous memory. Blocks are cut by the sizes alone and added up in order: the same bits at any number of
// threads.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// The sum of squares, in f64 throughout (for norms: no f32 value can overflow it).
template <class T>
double sum_of_squares(const T* x, int64_t n);

/// y (n) = sum over the rows of x (rows, n): a bias's gradient. Runs of at most 256 rows add up in T, then the runs.
template <class T>
void sum_rows(const T* x, T* y, int64_t rows, int64_t n);

}  // namespace heed::kernels

// Sums over the rows of contiguous memory.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// y (n) = sum over the rows of x (rows, n): a bias's gradient. Runs of at most 256 rows add up in T, then the runs.
/// They are cut by the sizes alone and added up in order: the same bits at any number of threads.
template <class T>
void sum_rows(const T* x, T* y, int64_t rows, int64_t n);

}  // namespace heed::kernels

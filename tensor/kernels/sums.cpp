#include "tensor/kernels/sums.h"

#include <algorithm>
#include <vector>

#include "tensor/parallel.h"

namespace heed::kernels {
namespace {

constexpr int64_t kBlock = 4096;  // elements whose sum is one partial result

/// The partial results f(begin, end) of blocks of [0, n), added in order.
template <class F>
double sum_blocks(int64_t n, F f) {
  std::vector<double> partial((n + kBlock - 1) / kBlock);
  parallel_for(static_cast<int64_t>(partial.size()), 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) partial[i] = f(i * kBlock, std::min(n, (i + 1) * kBlock));
  });
  double total = 0;
  for (const double part : partial) total += part;
  return total;
}

}  // namespace

template <class T> double sum(const T* x, int64_t n) {
  return sum_blocks(n, [x](int64_t begin, int64_t end) {
    double total = 0;
    for (int64_t i = begin; i < end; ++i) total += x[i];
    return total;
  });
}

template <class T> double sum_of_squares(const T* x, int64_t n) {
  return sum_blocks(n, [x](int64_t begin, int64_t end) {
    double total = 0;
    for (int64_t i = begin; i < end; ++i) total += double(x[i]) * x[i];
    return total;
  });
}

template <class T> void sum_rows(const T* x, T* y, int64_t rows, int64_t n, bool accumulate) {
  for (int64_t j = 0; j < n; ++j) {
    double total = 0;
    for (int64_t i = 0; i < rows; ++i) total += x[i * n + j];
    y[j] = T(accumulate ? y[j] + total : total);
  }
}

template double sum(const float*, int64_t);
template double sum(const double*, int64_t);
template double sum_of_squares(const float*, int64_t);
template double sum_of_squares(const double*, int64_t);
template void sum_rows(const float*, float*, int64_t, int64_t, bool);
template void sum_rows(const double*, double*, int64_t, int64_t, bool);

}  // namespace heed::kernels

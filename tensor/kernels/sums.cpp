// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/sums.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/parallel.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/sums.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels {
namespace HWY_NAMESPACE {

double sum_part(const float* x, size_t n) {
  return sum(n, [=](auto at) HWY_ATTR { return at(x); });
}

double squares_part(const float* x, size_t n) {
  using D = hn::ScalableTag<double>;
  const hn::Rebind<float, D> half;
  const size_t lanes = hn::Lanes(D());
  auto even = hn::Zero(D()), odd = even;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto a = hn::PromoteTo(D(), hn::LoadU(half, x + i)), b = hn::PromoteTo(D(), hn::LoadU(half, x + i + lanes));
    even = hn::MulAdd(a, a, even);
    odd = hn::MulAdd(b, b, odd);
  }
  double total = hn::GetLane(hn::SumOfLanes(D(), hn::Add(even, odd)));
  for (; i < n; ++i) total += static_cast<double>(x[i]) * x[i];
  return total;
}

/// y (width) = the sum over `rows` rows of x, `stride` apart.
void add_rows(const float* x, size_t rows, size_t stride, float* y, size_t width) {
  constexpr size_t kTile = 8;  // vectors of sums that stay in registers
  const size_t lanes = hn::Lanes(F());
  size_t j = 0;
  for (; j + kTile * lanes <= width; j += kTile * lanes) {
    V total[kTile];
    for (V& v : total) v = hn::Zero(F());
    for (size_t r = 0; r < rows; ++r)
      for (size_t t = 0; t < kTile; ++t) total[t] = hn::Add(total[t], Whole{j + t * lanes}(x + r * stride));
    for (size_t t = 0; t < kTile; ++t) Whole{j + t * lanes}.store(total[t], y);
  }
  for_vectors(width - j, [=](auto at) HWY_ATTR {
    V total = hn::Zero(F());
    for (size_t r = 0; r < rows; ++r) total = hn::Add(total, at(x + j + r * stride));
    at.store(total, y + j);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace heed::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(sum_part);
HWY_EXPORT(squares_part);
HWY_EXPORT(add_rows);

double sum_part(const double* x, size_t n) { return std::accumulate(x, x + n, 0.0); }
double squares_part(const double* x, size_t n) { return std::inner_product(x, x + n, x, 0.0); }
void add_rows(const double* x, size_t rows, size_t stride, double* y, size_t width) {
  std::fill_n(y, width, 0.0);
  for (size_t r = 0; r < rows; ++r)
    for (size_t j = 0; j < width; ++j) y[j] += x[r * stride + j];
}

/// The partial results f(begin, size) of blocks of [0, n), added in order.
template <class Function>
double sum_blocks(int64_t n, Function f) {
  constexpr int64_t kBlock = 8192;
  if (n <= kBlock) return f(0, static_cast<size_t>(n));
  std::vector<double> partial((n + kBlock - 1) / kBlock);
  parallel_for(static_cast<int64_t>(partial.size()), 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      partial[i] = f(i * kBlock, static_cast<size_t>(std::min(kBlock, n - i * kBlock)));
  });
  return std::accumulate(partial.begin(), partial.end(), 0.0);
}

template <class T, class Function>
void sum_rows_by(Function add, const T* x, T* y, int64_t rows, int64_t n, bool accumulate) {
  if (rows < 64 && !accumulate) {  // one block of rows: the columns are what can be shared out
    parallel_for(n, std::max<int64_t>(64, 16384 / std::max<int64_t>(1, rows)), [=](int64_t begin, int64_t end) {
      add(x + begin, static_cast<size_t>(rows), static_cast<size_t>(n), y + begin, static_cast<size_t>(end - begin));
    });
    return;
  }
  RowSums<T> sums(rows, n);
  const T* total = sums.run([=](int64_t begin, int64_t end, T* partial) {
    add(x + begin * n, static_cast<size_t>(end - begin), static_cast<size_t>(n), partial, static_cast<size_t>(n));
  });
  for (int64_t j = 0; j < n; ++j) y[j] = accumulate ? y[j] + total[j] : total[j];
}

}  // namespace

template <>
double sum(const float* x, int64_t n) {
  return sum_blocks(n, [=](int64_t begin, size_t size) { return HWY_DYNAMIC_DISPATCH(sum_part)(x + begin, size); });
}
template <>
double sum(const double* x, int64_t n) {
  return sum_blocks(n, [=](int64_t begin, size_t size) { return sum_part(x + begin, size); });
}

template <>
double sum_of_squares(const float* x, int64_t n) {
  return sum_blocks(n, [=](int64_t begin, size_t size) { return HWY_DYNAMIC_DISPATCH(squares_part)(x + begin, size); });
}
template <>
double sum_of_squares(const double* x, int64_t n) {
  return sum_blocks(n, [=](int64_t begin, size_t size) { return squares_part(x + begin, size); });
}

template <>
void sum_rows(const float* x, float* y, int64_t rows, int64_t n, bool accumulate) {
  sum_rows_by(HWY_DYNAMIC_DISPATCH(add_rows), x, y, rows, n, accumulate);
}
template <>
void sum_rows(const double* x, double* y, int64_t rows, int64_t n, bool accumulate) {
  const auto add = static_cast<void (*)(const double*, size_t, size_t, double*, size_t)>(add_rows);
  sum_rows_by(add, x, y, rows, n, accumulate);
}

}  // namespace heed::kernels
#endif

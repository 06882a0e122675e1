// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/sums.h>

#include <algorithm>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/parallel.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/sums.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// y (width) = the sum over `rows` rows of x, `stride` apart.
template <class Real>
void add_rows(const Real* x, int64_t rows, int64_t stride, Real* y, int64_t width) {
  constexpr int64_t kTile = 8;  // vectors of sums that stay in registers
  const auto zero = hn::Zero(Tag<Real>());
  int64_t j = 0;
  for (; j + kTile * kLanes<Real> <= width; j += kTile * kLanes<Real>) {
    Vec<Real> total[kTile];
    for (auto& v : total) v = zero;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t t = 0; t < kTile; ++t) total[t] = hn::Add(total[t], Whole{j + t * kLanes<Real>}(x + r * stride));
    for (int64_t t = 0; t < kTile; ++t) Whole{j + t * kLanes<Real>}.store(total[t], y);
  }
  for_vectors<Real>(width - j, [=](auto at) HWY_ATTR {
    auto total = zero;
    for (int64_t r = 0; r < rows; ++r) total = hn::Add(total, at(x + j + r * stride));
    at.store(total, y + j);
  });
}

auto add_rows_parts() { return Both{add_rows<float>, add_rows<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(add_rows_parts);

template <class T>
void sum_rows(const T* x, T* y, int64_t rows, int64_t n) {
  const auto add = HWY_DYNAMIC_DISPATCH(add_rows_parts)().template get<T>();
  if (rows < 64)  // one block of rows: the columns are what can be shared out
    return parallel_for(n, std::max<int64_t>(64, row_grain(rows)),
                        [=](int64_t begin, int64_t end) { add(x + begin, rows, n, y + begin, end - begin); });
  RowSums<T> sums(rows, n);
  std::copy_n(sums.run([=](int64_t begin, int64_t end, T* partial) { add(x + begin * n, end - begin, n, partial, n); }),
              n, y);
}

HEED_FOR_BOTH(sum_rows)

}  // namespace heed::kernels
#endif

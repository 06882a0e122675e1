// Products of matrices that stay in cache, compiled in tile.cpp, and what goes with them: padding and transposing. For
// Highway files only, once per target. No packing: the caller lays operands out so that rows of B are whole vectors.
#if defined(HEED_KERNELS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_TILE_INL_H_
#undef HEED_KERNELS_TILE_INL_H_
#else
#define HEED_KERNELS_TILE_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <hwy/highway.h>

#include <heed/tensor/kernels/functions-inl.h>
#include <heed/tensor/kernels/pack.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// C (m, n) = A B + beta C; beta = 0 never reads C. Leading dimensions are free. B is readable up to whole vectors.
template <class Real>
void tile_product(int64_t m, int64_t n, int64_t k, const Rows<Real>& a, const Real* b, int64_t ldb, Real beta, Real* c,
                  int64_t ldc);

/// to (n, ld) = the rows of from (n, width) with zeros up to ld.
template <class Real>
HWY_INLINE void pad_rows(int64_t n, int64_t width, const Real* from, int64_t row, Real* to, int64_t ld) {
  for (int64_t i = 0; i < n; ++i) {
    std::copy_n(from + i * row, width, to + i * ld);
    std::fill(to + i * ld + width, to + (i + 1) * ld, Real(0));
  }
}

#if HWY_TARGET != HWY_SCALAR
// y[j][i] = x[i][j] for 4 x 4 numbers: pairs of rows are interleaved by numbers, then pairs of pairs by twos.
template <class X, class Y>
HWY_INLINE void transpose_4x4(X x, Y y) {
  const hn::FixedTag<float, 4> d;
  const hn::FixedTag<double, 2> twos;
  const auto x0 = hn::LoadU(d, x(0)), x1 = hn::LoadU(d, x(1)), x2 = hn::LoadU(d, x(2)), x3 = hn::LoadU(d, x(3));
  const auto low01 = hn::BitCast(twos, hn::InterleaveLower(d, x0, x1));
  const auto low23 = hn::BitCast(twos, hn::InterleaveLower(d, x2, x3));
  const auto high01 = hn::BitCast(twos, hn::InterleaveUpper(d, x0, x1));
  const auto high23 = hn::BitCast(twos, hn::InterleaveUpper(d, x2, x3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(twos, low01, low23)), d, y(0));
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(twos, low01, low23)), d, y(1));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(twos, high01, high23)), d, y(2));
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(twos, high01, high23)), d, y(3));
}
#endif

/// y(j)[i] = x(i)[j] for i < n, j < width, where x and y give the rows of two arrays.
template <class Real, class X, class Y>
HWY_INLINE void transpose(int64_t n, int64_t width, X x, Y y) {
  int64_t whole_rows = 0, whole_columns = 0;
#if HWY_TARGET != HWY_SCALAR
  if constexpr (std::is_same_v<Real, float>) {
    whole_rows = n / 4 * 4, whole_columns = width / 4 * 4;
    for (int64_t i = 0; i < whole_rows; i += 4)
      for (int64_t j = 0; j < whole_columns; j += 4)
        transpose_4x4([&](int64_t r) { return x(i + r) + j; }, [&](int64_t r) { return y(j + r) + i; });
  }
#endif
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < width; ++j) y(j)[i] = x(i)[j];
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // once per target

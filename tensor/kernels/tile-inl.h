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

/// Numbers in 16 bytes, the blocks in which vectors are transposed.
template <class Real>
constexpr int64_t kBlock = 16 / int64_t{sizeof(Real)};

#if HWY_TARGET != HWY_SCALAR
// A vector of the first block of rows `first`, first + kBlock and so on of x.
template <class D, class X>
HWY_INLINE hn::Vec<D> load_blocks(D d, X x, int64_t first) {
  using Real = hn::TFromD<D>;
  if constexpr (hn::MaxLanes(D()) > kBlock<Real>) {
    const hn::Half<D> half;
    return hn::Combine(d, load_blocks(half, x, first + int64_t{hn::MaxLanes(half)}), load_blocks(half, x, first));
  } else return hn::LoadU(d, x(first));
}

/// y(j)[i] = x(i)[j] for all lanes i of d and a block of j. Pairs of rows are interleaved by numbers, then, of f32,
/// pairs of pairs by twos.
template <class D, class X, class Y>
HWY_INLINE void transpose_blocks(D d, X x, Y y) {
  const auto x0 = load_blocks(d, x, 0), x1 = load_blocks(d, x, 1);
  const auto low = hn::InterleaveLower(d, x0, x1), high = hn::InterleaveUpper(d, x0, x1);
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    hn::StoreU(low, d, y(0));
    hn::StoreU(high, d, y(1));
  } else {
    const hn::Repartition<double, D> twos;
    const auto x2 = load_blocks(d, x, 2), x3 = load_blocks(d, x, 3);
    const auto low01 = hn::BitCast(twos, low), high01 = hn::BitCast(twos, high);
    const auto low23 = hn::BitCast(twos, hn::InterleaveLower(d, x2, x3));
    const auto high23 = hn::BitCast(twos, hn::InterleaveUpper(d, x2, x3));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(twos, low01, low23)), d, y(0));
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(twos, low01, low23)), d, y(1));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(twos, high01, high23)), d, y(2));
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(twos, high01, high23)), d, y(3));
  }
}
#endif

/// y(j)[i] = x(i)[j] for i < n, j < width, where x and y give the rows of two arrays.
template <class Real, class X, class Y>
HWY_INLINE void transpose(int64_t n, int64_t width, X x, Y y) {
  int64_t whole_rows = 0, whole_columns = 0;
#if HWY_TARGET != HWY_SCALAR
  constexpr int64_t kSide = kBlock<Real>;
  whole_rows = n / kSide * kSide, whole_columns = width / kSide * kSide;
  for (int64_t i = 0; i < whole_rows; i += kSide)
    for (int64_t j = 0; j < whole_columns; j += kSide)
      transpose_blocks(
          hn::FixedTag<Real, kSide>(), [&](int64_t r) HWY_ATTR { return x(i + r) + j; },
          [&](int64_t r) HWY_ATTR { return y(j + r) + i; });
#endif
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < width; ++j) y(j)[i] = x(i)[j];
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // once per target

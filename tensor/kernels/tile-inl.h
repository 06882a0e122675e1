// Products of small matrices that stay in cache, and what goes with them: padding, transposing, exp. For
// Highway files only, once per target. No packing: the caller lays operands out so that rows of B and C are
// whole vectors.
#if defined(HEED_TENSOR_KERNELS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_TENSOR_KERNELS_TILE_INL_H_
#undef HEED_TENSOR_KERNELS_TILE_INL_H_
#else
#define HEED_TENSOR_KERNELS_TILE_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class Real>
using Tag = hn::ScalableTag<Real>;
template <class Real>
using Vec = hn::Vec<Tag<Real>>;
template <class Real>
constexpr int64_t kLanes = hn::MaxLanes(Tag<Real>());

template <class Real>
constexpr int64_t whole_vectors(int64_t n) {
  return (n + kLanes<Real> - 1) / kLanes<Real> * kLanes<Real>;
}

// Rows of C that are held in registers at once, with two vectors of each: AVX-512 and NEON have 32 registers.
constexpr int kTileRows = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 8 : 4;

/// A (m, k) of a tile product: row-major, or stored as its transpose.
enum class Stored { plain, transposed };

// kRows rows and kVectors vectors of C, over all of k. 2 FMAs a cycle need 8 or more sums under way.
template <int kRows, int kVectors, Stored kA, class Real>
HWY_INLINE void product_in_registers(int64_t k, const Real* HWY_RESTRICT a, int64_t lda,
                                     const Real* HWY_RESTRICT b, int64_t ldb, bool add, Real* HWY_RESTRICT c,
                                     int64_t ldc) {
  const Tag<Real> d;
  Vec<Real> sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j)
      sum[i][j] = add ? hn::LoadU(d, c + i * ldc + j * kLanes<Real>) : hn::Zero(d);
  for (int64_t p = 0; p < k; ++p) {
    Vec<Real> row[kVectors];
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) row[j] = hn::LoadU(d, b + p * ldb + j * kLanes<Real>);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const auto scalar = hn::Set(d, kA == Stored::plain ? a[i * lda + p] : a[p * lda + i]);
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::MulAdd(scalar, row[j], sum[i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) hn::StoreU(sum[i][j], d, c + i * ldc + j * kLanes<Real>);
}

template <int kVectors, Stored kA, class Real>
HWY_INLINE void product_of_columns(int64_t m, int64_t k, const Real* a, int64_t lda, const Real* b,
                                   int64_t ldb, bool add, Real* c, int64_t ldc) {
  const int64_t step = kA == Stored::plain ? lda : 1;
  int64_t i = 0;
  for (; i + kTileRows <= m; i += kTileRows)
    product_in_registers<kTileRows, kVectors, kA>(k, a + i * step, lda, b, ldb, add, c + i * ldc, ldc);
  if constexpr (kTileRows > 4)
    for (; i + 4 <= m; i += 4)
      product_in_registers<4, kVectors, kA>(k, a + i * step, lda, b, ldb, add, c + i * ldc, ldc);
  for (; i < m; ++i)
    product_in_registers<1, kVectors, kA>(k, a + i * step, lda, b, ldb, add, c + i * ldc, ldc);
}

/// C (m, n) = A B, or C += A B if add. n is a multiple of the lanes; leading dimensions are free.
template <Stored kA, class Real>
HWY_NOINLINE void tile_product(int64_t m, int64_t n, int64_t k, const Real* a, int64_t lda, const Real* b,
                               int64_t ldb, bool add, Real* c, int64_t ldc) {
  constexpr int64_t kPair = 2 * kLanes<Real>;
  int64_t j = 0;
  for (; j + kPair <= n; j += kPair) product_of_columns<2, kA>(m, k, a, lda, b + j, ldb, add, c + j, ldc);
  if (j < n) product_of_columns<1, kA>(m, k, a, lda, b + j, ldb, add, c + j, ldc);
}

/// to (n, ld) = the rows of from (n, width) with zeros up to ld.
template <class Real>
HWY_INLINE void pad_rows(int64_t n, int64_t width, const Real* from, int64_t row, Real* to, int64_t ld) {
  for (int64_t i = 0; i < n; ++i) {
    std::copy_n(from + i * row, width, to + i * ld);
    std::fill(to + i * ld + width, to + (i + 1) * ld, Real(0));
  }
}

/// to (width, ld) = factor times the transpose of from (n, width), with zeros up to ld.
template <class Real>
HWY_INLINE void transpose_rows(int64_t n, int64_t width, Real factor, const Real* from, int64_t row, Real* to,
                               int64_t ld) {
  int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  if constexpr (std::is_same_v<Real, float>) {
    // 4 x 4 at a time: pairs of rows are interleaved by numbers, then pairs of pairs by twos
    const hn::FixedTag<float, 4> d;
    const hn::FixedTag<double, 2> twos;
    const auto scale = hn::Set(d, factor);
    for (; i + 4 <= n; i += 4) {
      int64_t j = 0;
      for (; j + 4 <= width; j += 4) {
        const float* x = from + i * row + j;
        const auto x0 = hn::LoadU(d, x), x1 = hn::LoadU(d, x + row);
        const auto x2 = hn::LoadU(d, x + 2 * row), x3 = hn::LoadU(d, x + 3 * row);
        const auto low01 = hn::BitCast(twos, hn::InterleaveLower(d, x0, x1));
        const auto low23 = hn::BitCast(twos, hn::InterleaveLower(d, x2, x3));
        const auto high01 = hn::BitCast(twos, hn::InterleaveUpper(d, x0, x1));
        const auto high23 = hn::BitCast(twos, hn::InterleaveUpper(d, x2, x3));
        float* y = to + j * ld + i;
        hn::StoreU(hn::Mul(scale, hn::BitCast(d, hn::InterleaveLower(twos, low01, low23))), d, y);
        hn::StoreU(hn::Mul(scale, hn::BitCast(d, hn::InterleaveUpper(twos, low01, low23))), d, y + ld);
        hn::StoreU(hn::Mul(scale, hn::BitCast(d, hn::InterleaveLower(twos, high01, high23))), d, y + 2 * ld);
        hn::StoreU(hn::Mul(scale, hn::BitCast(d, hn::InterleaveUpper(twos, high01, high23))), d, y + 3 * ld);
      }
      for (; j < width; ++j)
        for (int64_t r = i; r < i + 4; ++r) to[j * ld + r] = factor * from[r * row + j];
    }
  }
#endif
  for (; i < n; ++i)
    for (int64_t j = 0; j < width; ++j) to[j * ld + i] = factor * from[i * row + j];
  if (n < ld)
    for (int64_t j = 0; j < width; ++j) std::fill(to + j * ld + n, to + (j + 1) * ld, Real(0));
}

template <class Real>
struct ExpConstants;
template <>
struct ExpConstants<float> {
  using Bits = int32_t;
  static constexpr int kMantissaBits = 23;
  static constexpr float kLowest = -87.0f, kRound = 12582912.0f + 127, kLog2E = 1.44269504f;
  static constexpr float kLn2High = 0.693359375f, kLn2Low = -0.000212194442f;
  // (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2, minimax with weight r^2 / e^r: relative error 3e-9
  static constexpr float kSeries[] = {0.49999994f, 0.166665196f, 0.0416683964f, 0.00836878642f,
                                      0.0013814402f};
};
template <>
struct ExpConstants<double> {
  using Bits = int64_t;
  static constexpr int kMantissaBits = 52;
  static constexpr double kLowest = -708.0, kRound = 6755399441055744.0 + 1023, kLog2E = 1.4426950408889634;
  static constexpr double kLn2High = 0.6931471803691238, kLn2Low = 1.9082149292705877e-10;
  // as above: relative error 4e-18
  static constexpr double kSeries[] = {0.5000000000000011,    0.1666666666666641,    0.04166666666652917,
                                       0.008333333333495207,  0.0013888888943927118, 0.00019841269505705984,
                                       2.480149275907953e-05, 2.755758647340288e-06, 2.763037966461162e-07,
                                       2.500024779875111e-08};
};

/// e^x for x below 88 (f32) or 709 (f64): 0 where it would fall below the normal numbers, NaN of NaN.
/// x = n ln 2 + r; adding kRound leaves n + bias in the low bits of the sum, one shift away from 2^n.
template <class Real>
HWY_INLINE Vec<Real> exp_below(Vec<Real> x) {
  using C = ExpConstants<Real>;
  const Tag<Real> d;
  const auto shifted = hn::MulAdd(x, hn::Set(d, C::kLog2E), hn::Set(d, C::kRound));
  const auto n = hn::Sub(shifted, hn::Set(d, C::kRound));
  auto r = hn::NegMulAdd(n, hn::Set(d, C::kLn2High), x);
  r = hn::NegMulAdd(n, hn::Set(d, C::kLn2Low), r);
  constexpr int kTerms = std::size(C::kSeries);
  auto series = hn::Set(d, C::kSeries[kTerms - 1]);
#pragma GCC unroll 16
  for (int i = kTerms - 2; i >= 0; --i) series = hn::MulAdd(series, r, hn::Set(d, C::kSeries[i]));
  const auto minus_one = hn::MulAdd(hn::Mul(r, r), series, r);
  const hn::RebindToSigned<Tag<Real>> bits;
  const auto power = hn::BitCast(d, hn::ShiftLeft<C::kMantissaBits>(hn::BitCast(bits, shifted)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, C::kLowest)), hn::MulAdd(power, minus_one, power));
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // once per target

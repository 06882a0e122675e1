// Products of small matrices that stay in cache, for the kernels that include tile-inl.h.
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/tile.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/tile-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

// Rows of C that are held in registers at once, with two vectors of each: AVX-512 and NEON have 32 registers.
constexpr int kTileRows = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 8 : 4;

// kRows rows and kVectors vectors of C, over all of k. 2 FMAs a cycle need 8 or more sums under way.
template <int kRows, int kVectors, Stored kA, class Real>
HWY_INLINE void product_in_registers(int64_t k, const Real* HWY_RESTRICT a, int64_t lda, const Real* HWY_RESTRICT b,
                                     int64_t ldb, bool add, Real* HWY_RESTRICT c, int64_t ldc) {
  const Tag<Real> d;
  Vec<Real> sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) sum[i][j] = add ? hn::LoadU(d, c + i * ldc + j * kLanes<Real>) : hn::Zero(d);
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
HWY_INLINE void product_of_columns(int64_t m, int64_t k, const Real* a, int64_t lda, const Real* b, int64_t ldb,
                                   bool add, Real* c, int64_t ldc) {
  const int64_t step = kA == Stored::plain ? lda : 1;
  int64_t i = 0;
  for (; i + kTileRows <= m; i += kTileRows)
    product_in_registers<kTileRows, kVectors, kA>(k, a + i * step, lda, b, ldb, add, c + i * ldc, ldc);
  if constexpr (kTileRows > 4)
    for (; i + 4 <= m; i += 4)
      product_in_registers<4, kVectors, kA>(k, a + i * step, lda, b, ldb, add, c + i * ldc, ldc);
  for (; i < m; ++i) product_in_registers<1, kVectors, kA>(k, a + i * step, lda, b, ldb, add, c + i * ldc, ldc);
}

template <Stored kA, class Real>
void tile_product(int64_t m, int64_t n, int64_t k, const Real* a, int64_t lda, const Real* b, int64_t ldb, bool add,
                  Real* c, int64_t ldc) {
  constexpr int64_t kPair = 2 * kLanes<Real>;
  int64_t j = 0;
  for (; j + kPair <= n; j += kPair) product_of_columns<2, kA>(m, k, a, lda, b + j, ldb, add, c + j, ldc);
  if (j < n) product_of_columns<1, kA>(m, k, a, lda, b + j, ldb, add, c + j, ldc);
}

template decltype(tile_product<Stored::plain, float>) tile_product<Stored::plain, float>;
template decltype(tile_product<Stored::transposed, float>) tile_product<Stored::transposed, float>;
template decltype(tile_product<Stored::plain, double>) tile_product<Stored::plain, double>;
template decltype(tile_product<Stored::transposed, double>) tile_product<Stored::transposed, double>;

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

// Matrix products without a BLAS: packed panels and a tile of sums in registers, as in Goto and van de Geijn (2008).
// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/blas.h>

#include <algorithm>
#include <vector>

#include <heed/tensor/kernels/simd.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/blas_portable.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

#ifndef HEED_KERNELS_BLAS_PORTABLE_ONCE
#define HEED_KERNELS_BLAS_PORTABLE_ONCE
namespace heed::kernels {

/// A matrix that is read as it lies or transposed.
template <class Real>
struct Operand {
  const Real* data;
  int64_t down, across;  // elements from one row to the next, and from one column
  Real operator()(int64_t i, int64_t j) const { return data[i * down + j * across]; }
};

template <class Real>
struct PlainProduct {
  int64_t m, n, k;
  Operand<Real> a, b;
  Real* c;  // += op(A) op(B)
  int64_t ldc;
};

}  // namespace heed::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

constexpr int64_t kTileRows = 6, kDepth = 256, kRowsAtOnce = 96, kColumnsAtOnce = 512;
template <class Real>
constexpr int64_t kTileColumns = 2 * kLanes<Real>;

// Panels of kTileRows rows of A, and of kTileColumns columns of B, each with its elements in turn. Zeros fill the last.
template <class Real>
void pack(const Operand<Real>& x, int64_t width, int64_t panel, int64_t depth, bool columns, Real* out) {
  for (int64_t w0 = 0; w0 < width; w0 += panel)
    for (int64_t p = 0; p < depth; ++p)
      for (int64_t w = w0; w < w0 + panel; ++w) *out++ = w >= width ? Real(0) : columns ? x(p, w) : x(w, p);
}

// c += a tile's sums, of which `rows` x `columns` are there.
template <class Real>
HWY_INLINE void add_tile(const Real* a, const Real* b, int64_t depth, Real* c, int64_t ldc, int64_t rows,
                         int64_t columns) {
  const Tag<Real> d;
  Vec<Real> left[kTileRows], right[kTileRows];
#pragma GCC unroll 6
  for (int r = 0; r < kTileRows; ++r) left[r] = right[r] = hn::Zero(d);
  for (int64_t p = 0; p < depth; ++p, a += kTileRows, b += kTileColumns<Real>) {
    const auto b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + kLanes<Real>);
#pragma GCC unroll 6
    for (int r = 0; r < kTileRows; ++r) {
      const auto x = hn::Set(d, a[r]);
      left[r] = hn::MulAdd(x, b0, left[r]), right[r] = hn::MulAdd(x, b1, right[r]);
    }
  }
  for (int64_t r = 0; r < rows; ++r, c += ldc) {
    store_first<Real>(hn::Add(load_first(c, columns), left[r]), c, columns);
    if (columns > kLanes<Real>)
      store_first<Real>(hn::Add(load_first(c + kLanes<Real>, columns - kLanes<Real>), right[r]), c + kLanes<Real>,
                        columns - kLanes<Real>);
  }
}

template <class Real>
void add_product(const PlainProduct<Real>& x) {
  constexpr int64_t kWide = kTileColumns<Real>;
  const auto whole = [](int64_t n, int64_t panel) { return (n + panel - 1) / panel * panel; };
  const int64_t depth = std::min(kDepth, x.k);
  std::vector<Real> a(size_t(whole(std::min(kRowsAtOnce, x.m), kTileRows) * depth)),
      b(size_t(whole(std::min(kColumnsAtOnce, x.n), kWide) * depth));
  for (int64_t j0 = 0; j0 < x.n; j0 += kColumnsAtOnce)
    for (int64_t p0 = 0; p0 < x.k; p0 += kDepth) {
      const int64_t n = std::min(kColumnsAtOnce, x.n - j0), k = std::min(kDepth, x.k - p0);
      pack({&x.b.data[p0 * x.b.down + j0 * x.b.across], x.b.down, x.b.across}, n, kWide, k, true, b.data());
      for (int64_t i0 = 0; i0 < x.m; i0 += kRowsAtOnce) {
        const int64_t m = std::min(kRowsAtOnce, x.m - i0);
        pack({&x.a.data[i0 * x.a.down + p0 * x.a.across], x.a.down, x.a.across}, m, kTileRows, k, false, a.data());
        for (int64_t j = 0; j < n; j += kWide)
          for (int64_t i = 0; i < m; i += kTileRows)
            add_tile(&a[size_t(i * k)], &b[size_t(j * k)], k, x.c + (i0 + i) * x.ldc + j0 + j, x.ldc,
                     std::min(kTileRows, m - i), std::min(kWide, n - j));
      }
    }
}

auto plain_products() { return Both{add_product<float>, add_product<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(plain_products);

namespace portable {

template <class T>
void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
          T beta, T* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = beta == 0 ? T(0) : beta * c[i * ldc + j];
  if (m == 0 || n == 0 || k == 0) return;
  const auto operand = [](const T* x, int64_t leading, bool transposed) {
    return transposed ? Operand<T>{x, 1, leading} : Operand<T>{x, leading, 1};
  };
  HWY_DYNAMIC_DISPATCH(plain_products)
  ().template get<T>()({m, n, k, operand(a, lda, trans_a), operand(b, ldb, trans_b), c, ldc});
}

template <class T>
void gemv(bool trans, int64_t rows, int64_t columns, const T* a, int64_t lda, const T* x, int64_t step_x, T beta, T* y,
          int64_t step_y) {
  gemm(trans, false, rows, 1, columns, a, lda, x, step_x, beta, y, step_y);
}

std::string report() { return "none: plain products of heed's own, slower than OpenBLAS's"; }

template decltype(gemm<float>) gemm<float>;
template decltype(gemm<double>) gemm<double>;
template decltype(gemv<float>) gemv<float>;
template decltype(gemv<double>) gemv<double>;

}  // namespace portable
}  // namespace heed::kernels
#endif

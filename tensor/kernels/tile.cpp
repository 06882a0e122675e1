// Matrix products on the machine's vectors. Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/tile.h>

#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/tile.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/tile-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

// Vectors of C that are held in registers at once, at most, and rows of so many: AVX-512 and NEON have 32 registers,
// the others 16.
constexpr bool kManyRegisters = HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64;
constexpr int kTileVectors = 3;
constexpr int tile_rows(int vectors) { return kManyRegisters || vectors == 1 ? 8 : vectors == 2 ? 6 : 4; }

// kRows rows and kVectors vectors of C, of which the last has `last` lanes, over all of k. 2 FMAs a cycle need 8 sums
// under way or more. A call of its own, so that nothing else takes registers. Sanitizers would look at every element of
// every product: they find what is wrong around it.
template <int kRows, int kVectors, bool kAcross, class Real>
#ifdef __clang__
__attribute__((no_sanitize("address", "undefined")))
#endif
HWY_NOINLINE void
product_in_registers(int64_t k, const Real* HWY_RESTRICT a, int64_t step, const Real* HWY_RESTRICT b, int64_t ldb,
                     Real beta, Real* HWY_RESTRICT c, int64_t ldc, int64_t last) {
  constexpr int64_t kL = kLanes<Real>;
  const Tag<Real> d;
  for (int i = 0; beta != 0 && i < kRows; ++i)
    for (int j = 0; j < kVectors; ++j) hwy::Prefetch(c + i * ldc + j * kL);
  Vec<Real> sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::Zero(d);
  for (int64_t p = 0; p < k; ++p) {
    Vec<Real> row[kVectors];
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) row[j] = hn::LoadU(d, b + p * ldb + j * kL);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const auto scalar = hn::Set(d, kAcross ? a[p * step + i] : a[i * step + p]);
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::MulAdd(scalar, row[j], sum[i][j]);
    }
  }
  const auto lanes = [last](int j) HWY_ATTR { return j == kVectors - 1 ? last : kL; };
  if (beta != 0) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j)
        sum[i][j] = hn::MulAdd(hn::Set(d, beta), load_first(c + i * ldc + j * kL, lanes(j)), sum[i][j]);
  }
  if (last == kL) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j) hn::StoreU(sum[i][j], d, c + i * ldc + j * kL);
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j) store_first<Real>(sum[i][j], c + i * ldc + j * kL, lanes(j));
  }
}

template <int kVectors, bool kAcross, class Real>
void product_of_columns(int64_t m, int64_t k, const Rows<Real>& a, const Real* b, int64_t ldb, Real beta, Real* c,
                        int64_t ldc, int64_t last) {
  a.template for_groups<tile_rows(kVectors)>(m, [&](auto rows, const Real* from, int64_t i) HWY_ATTR {
    product_in_registers<rows(), kVectors, kAcross>(k, from, a.step, b, ldb, beta, c + i * ldc, ldc, last);
  });
}

template <bool kAcross, class Real>
void product_of_tile(int64_t m, int64_t n, int64_t k, const Rows<Real>& a, const Real* b, int64_t ldb, Real beta,
                     Real* c, int64_t ldc) {
  constexpr int64_t kL = kLanes<Real>;
  for (int64_t j = 0; j < n;) {
    const int64_t vectors = (n - j + kL - 1) / kL, turns = (vectors + kTileVectors - 1) / kTileVectors;
    const int64_t used = (vectors + turns - 1) / turns;  // as even as can be: one vector alone makes too few sums
    const int64_t last = std::min(kL, n - j - (used - 1) * kL);
    if (used == 1) product_of_columns<1, kAcross>(m, k, a, b + j, ldb, beta, c + j, ldc, last);
    else if (used == 2) product_of_columns<2, kAcross>(m, k, a, b + j, ldb, beta, c + j, ldc, last);
    else product_of_columns<kTileVectors, kAcross>(m, k, a, b + j, ldb, beta, c + j, ldc, last);
    j += used * kL;
  }
}

template <class Real>
void tile_product(int64_t m, int64_t n, int64_t k, const Rows<Real>& a, const Real* b, int64_t ldb, Real beta, Real* c,
                  int64_t ldc) {
  a.is_across ? product_of_tile<true>(m, n, k, a, b, ldb, beta, c, ldc)
              : product_of_tile<false>(m, n, k, a, b, ldb, beta, c, ldc);
}

HEED_FOR_BOTH(tile_product)

template <class Real>
void multiply_panel(int64_t m, int64_t n, int64_t k, const Rows<Real>& a, const Real* b, Real beta, Real* c,
                    int64_t ldc) {
  tile_product(m, n, k, a, b, whole_lines<Real>(n), beta, c, ldc);
}

// Units of rows across: they lie so where A is transposed.
template <class Real>
void pack_units(const Source<Real>& a, int64_t m, int64_t k, Real* to) {
  const int64_t unit = kUnit * whole_lines<Real>(k);
  for (int64_t p = 0; p < k; ++p) {
    const Real* const from = a.data + p * a.row;
    for (int64_t i = 0; i < m; i += kUnit)
      for_vectors<Real>(std::min(kUnit, m - i), [&, at = to + i / kUnit * unit + p * kUnit](auto lanes)
                                                    HWY_ATTR { lanes.store(lanes(from + i), at); });
  }
}

template <class Real>
void pack_one_panel(const Source<Real>& b, const Panels<Real>& panels, int64_t i, int64_t k, Real* to) {
  constexpr int64_t kL = kLanes<Real>;
  const int64_t n = panels.width(i), width = whole_lines<Real>(n);
  const Real* const from = b.from(0, panels.start(i)).data;
  if (!b.transposed) {
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j < width; j += kL)
        hn::StoreU(load_first(from + p * b.row + j, std::max<int64_t>(0, n - j)), Tag<Real>(), to + p * width + j);
    return;
  }
  int64_t whole = 0, steps = 0;
#if HWY_TARGET != HWY_SCALAR
  whole = n / kL * kL, steps = k / kBlock<Real> * kBlock<Real>;
  for (int64_t j = 0; j < whole; j += kL)
    for (int64_t p = 0; p < steps; p += kBlock<Real>)
      transpose_blocks(
          Tag<Real>(), [&](int64_t r) HWY_ATTR { return from + (j + r) * b.row + p; },
          [&](int64_t r) HWY_ATTR { return to + (p + r) * width + j; });
#endif
  for (int64_t p = 0; p < k; ++p)
    for (int64_t j = p < steps ? whole : 0; j < width; ++j) to[p * width + j] = j < n ? from[j * b.row + p] : 0;
}

template <class Real>
void add_all_rows(int64_t n, int64_t k, const Real* a, int64_t step, const Real* b, int64_t ldb, Real* c) {
  int64_t p = 0;
  for (; p + 4 <= k; p += 4) {
    const Real* const row = b + p * ldb;
    const auto factor = [&](int64_t i) HWY_ATTR { return hn::Set(Tag<Real>(), a[(p + i) * step]); };
    for_vectors<Real>(n, [&, f0 = factor(0), f1 = factor(1), f2 = factor(2), f3 = factor(3)](auto at) HWY_ATTR {
      auto sum = hn::MulAdd(f0, at(row), at(c));
      sum = hn::MulAdd(f1, at(row + ldb), sum), sum = hn::MulAdd(f2, at(row + 2 * ldb), sum);
      at.store(hn::MulAdd(f3, at(row + 3 * ldb), sum), c);
    });
  }
  for (; p < k; ++p)
    for_vectors<Real>(n, [&, f = hn::Set(Tag<Real>(), a[p * step]), row = b + p * ldb](auto at)
                             HWY_ATTR { at.store(hn::MulAdd(f, at(row), at(c)), c); });
}

auto multiply_both() { return Both{multiply_panel<float>, multiply_panel<double>}; }
auto pack_units_both() { return Both{pack_units<float>, pack_units<double>}; }
auto pack_panel_both() { return Both{pack_one_panel<float>, pack_one_panel<double>}; }
auto add_rows_both() { return Both{add_all_rows<float>, add_all_rows<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(multiply_both);
HWY_EXPORT(pack_units_both);
HWY_EXPORT(pack_panel_both);
HWY_EXPORT(add_rows_both);

template <class Real>
Rows<Real> pack_rows(const Source<Real>& a, int64_t m, int64_t k, Real* to) {
  HWY_DYNAMIC_DISPATCH(pack_units_both)().template get<Real>()(a, m, k, to);
  return Rows<Real>::units(to, whole_lines<Real>(k));
}

template <class Real>
void pack_panel(const Source<Real>& b, const Panels<Real>& panels, int64_t i, int64_t k, Real* to) {
  HWY_DYNAMIC_DISPATCH(pack_panel_both)().template get<Real>()(b, panels, i, k, to);
}

template <class Real>
void multiply(int64_t m, int64_t n, int64_t k, const Rows<Real>& a, const Columns<Real>& b, Real beta, Real* c,
              int64_t ldc) {
  HWY_DYNAMIC_DISPATCH(multiply_both)().template get<Real>()(m, n, k, a, b.data, beta, c, ldc);
}

template <class Real>
void add_rows(int64_t n, int64_t k, const Real* a, int64_t step, const Real* b, int64_t ldb, Real* c) {
  HWY_DYNAMIC_DISPATCH(add_rows_both)().template get<Real>()(n, k, a, step, b, ldb, c);
}

HEED_FOR_BOTH(pack_rows)
HEED_FOR_BOTH(pack_panel)
HEED_FOR_BOTH(multiply)
HEED_FOR_BOTH(add_rows)

}  // namespace heed::kernels
#endif

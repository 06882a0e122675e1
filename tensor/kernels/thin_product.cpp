// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/thin_product.h>

#include <algorithm>

#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/thin_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

#ifndef HEED_KERNELS_THIN_PRODUCT_ONCE
#define HEED_KERNELS_THIN_PRODUCT_ONCE
namespace heed::kernels {

/// A call. W: Real, or uint16_t of bf16, or int8_t.
template <class Real, class W>
struct ThinProduct {
  int64_t rows, out, in;
  const Real* x;
  int64_t ldx;
  const W* w;
  int64_t ldw;
  const float* scales;  // of each row of w; null: 1
  Real beta;
  Real* y;
  int64_t ldy;
};

}  // namespace heed::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

// A vector of weights, of which the first n are there; of those in fewer bits all are.
template <class Real>
HWY_INLINE Vec<Real> load_weights(const Real* w, int64_t n) {
  return load_first(w, n);
}
HWY_INLINE Vec<float> load_weights(const uint16_t* w, int64_t) {
  const hn::Rebind<uint32_t, Tag<float>> wide;
  const hn::Rebind<uint16_t, Tag<float>> narrow;
  return hn::BitCast(Tag<float>(), hn::ShiftLeft<16>(hn::PromoteTo(wide, hn::LoadU(narrow, w))));
}
HWY_INLINE Vec<float> load_weights(const int8_t* w, int64_t) {
  const hn::Rebind<int32_t, Tag<float>> wide;
  const hn::Rebind<int8_t, Tag<float>> narrow;
  return hn::ConvertTo(Tag<float>(), hn::PromoteTo(wide, hn::LoadU(narrow, w)));
}

// kRows elements down and kColumns across from y[i][j], over all of `in`.
template <int kRows, int kColumns, class Real, class W>
HWY_INLINE void product_in_registers(const ThinProduct<Real, W>& p, int64_t i, int64_t j) {
  const Tag<Real> d;
  const Real* x = p.x + i * p.ldx;
  const W* w = p.w + j * p.ldw;
  Vec<Real> sum[kRows][kColumns];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 16
    for (int c = 0; c < kColumns; ++c) sum[r][c] = hn::Zero(d);
  const auto add = [&](int64_t k, int64_t n) HWY_ATTR {
    Vec<Real> row[kRows];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) row[r] = load_first(x + r * p.ldx + k, n);
#pragma GCC unroll 16
    for (int c = 0; c < kColumns; ++c) {
      const auto weights = load_weights(w + c * p.ldw + k, n);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) sum[r][c] = hn::MulAdd(row[r], weights, sum[r][c]);
    }
  };
  int64_t k = 0;
  for (; k + kLanes<Real> <= p.in; k += kLanes<Real>) add(k, kLanes<Real>);
  if (k < p.in) add(k, p.in - k);
#pragma GCC unroll 16
  for (int c = 0; c < kColumns; ++c) {
    const Real scale = p.scales ? static_cast<Real>(p.scales[j + c]) : Real(1);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      Real& y = p.y[(i + r) * p.ldy + j + c];
      const Real total = hn::GetLane(hn::SumOfLanes(d, sum[r][c])) * scale;
      y = p.beta == 0 ? total : total + p.beta * y;
    }
  }
}

// Sums under way at once: 8 keep the pipelines full, and 16 are for machines of 32 registers.
constexpr int kMostRows = HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64 ? 4 : 2;

template <int kColumns, class Real, class W>
HWY_INLINE void product_of_columns(const ThinProduct<Real, W>& p, int64_t j) {
  int64_t i = 0;
  for (; i + kMostRows <= p.rows; i += kMostRows) product_in_registers<kMostRows, kColumns>(p, i, j);
  for (; i < p.rows; ++i) product_in_registers<1, kColumns>(p, i, j);
}

template <class Real, class W>
void product_of_range(const ThinProduct<Real, W>& p, int64_t j, int64_t end) {
  if (p.rows == 1)
    for (; j + 8 <= end; j += 8) product_in_registers<1, 8>(p, 0, j);
  for (; j + 4 <= end; j += 4) product_of_columns<4>(p, j);
  for (; j < end; ++j) product_of_columns<1>(p, j);
}

auto thin_f32_f64() { return Both{product_of_range<float, float>, product_of_range<double, double>}; }
auto thin_bf16() { return product_of_range<float, uint16_t>; }
auto thin_q8() { return product_of_range<float, int8_t>; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(thin_f32_f64);
HWY_EXPORT(thin_bf16);
HWY_EXPORT(thin_q8);

namespace {

// Bytes to read, and multiply-adds, that are worth a thread's while.
constexpr int64_t kReadPerRange = 1 << 16, kWorkPerRange = 1 << 18;
constexpr int64_t kColumns = 16;  // columns that a thread takes at least: two threads never write one cache line

template <class Real, class W, class Range>
void share(const ThinProduct<Real, W>& p, Range range) {
  count_flops(2 * p.rows * p.out * p.in);
  const int64_t bytes = kColumns * p.in * static_cast<int64_t>(sizeof(W)), work = kColumns * p.in * p.rows;
  parallel_for((p.out + kColumns - 1) / kColumns,
               std::min(grain_for(kReadPerRange, bytes), grain_for(kWorkPerRange, work)),
               [&](int64_t first, int64_t last) { range(p, first * kColumns, std::min(p.out, last * kColumns)); });
}

}  // namespace

template <class Real>
void thin_product(int64_t rows, int64_t out, int64_t in, const Real* x, int64_t ldx, const Real* w, int64_t ldw,
                  Real beta, Real* y, int64_t ldy) {
  share(ThinProduct<Real, Real>{rows, out, in, x, ldx, w, ldw, nullptr, beta, y, ldy},
        HWY_DYNAMIC_DISPATCH(thin_f32_f64)().template get<Real>());
}

void thin_product(int64_t rows, int64_t out, int64_t in, const float* x, const uint16_t* w, float* y) {
  share(ThinProduct<float, uint16_t>{rows, out, in, x, in, w, padded_weights(in), nullptr, 0, y, out},
        HWY_DYNAMIC_DISPATCH(thin_bf16)());
}

void thin_product(int64_t rows, int64_t out, int64_t in, const float* x, const int8_t* w, const float* scales,
                  float* y) {
  share(ThinProduct<float, int8_t>{rows, out, in, x, in, w, padded_weights(in), scales, 0, y, out},
        HWY_DYNAMIC_DISPATCH(thin_q8)());
}

HEED_FOR_BOTH(thin_product)

}  // namespace heed::kernels
#endif

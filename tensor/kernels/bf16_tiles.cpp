#include <heed/tensor/kernels/bf16_tiles.h>

#if defined(__x86_64__)

#include <hwy/base.h>
#include <immintrin.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false alarms in the headers of GCC 12
#endif

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512bf16")
namespace heed::kernels {
namespace {

__mmask16 first_lanes(int64_t n) { return n >= 16 ? 0xffff : n <= 0 ? 0 : __mmask16((1u << n) - 1); }

// 16 pairs from 32 numbers in a row, of which the first n are there.
__m512i pairs_along(const float* x, int64_t n) {
  const __m512 low = _mm512_maskz_loadu_ps(first_lanes(n), x),
               high = _mm512_maskz_loadu_ps(first_lanes(n - 16), x + 16);
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// 16 pairs from two rows, `row` apart, of which the first n columns are there, and perhaps not the second row.
__m512i pairs_across(const float* x, int64_t row, bool two, int64_t n) {
  alignas(64) static constexpr uint16_t kInterleave[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                           21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512 low = _mm512_maskz_loadu_ps(first_lanes(n), x);
  const __m512 high = two ? _mm512_maskz_loadu_ps(first_lanes(n), x + row) : _mm512_setzero_ps();
  return _mm512_permutexvar_epi16(_mm512_load_si512(kInterleave), (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

// x[i][j] and x[j][i] change places.
void transpose_16x16(__m512i (&x)[16]) {
  __m512i y[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2)
    y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]), y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    x[i] = _mm512_unpacklo_epi64(y[i], y[i + 2]), x[i + 1] = _mm512_unpackhi_epi64(y[i], y[i + 2]);
    x[i + 2] = _mm512_unpacklo_epi64(y[i + 1], y[i + 3]), x[i + 3] = _mm512_unpackhi_epi64(y[i + 1], y[i + 3]);
  }
  // now quarter q of x[4 g + j] has rows 4 g to 4 g + 3 of column 4 q + j
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512i even01 = _mm512_shuffle_i32x4(x[j], x[4 + j], 0x88),
                  odd01 = _mm512_shuffle_i32x4(x[j], x[4 + j], 0xdd);
    const __m512i even23 = _mm512_shuffle_i32x4(x[8 + j], x[12 + j], 0x88),
                  odd23 = _mm512_shuffle_i32x4(x[8 + j], x[12 + j], 0xdd);
    y[j] = _mm512_shuffle_i32x4(even01, even23, 0x88), y[8 + j] = _mm512_shuffle_i32x4(even01, even23, 0xdd);
    y[4 + j] = _mm512_shuffle_i32x4(odd01, odd23, 0x88), y[12 + j] = _mm512_shuffle_i32x4(odd01, odd23, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) x[i] = y[i];
}

// kRows rows and kVectors vectors of C, the last masked, over all pairs.
template <int kRows, int kVectors, bool kAcross>
void multiply_in_registers(int64_t pairs, const uint32_t* a, int64_t row, const uint32_t* b, float beta, float* c,
                           int64_t ldc, __mmask16 last) {
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sum[i][j] = _mm512_setzero_ps();
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh columns[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) columns[j] = (__m512bh)_mm512_loadu_si512(b + (p * kVectors + j) * kBf16Lanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const auto pair = (__m512bh)_mm512_set1_epi32(int(kAcross ? a[p * kBf16Unit + i] : a[i * row + p]));
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sum[i][j] = _mm512_dpbf16_ps(sum[i][j], pair, columns[j]);
    }
  }
  const __m512 factor = _mm512_set1_ps(beta);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      float* const to = c + i * ldc + j * kBf16Lanes;
      const __mmask16 there = j == kVectors - 1 ? last : __mmask16(0xffff);
      if (beta != 0) sum[i][j] = _mm512_fmadd_ps(factor, _mm512_maskz_loadu_ps(there, to), sum[i][j]);
      _mm512_mask_storeu_ps(to, there, sum[i][j]);
    }
}

template <int kVectors, bool kAcross>
void multiply_panel(int64_t m, int64_t pairs, const Bf16Rows& a, const uint32_t* b, float beta, float* c, int64_t ldc,
                    __mmask16 last) {
  const int64_t step = kAcross ? 1 : a.pairs;
  for (int64_t first = 0; first < m; first += kBf16Unit) {
    const uint32_t* const unit = a.unit(first / kBf16Unit).data;
    const int64_t rows = std::min(kBf16Unit, m - first);
    float* const to = c + first * ldc;
    int64_t i = 0;
    for (; i + 8 <= rows; i += 8)
      multiply_in_registers<8, kVectors, kAcross>(pairs, unit + i * step, a.pairs, b, beta, to + i * ldc, ldc, last);
    for (; i + 4 <= rows; i += 4)
      multiply_in_registers<4, kVectors, kAcross>(pairs, unit + i * step, a.pairs, b, beta, to + i * ldc, ldc, last);
    for (; i < rows; ++i)
      multiply_in_registers<1, kVectors, kAcross>(pairs, unit + i * step, a.pairs, b, beta, to + i * ldc, ldc, last);
  }
}

template <bool kAcross>
void multiply(int64_t m, int64_t n, int64_t k, const Bf16Rows& a, const Bf16Columns& b, float beta, float* c,
              int64_t ldc) {
  const Bf16Panels panels(n);
  const int64_t pairs = bf16_pairs(k);
  for (int64_t i = 0; i < panels.count; ++i) {
    const int64_t start = panels.start(i), width = panels.width(i);
    const __mmask16 last = first_lanes((width - 1) % kBf16Lanes + 1);
    const uint32_t* const panel = b.data + start * b.pairs;
    switch (bf16_padded(width) / kBf16Lanes) {
      case 1: multiply_panel<1, kAcross>(m, pairs, a, panel, beta, c + start, ldc, last); break;
      case 2: multiply_panel<2, kAcross>(m, pairs, a, panel, beta, c + start, ldc, last); break;
      default: multiply_panel<3, kAcross>(m, pairs, a, panel, beta, c + start, ldc, last); break;
    }
  }
}

}  // namespace

Bf16Rows pack_bf16_rows(const Bf16Source& a, int64_t m, int64_t k, uint32_t* to) {
  const int64_t pairs = bf16_padded(bf16_pairs(k));
  if (!a.transposed)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t p = 0; p < pairs; p += kBf16Lanes)
        _mm512_storeu_si512(to + i * pairs + p, pairs_along(a.data + i * a.row + 2 * p, k - 2 * p));
  else
    for (int64_t i = 0; i < m; i += kBf16Unit)
      for (int64_t p = 0; 2 * p < k; ++p)
        _mm512_storeu_si512(to + i * pairs + p * kBf16Unit,
                            pairs_across(a.data + 2 * p * a.row + i, a.row, 2 * p + 1 < k, m - i));
  return {to, pairs, a.transposed};
}

void pack_bf16_panel(const Bf16Source& b, const Bf16Panels& panels, int64_t i, int64_t k, uint32_t* to) {
  const int64_t start = panels.start(i), n = panels.width(i), width = bf16_padded(n), pairs = bf16_pairs(k);
  if (!b.transposed) {
    for (int64_t p = 0; p < pairs; ++p)
      for (int64_t j = 0; j < width; j += kBf16Lanes)
        _mm512_storeu_si512(to + p * width + j,
                            pairs_across(b.data + 2 * p * b.row + start + j, b.row, 2 * p + 1 < k, n - j));
    return;
  }
  __m512i block[16];
  for (int64_t j = 0; j < width; j += kBf16Lanes)
    for (int64_t p = 0; p < pairs; p += kBf16Lanes) {
#pragma GCC unroll 16
      for (int64_t c = 0; c < 16; ++c)
        block[c] =
            j + c < n ? pairs_along(b.data + (start + j + c) * b.row + 2 * p, k - 2 * p) : _mm512_setzero_si512();
      transpose_16x16(block);
      for (int64_t r = 0; r < std::min(kBf16Lanes, pairs - p); ++r)
        _mm512_storeu_si512(to + (p + r) * width + j, block[r]);
    }
}

Bf16Columns pack_bf16_columns(const Bf16Source& b, int64_t n, int64_t k, uint32_t* to) {
  const Bf16Panels panels(n);
  for (int64_t i = 0; i < panels.count; ++i) pack_bf16_panel(b, panels, i, k, to + panels.start(i) * bf16_pairs(k));
  return {to, bf16_pairs(k)};
}

void multiply_bf16(int64_t m, int64_t n, int64_t k, const Bf16Rows& a, const Bf16Columns& b, float beta, float* c,
                   int64_t ldc) {
  a.across ? multiply<true>(m, n, k, a, b, beta, c, ldc) : multiply<false>(m, n, k, a, b, beta, c, ldc);
}

}  // namespace heed::kernels
HWY_POP_ATTRIBUTES

bool heed::kernels::cpu_has_bf16() {
  static const bool has =
      __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return has;
}

#else

namespace heed::kernels {

bool cpu_has_bf16() { return false; }
Bf16Rows pack_bf16_rows(const Bf16Source&, int64_t, int64_t, uint32_t*) { return {}; }
void pack_bf16_panel(const Bf16Source&, const Bf16Panels&, int64_t, int64_t, uint32_t*) {}
Bf16Columns pack_bf16_columns(const Bf16Source&, int64_t, int64_t, uint32_t*) { return {}; }
void multiply_bf16(int64_t, int64_t, int64_t, const Bf16Rows&, const Bf16Columns&, float, float*, int64_t) {}

}  // namespace heed::kernels

#endif

#include <heed/tensor/kernels/bf16_tiles.h>

#if defined(__x86_64__)

#include <cmath>

#include <hwy/base.h>
#include <immintrin.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false alarms in the headers of GCC 12
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

namespace heed::kernels {
namespace {

// From the first time that bf16 is asked for: a process that has asked for AMX's state needs larger stacks for signals.
Bf16Unit& in_use() {
  static Bf16Unit unit = cpu_bf16_unit();
  return unit;
}

}  // namespace
}  // namespace heed::kernels

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512bf16")
namespace heed::kernels {
namespace {

// 16 pairs of neighbours: those of `low`, then those of `high`.
__m512i neighbours(__m512 low, __m512 high) { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }

// 16 pairs of what stands at the same place.
__m512i pairs_of(__m512 first, __m512 second) {
  alignas(64) static constexpr uint16_t kInterleave[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                           21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kInterleave), neighbours(first, second));
}

// The first n numbers, times factor.
__m512 first_of(int64_t n, const float* x, __m512 factor) {
  return _mm512_mul_ps(_mm512_maskz_loadu_ps(first_lanes(n), x), factor);
}

// 16 pairs from 32 numbers in a row, of which the first n are there.
__m512i pairs_along(const float* x, int64_t n, __m512 factor) {
  return neighbours(first_of(n, x, factor), first_of(n - 16, x + 16, factor));
}

// 16 pairs from two rows, `row` apart, of which the first n columns are there, and perhaps not the second row.
__m512i pairs_across(const float* x, int64_t row, bool two, int64_t n, __m512 factor) {
  return pairs_of(first_of(n, x, factor), two ? first_of(n, x + row, factor) : _mm512_setzero_ps());
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
void multiply_in_registers(int64_t pairs, const Bf16Pair* a, int64_t row, const Bf16Pair* b, float beta, float* c,
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
      const auto pair = (__m512bh)_mm512_set1_epi32(int(kAcross ? a[p * row + i] : a[i * row + p]));
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
void multiply_panel(int64_t m, int64_t pairs, const Rows<Bf16Pair>& a, const Bf16Pair* b, float beta, float* c,
                    int64_t ldc, __mmask16 last) {
  a.for_groups<8>(m, [&](auto rows, const Bf16Pair* from, int64_t i) {
    multiply_in_registers<rows(), kVectors, kAcross>(pairs, from, a.step, b, beta, c + i * ldc, ldc, last);
  });
}

template <bool kAcross>
void multiply_panels(int64_t m, int64_t n, int64_t k, const Rows<Bf16Pair>& a, const Columns<Bf16Pair>& b, float beta,
                     float* c, int64_t ldc) {
  const Panels<Bf16Pair> panels(n);
  const int64_t pairs = (k + 1) / 2;
  for (int64_t i = 0; i < panels.count; ++i) {
    const int64_t start = panels.start(i), width = panels.width(i);
    const __mmask16 last = first_lanes((width - 1) % kBf16Lanes + 1);
    const Bf16Pair* const panel = b.data + start * b.steps;
    switch (whole_lines<Bf16Pair>(width) / kBf16Lanes) {
      case 1: multiply_panel<1, kAcross>(m, pairs, a, panel, beta, c + start, ldc, last); break;
      case 2: multiply_panel<2, kAcross>(m, pairs, a, panel, beta, c + start, ldc, last); break;
      default: multiply_panel<3, kAcross>(m, pairs, a, panel, beta, c + start, ldc, last); break;
    }
  }
}

// What was written across in units, `pairs` of each row: for squares, with zeros behind it and transposed.
Rows<Bf16Pair> finish_units(int64_t m, int64_t pairs, int64_t k, Bf16Pair* to) {
  const int64_t length = row_length<Bf16Pair>(k);
  if (in_use() == Bf16Unit::squares) {
    __m512i square[16];
    for (int64_t i = 0; i < m; i += kUnit)
      for (int64_t p = 0; p < length; p += kBf16Lanes) {
        Bf16Pair* const at = to + i * length + p * kUnit;
#pragma GCC unroll 16
        for (int64_t r = 0; r < kUnit; ++r)
          square[r] = p + r < pairs ? _mm512_loadu_si512(at + r * kUnit) : _mm512_setzero_si512();
        transpose_16x16(square);
#pragma GCC unroll 16
        for (int64_t r = 0; r < kUnit; ++r) _mm512_storeu_si512(at + r * kUnit, square[r]);
      }
  }
  return packed_rows(to, k, true);
}

constexpr float kLog2e = 1.44269504f;

// e^(x - base) for x <= base, to within 2^-17 of itself, be they as large as they may. Where that is below 2^-126 it is
// 0, and no longer `there`; as where it was not from the start.
__m512 exp_below(__m512 x, __m512 base, __mmask16& there) {
  const __m512 power = _mm512_mul_ps(_mm512_sub_ps(x, base), _mm512_set1_ps(kLog2e));
  there = _mm512_mask_cmp_ps_mask(there, power, _mm512_set1_ps(-126), _CMP_NLT_UQ);  // NaN is there
  const __m512 shift = _mm512_set1_ps(12582912 + 127);  // rounds, and leaves 2^rounded's exponent in the low bits
  const __m512 bits = _mm512_add_ps(power, shift), rest = _mm512_sub_ps(power, _mm512_sub_ps(bits, shift));
  __m512 y = _mm512_fmadd_ps(_mm512_set1_ps(0.0095701f), rest, _mm512_set1_ps(0.05591786f));  // 2^rest: minimax
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(0.24024745f));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(0.69312181f));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(0.99999926f));
  return _mm512_maskz_mul_ps(there, y, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(bits), 23)));
}
__m512 exp_below(__m512 x, __m512 base) {
  __mmask16 there = 0xffff;
  return exp_below(x, base, there);
}

// What softmax's gradient takes of kBf16Queries queries.
struct Queries {
  __m512 base[2], mean[2];
  __mmask16 busy[2];

  Queries(const float* top, const float* delta) {
    for (int v = 0; v < 2; ++v) {
      base[v] = _mm512_loadu_ps(top + v * kBf16Lanes);
      busy[v] = _mm512_cmp_ps_mask(base[v], _mm512_set1_ps(INFINITY), _CMP_NEQ_UQ);
      mean[v] = _mm512_loadu_ps(delta + v * kBf16Lanes);
    }
  }

  // Of one key.
  void differentiate(const float* scores, const float* dweights, __m512 (&weight)[2], __m512 (&slope)[2]) const {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      __mmask16 there = busy[v];
      weight[v] = exp_below(_mm512_loadu_ps(scores + v * kBf16Lanes), base[v], there);
      slope[v] =
          _mm512_maskz_mul_ps(there, weight[v], _mm512_sub_ps(_mm512_loadu_ps(dweights + v * kBf16Lanes), mean[v]));
    }
  }
};

}  // namespace

Rows<Bf16Pair> pack_rows(const Source<float>& a, int64_t m, int64_t k, Bf16Pair* to) {
  const int64_t pairs = row_length<Bf16Pair>(k);
  const __m512 factor = _mm512_set1_ps(a.factor);
  if (!a.transposed) {
    const bool in_squares = in_use() == Bf16Unit::squares;
    for (int64_t i = 0; i < m; ++i) {
      Bf16Pair* const row = to + (in_squares ? i / kUnit * kUnit * pairs + i % kUnit * kBf16Lanes : i * pairs);
      for (int64_t p = 0; p < pairs; p += kBf16Lanes)
        _mm512_storeu_si512(row + (in_squares ? p * kUnit : p),
                            pairs_along(a.data + i * a.row + 2 * p, k - 2 * p, factor));
    }
    return packed_rows(to, k, false);
  }
  for (int64_t p = 0; 2 * p < k; ++p)
    for (int64_t i = 0; i < m; i += kUnit)
      _mm512_storeu_si512(to + i * pairs + p * kUnit,
                          pairs_across(a.data + 2 * p * a.row + i, a.row, 2 * p + 1 < k, m - i, factor));
  return finish_units(m, (k + 1) / 2, k, to);
}

void pack_panel(const Source<float>& b, const Panels<Bf16Pair>& panels, int64_t i, int64_t k, Bf16Pair* to) {
  const int64_t start = panels.start(i), n = panels.width(i), width = whole_lines<Bf16Pair>(n),
                pairs = steps<Bf16Pair>(k);
  const __m512 factor = _mm512_set1_ps(b.factor);
  if (!b.transposed) {
    for (int64_t p = 0; 2 * p < k; ++p)
      for (int64_t j = 0; j < width; j += kBf16Lanes)
        _mm512_storeu_si512(to + p * width + j,
                            pairs_across(b.data + 2 * p * b.row + start + j, b.row, 2 * p + 1 < k, n - j, factor));
    const int64_t there = (k + 1) / 2;
    std::fill_n(to + there * width, (pairs - there) * width, Bf16Pair{0});
    return;
  }
  __m512i block[16];
  for (int64_t j = 0; j < width; j += kBf16Lanes)
    for (int64_t p = 0; p < pairs; p += kBf16Lanes) {
#pragma GCC unroll 16
      for (int64_t c = 0; c < 16; ++c)
        block[c] = j + c < n ? pairs_along(b.data + (start + j + c) * b.row + 2 * p, k - 2 * p, factor)
                             : _mm512_setzero_si512();
      transpose_16x16(block);
      for (int64_t r = 0; r < kBf16Lanes; ++r) _mm512_storeu_si512(to + (p + r) * width + j, block[r]);
    }
}

Columns<Bf16Pair> pack_columns(const Source<float>& b, int64_t n, int64_t k, Bf16Pair* to) {
  const Panels<Bf16Pair> panels(n);
  for (int64_t i = 0; i < panels.count; ++i) pack_panel(b, panels, i, k, to + panels.start(i) * steps<Bf16Pair>(k));
  return {to, steps<Bf16Pair>(k)};
}

void multiply(int64_t m, int64_t n, int64_t k, const Rows<Bf16Pair>& a, const Columns<Bf16Pair>& b, float beta,
              float* c, int64_t ldc) {
  if (a.in_squares) return multiply_in_squares(m, n, k, a, b, beta, c, ldc);
  a.is_across ? multiply_panels<true>(m, n, k, a, b, beta, c, ldc)
              : multiply_panels<false>(m, n, k, a, b, beta, c, ldc);
}

Rows<Bf16Pair> soften_bf16(int64_t keys, int64_t queries, const float* scores, float* top, float* sum, float* shrink,
                           Bf16Pair* to) {
  const __m512 nothing = _mm512_set1_ps(-INFINITY), zero = _mm512_setzero_ps();
  const int64_t pairs = row_length<Bf16Pair>(keys);
  for (int64_t i = 0; i < queries; i += kBf16Lanes) {
    const float* const score = scores + i;
    const __m512 before = _mm512_loadu_ps(top + i);
    __m512 now = before, other = before;
    for (int64_t j = 0; j < keys; j += 2) {
      now = _mm512_max_ps(now, _mm512_loadu_ps(score + j * kBf16Queries));
      if (j + 1 < keys) other = _mm512_max_ps(other, _mm512_loadu_ps(score + (j + 1) * kBf16Queries));
    }
    now = _mm512_max_ps(now, other);
    const __m512 base = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(now, nothing, _CMP_NEQ_UQ), now);
    __m512 even = zero, odd = zero;
    for (int64_t j = 0; j < keys; j += 2) {
      const __m512 first = exp_below(_mm512_loadu_ps(score + j * kBf16Queries), base);
      const __m512 second = j + 1 < keys ? exp_below(_mm512_loadu_ps(score + (j + 1) * kBf16Queries), base) : zero;
      even = _mm512_add_ps(even, first), odd = _mm512_add_ps(odd, second);
      _mm512_storeu_si512(to + i * pairs + j / 2 * kUnit, pairs_of(first, second));
    }
    const __m512 factor = exp_below(before, base);
    _mm512_storeu_ps(top + i, now);
    _mm512_storeu_ps(shrink + i, factor);
    _mm512_storeu_ps(sum + i, _mm512_fmadd_ps(_mm512_loadu_ps(sum + i), factor, _mm512_add_ps(even, odd)));
  }
  return finish_units(queries, (keys + 1) / 2, keys, to);
}

Bf16Slopes differentiate_softmax_bf16(int64_t keys, const float* top, const float* delta, const float* scores,
                                      const float* dweights, Bf16Pair* to) {
  const Queries queries(top, delta);
  const Bf16Slopes slopes(keys, to);
  const auto room = [](const Rows<Bf16Pair>& rows, int64_t i) {  // as keys' rows of 16 pairs lie either way
    return const_cast<Bf16Pair*>(rows.data) + i * kBf16Lanes;
  };
  for (int64_t j = 0; j < keys; j += 2) {
    __m512 weight[2], slope[2], next_slope[2] = {};
    queries.differentiate(scores + j * kBf16Queries, dweights + j * kBf16Queries, weight, slope);
    _mm512_storeu_si512(room(slopes.weights, j), neighbours(weight[0], weight[1]));
    _mm512_storeu_si512(room(slopes.scores, j), neighbours(slope[0], slope[1]));
    if (j + 1 < keys) {
      queries.differentiate(scores + (j + 1) * kBf16Queries, dweights + (j + 1) * kBf16Queries, weight, next_slope);
      _mm512_storeu_si512(room(slopes.weights, j + 1), neighbours(weight[0], weight[1]));
      _mm512_storeu_si512(room(slopes.scores, j + 1), neighbours(next_slope[0], next_slope[1]));
    }
    _mm512_storeu_si512(room(slopes.scores_across, j / 2), pairs_of(slope[0], next_slope[0]));
    _mm512_storeu_si512(room(slopes.scores_across.from_unit(1), j / 2), pairs_of(slope[1], next_slope[1]));
  }
  finish_units(kBf16Queries, (keys + 1) / 2, keys, room(slopes.scores_across, 0));
  return slopes;
}

}  // namespace heed::kernels
HWY_POP_ATTRIBUTES

namespace heed::kernels {

Bf16Unit cpu_bf16_unit() {
  static const Bf16Unit unit = [] {
    if (!__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl"))
      return Bf16Unit::none;
    return cpu_has_squares() ? Bf16Unit::squares : Bf16Unit::dots;
  }();
  return unit;
}

Bf16Unit bf16_unit() { return in_use(); }
void use_bf16_unit(Bf16Unit unit) { in_use() = std::min(unit, cpu_bf16_unit()); }
bool bf16_is_faster() {
  return in_use() == Bf16Unit::squares || (in_use() == Bf16Unit::dots && !__builtin_cpu_is("intel"));
}

Rows<Bf16Pair> packed_rows(const Bf16Pair* data, int64_t k, bool transposed) {
  const int64_t length = row_length<Bf16Pair>(k);
  if (in_use() == Bf16Unit::squares) return Rows<Bf16Pair>::squares(data, length);
  return transposed ? Rows<Bf16Pair>::units(data, length) : Rows<Bf16Pair>::along(data, length);
}

}  // namespace heed::kernels

#else

namespace heed::kernels {

Bf16Unit cpu_bf16_unit() { return Bf16Unit::none; }
Bf16Unit bf16_unit() { return Bf16Unit::none; }
void use_bf16_unit(Bf16Unit) {}
bool bf16_is_faster() { return false; }
Rows<Bf16Pair> packed_rows(const Bf16Pair*, int64_t, bool) { return {}; }
Rows<Bf16Pair> pack_rows(const Source<float>&, int64_t, int64_t, Bf16Pair*) { return {}; }
void pack_panel(const Source<float>&, const Panels<Bf16Pair>&, int64_t, int64_t, Bf16Pair*) {}
Columns<Bf16Pair> pack_columns(const Source<float>&, int64_t, int64_t, Bf16Pair*) { return {}; }
void multiply(int64_t, int64_t, int64_t, const Rows<Bf16Pair>&, const Columns<Bf16Pair>&, float, float*, int64_t) {}
Rows<Bf16Pair> soften_bf16(int64_t, int64_t, const float*, float*, float*, float*, Bf16Pair*) { return {}; }
Bf16Slopes differentiate_softmax_bf16(int64_t, const float*, const float*, const float*, const float*, Bf16Pair* to) {
  return {0, to};
}

}  // namespace heed::kernels

#endif

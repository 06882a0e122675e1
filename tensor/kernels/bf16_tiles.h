// Products of operands rounded to bf16 and summed in f32, by AVX-512's instructions for them: what one thread does at a
// time. To be called where simd_has_bf16().
#pragma once

#include <algorithm>
#include <cstdint>

namespace heed::kernels {

// Operands are held as pairs along k: two bf16 in 32 bits, which one instruction multiplies with another pair, and adds
// to an f32. Where k is odd, the last has a zero beside it.
constexpr int64_t kBf16Lanes = 16;                // f32 in a vector, and pairs
constexpr int64_t kBf16Columns = 3 * kBf16Lanes;  // of C at once: with 8 rows, 24 sums of 32 registers
constexpr int64_t kBf16Unit = 16;                 // rows of A that are packed together

constexpr int64_t bf16_pairs(int64_t k) { return (k + 1) / 2; }
constexpr int64_t bf16_padded(int64_t n) { return (n + kBf16Lanes - 1) / kBf16Lanes * kBf16Lanes; }

/// Whether this processor has the instructions.
bool cpu_has_bf16();

/// A matrix of f32 to pack: element (i, j) lies at data[i * row + j], or transposed at data[j * row + i].
struct Bf16Source {
  const float* data;
  int64_t row;
  bool transposed;
  float factor = 1;  // of all elements

  Bf16Source from(int64_t i, int64_t j) const {
    return {data + (transposed ? j * row + i : i * row + j), row, transposed, factor};
  }
};

/// A packed A (m, k): units of kBf16Unit rows, and in each pair p of row i at i * pairs + p, or across at
/// p * kBf16Unit + i.
struct Bf16Rows {
  const uint32_t* data;
  int64_t pairs;  // of a row, with zeros up to whole vectors
  bool across;

  Bf16Rows unit(int64_t i) const { return {data + i * kBf16Unit * pairs, pairs, across}; }
};
constexpr int64_t bf16_rows_size(int64_t m, int64_t k) { return bf16_padded(m) * bf16_padded(bf16_pairs(k)); }
/// Writes bf16_rows_size(m, k) pairs. Units may be packed one by one.
Bf16Rows pack_bf16_rows(const Bf16Source& a, int64_t m, int64_t k, uint32_t* to);

/// n columns cut into panels of nearly equal width, in whole vectors but for the last.
struct Bf16Panels {
  int64_t columns, vectors, count;

  explicit Bf16Panels(int64_t n)
      : columns(n), vectors(bf16_padded(n) / kBf16Lanes), count((n + kBf16Columns - 1) / kBf16Columns) {}
  int64_t start(int64_t i) const { return std::min(columns, vectors * i / count * kBf16Lanes); }
  int64_t width(int64_t i) const { return start(i + 1) - start(i); }
};
/// A packed B (k, n): its panels, panel i at start(i) * pairs, and in each pair p of column j at
/// p * bf16_padded(width) + j, with zeros up to whole vectors.
struct Bf16Columns {
  const uint32_t* data;
  int64_t pairs;  // of a column
};
constexpr int64_t bf16_columns_size(int64_t n, int64_t k) { return bf16_padded(n) * bf16_pairs(k); }
/// Writes bf16_columns_size(n, k) pairs.
Bf16Columns pack_bf16_columns(const Bf16Source& b, int64_t n, int64_t k, uint32_t* to);
/// Panel i alone.
void pack_bf16_panel(const Bf16Source& b, const Bf16Panels& panels, int64_t i, int64_t k, uint32_t* to);

/// C (m, n) = A B + beta C of packed operands, over the first k of theirs; beta = 0 never reads C. An element's sum
/// runs along k, the same in every place.
void multiply_bf16(int64_t m, int64_t n, int64_t k, const Bf16Rows& a, const Bf16Columns& b, float beta, float* c,
                   int64_t ldc);

// The softmax of attention's scores, in tiles with keys down and kBf16Queries queries across.
constexpr int64_t kBf16Queries = 2 * kBf16Lanes;

/// Weights exp(score - top) (queries, keys), packed while they are made. `top`, the largest score, goes up to what is
/// seen here, `sum` of the weights with it, and `shrink` gets what older weights are to be multiplied by: each
/// (kBf16Queries). NaN anywhere counts as itself, a score of -inf as a weight of 0. Writes
/// bf16_rows_size(kBf16Queries, keys).
Bf16Rows soften_bf16(int64_t keys, int64_t queries, const float* scores, float* top, float* sum, float* shrink,
                     uint32_t* to);

/// Gradients of softmax, packed: weights (keys, kBf16Queries), and the scores' gradients so and transposed.
struct Bf16Slopes {
  Bf16Rows weights, scores, scores_across;

  Bf16Slopes(int64_t keys, uint32_t* to)
      : weights{to, kBf16Lanes, false},
        scores{to + bf16_padded(keys) * kBf16Lanes, kBf16Lanes, false},
        scores_across{to + 2 * bf16_padded(keys) * kBf16Lanes, bf16_padded(bf16_pairs(keys)), true} {}
};
constexpr int64_t bf16_slopes_size(int64_t keys) {
  return 2 * bf16_rows_size(keys, kBf16Queries) + bf16_rows_size(kBf16Queries, keys);
}
/// weight = exp(score - lse), 0 where lse is +inf, and its score's gradient weight (dweight - delta), 0 where the
/// weight is. Writes bf16_slopes_size(keys).
Bf16Slopes differentiate_softmax_bf16(int64_t keys, const float* lse, const float* delta, const float* scores,
                                      const float* dweights, uint32_t* to);

}  // namespace heed::kernels

// Products of operands rounded to bf16 and summed in f32, by the processor's instructions for them: what one thread
// does at a time. To be called where simd_has_bf16().
#pragma once

#include <cstdint>

#include <heed/tensor/kernels/bf16_squares.h>
#include <heed/tensor/kernels/pack.h>

namespace heed::kernels {

/// The first n of a vector's lanes, as a mask.
constexpr uint16_t first_lanes(int64_t n) { return n >= kBf16Lanes ? 0xffff : n <= 0 ? 0 : uint16_t((1u << n) - 1); }

/// AVX512-BF16's dot products of vectors, and AMX's products of squares of 16 rows of 32.
enum class Bf16Unit : uint8_t { none, dots, squares };

/// The best of this processor, which the system allows.
Bf16Unit cpu_bf16_unit();
/// What is in use: at first the best. A lesser one for tests and measurements; not while a kernel runs.
Bf16Unit bf16_unit();
void use_bf16_unit(Bf16Unit unit);
/// Whether its products are faster than f32's. Intel's dot products take 1.4 times as long.
bool bf16_is_faster();

/// How pack_rows lays rows of k: for squares so, else along, or of a transposed A in units across.
Rows<Bf16Pair> packed_rows(const Bf16Pair* data, int64_t k, bool transposed);
/// Writes rows_size<Bf16Pair>(m, k) pairs. Units may be packed one by one.
Rows<Bf16Pair> pack_rows(const Source<float>& a, int64_t m, int64_t k, Bf16Pair* to);

/// Writes columns_size<Bf16Pair>(n, k) pairs.
Columns<Bf16Pair> pack_columns(const Source<float>& b, int64_t n, int64_t k, Bf16Pair* to);
/// Panel i alone.
void pack_panel(const Source<float>& b, const Panels<Bf16Pair>& panels, int64_t i, int64_t k, Bf16Pair* to);

/// C (m, n) = A B + beta C of packed operands, A of k columns, B of so many rows or more, those then finite; beta = 0
/// never reads C. An element's sum runs along k, the same in every place.
void multiply(int64_t m, int64_t n, int64_t k, const Rows<Bf16Pair>& a, const Columns<Bf16Pair>& b, float beta,
              float* c, int64_t ldc);

// The softmax of attention's scores, in tiles with keys down and kBf16Queries queries across.
constexpr int64_t kBf16Queries = 2 * kBf16Lanes;

/// Weights exp(score - top) (queries, keys), packed while they are made. `top`, the largest score, goes up to what is
/// seen here, `sum` of the weights with it, and `shrink` gets what older weights are to be multiplied by: each
/// (kBf16Queries). NaN anywhere counts as itself, a score of -inf as a weight of 0. Writes
/// rows_size<Bf16Pair>(kBf16Queries, keys).
Rows<Bf16Pair> soften_bf16(int64_t keys, int64_t queries, const float* scores, float* top, float* sum, float* shrink,
                           Bf16Pair* to);

/// Gradients of softmax, packed: weights (keys, kBf16Queries), and the scores' gradients so and transposed.
struct Bf16Slopes {
  Rows<Bf16Pair> weights, scores, scores_across;

  Bf16Slopes(int64_t keys, Bf16Pair* to)
      : weights(packed_rows(to, kBf16Queries, false)),
        scores(packed_rows(to + whole_lines<Bf16Pair>(keys) * kBf16Lanes, kBf16Queries, false)),
        scores_across(packed_rows(to + 2 * whole_lines<Bf16Pair>(keys) * kBf16Lanes, keys, true)) {}
};
constexpr int64_t bf16_slopes_size(int64_t keys) {
  return 2 * rows_size<Bf16Pair>(keys, kBf16Queries) + rows_size<Bf16Pair>(kBf16Queries, keys);
}
/// weight = exp(score - top), 0 where top is +inf, and its score's gradient weight (dweight - delta), 0 where the
/// weight is. Writes bf16_slopes_size(keys).
Bf16Slopes differentiate_softmax_bf16(int64_t keys, const float* top, const float* delta, const float* scores,
                                      const float* dweights, Bf16Pair* to);

}  // namespace heed::kernels

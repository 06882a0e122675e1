// Attention's work in shares that one thread takes, written for the machine's vectors. attention.cpp hands
// them out.
#pragma once

#include <algorithm>
#include <utility>

#include <heed/tensor/kernels/attention.h>
#include <heed/tensor/kernels/bf16_tiles.h>
#include <heed/tensor/kernels/row_blocks.h>

namespace heed::kernels {

// Scores are held transposed, keys down and queries across: softmax then runs down the columns, all queries
// of a tile side by side in vector lanes, and neither keys nor values need to be packed.
constexpr int64_t kTileQueries = 32;  // a pair of AVX-512 vectors
constexpr int64_t kTileKeys = 128;    // with 32 queries, 16 KiB of scores
static_assert(kTileQueries == kBf16Queries);
// A gradient in bf16 takes fewer at a time, so that all of a tile is in the first cache.
constexpr int64_t kBf16Keys = 32;

// Widths in working memory are multiples of this, whole vectors on every machine.
constexpr int64_t kPadding = 16;
constexpr int64_t padded(int64_t width) { return (width + kPadding - 1) / kPadding * kPadding; }

/// Cuts working memory into arrays.
template <class Real>
struct Workspace {
  Real* free;
  Real* take(int64_t n) { return std::exchange(free, free + n); }
};

/// Room for n packed pairs, where Real is float.
template <class Real>
Bf16Pair* take_pairs(Workspace<Real>& room, int64_t n) {
  return reinterpret_cast<Bf16Pair*>(room.take(n));
}

/// The keys [first, last) that query i can see at most: the causal rule hides those after, its window those before.
template <class Real>
int64_t last_key(const ScoreOptions<Real>& options, int64_t i, int64_t S) {
  return options.causal ? std::clamp<int64_t>(i + options.offset + 1, 0, S) : S;
}
template <class Real>
int64_t first_key(const ScoreOptions<Real>& options, int64_t i) {
  return options.window ? std::max<int64_t>(i + options.offset + 1 - options.window, 0) : 0;
}
/// Keys are taken in tiles that begin at multiples of kTileKeys.
constexpr int64_t tile_of(int64_t key) { return key / kTileKeys * kTileKeys; }

template <class Real>
struct ForwardCall {
  AttentionShape shape;
  Strided<const Real, 3> q, k, v;
  ScoreOptions<Real> options;
  Strided<Real, 3> out;
  Real* norms;
  bool bf16;  // products read bf16 (Real is float)

  void keep_norm(int64_t query, Real top, Real share) const {
    if (norms) norms[2 * query] = top, norms[2 * query + 1] = share;
  }
};

/// Elements of working memory that attend needs for up to `queries` queries.
constexpr int64_t forward_scratch(const AttentionShape& s, int64_t queries) {
  const int64_t rows = (queries + kTileQueries - 1) / kTileQueries * kTileQueries;
  const int64_t packed = columns_size<Bf16Pair>(rows, s.D) + rows_size<Bf16Pair>(kTileKeys, s.D) +
                         columns_size<Bf16Pair>(s.Dv, kTileKeys) + rows_size<Bf16Pair>(kTileQueries, kTileKeys);
  const int64_t tiles = rows * (s.D + padded(s.Dv) + 2) + kTileKeys * (kTileQueries + padded(s.Dv)) + kTileQueries;
  return std::max(tiles + packed, s.S);
}

/// Output and norms of queries [begin, end) of one head.
template <class Real>
void attend(const ForwardCall<Real>& call, int64_t b, int64_t h, int64_t begin, int64_t end, Real* scratch);

template <class Real>
struct BackwardCall {
  AttentionShape shape;
  AttentionSaved<Real> saved;
  ScoreOptions<Real> options;
  Strided<Real, 3> dq;
  Strided<Real, 4> dbias;  // this share's own to add to
  int64_t parts;           // shares of a head: each takes some tiles of queries
  bool bf16;               // as of ForwardCall
};

/// Whether tile `tile` of queries belongs to share `part`. Causal tiles cost more and more, so the order
/// folds: 0 1 1 0 0 1 1 0.
constexpr bool takes_tile(int64_t part, int64_t parts, int64_t tile) {
  const int64_t place = tile % (2 * parts);
  return part == std::min(place, 2 * parts - 1 - place);
}

/// Tiles of queries that a share takes through the keys together.
constexpr int64_t kTilesAtOnce = 4;

/// Elements of working memory of one of them, and all that attend_backward needs.
constexpr int64_t backward_tile_scratch(const AttentionShape& s) {
  return kTileQueries * (s.D + s.Dv + 2 * padded(s.D) + padded(s.Dv) + 2) + columns_size<Bf16Pair>(kTileQueries, s.D) +
         columns_size<Bf16Pair>(kTileQueries, s.Dv) + columns_size<Bf16Pair>(s.D, kTileQueries) +
         columns_size<Bf16Pair>(s.Dv, kTileQueries);
}
constexpr int64_t backward_scratch(const AttentionShape& s) {
  const int64_t S = (s.S + kBf16Keys - 1) / kBf16Keys * kBf16Keys;
  const int64_t packed = rows_size<Bf16Pair>(S, s.D) + rows_size<Bf16Pair>(S, s.Dv) + columns_size<Bf16Pair>(s.D, S) +
                         bf16_slopes_size(kBf16Keys);
  return kTilesAtOnce * backward_tile_scratch(s) + 3 * kTileKeys * kTileQueries + s.S * padded(s.D) + packed;
}

/// to (rows, width), rows `row` apart, = factor times `from`, whose rows are padded.
template <class Real>
void write_rows(int64_t rows, int64_t width, Real factor, const Real* from, Real* to, int64_t row, bool past_caches);

/// Share `part` of head h: writes dq of its queries, and adds its part of the gradients of keys, before
/// scale, to dk (S, padded(D)) and of values to dv (S, padded(Dv)).
template <class Real>
void attend_backward(const BackwardCall<Real>& call, int64_t b, int64_t h, int64_t part, Real* dk, Real* dv,
                     Real* scratch);

}  // namespace heed::kernels

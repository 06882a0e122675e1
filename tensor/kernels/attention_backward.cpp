#include <heed/tensor/kernels/attention_tiles.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/attention_backward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/attention_mask-inl.h>
#include <heed/tensor/kernels/tile-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

// Rows that a tile product can read as whole vectors.
template <class Real>
struct PaddedRows {
  const Real* data;
  int64_t row;
};

// x itself where its width is whole vectors, else a copy of its rows in `room`.
template <class Real>
HWY_INLINE PaddedRows<Real> as_padded(int64_t rows, int64_t width, const Real* x, int64_t row, Real* room) {
  if (width % kLanes<Real> == 0) return {x, row};
  pad_rows(rows, width, x, row, room, padded(width));
  return {room, padded(width)};
}

// The same of queries and keys as factors of the scores' gradients, with 0 for what is not finite: where it was seen,
// these gradients are NaN already, and elsewhere they are 0.
template <class Real>
HWY_INLINE PaddedRows<Real> as_factor(int64_t rows, int64_t width, const Real* x, int64_t row, Real* room) {
  if (all_finite(rows, width, x, row)) return as_padded(rows, width, x, row, room);
  pad_rows(rows, width, x, row, room, padded(width));
  std::replace_if(
      room, room + rows * padded(width), [](Real v) { return !std::isfinite(v); }, Real(0));
  return {room, padded(width)};
}

// What products in bf16 read of a tile of queries, in columns: (D, kTileQueries) and so on.
struct PackedQueries {
  Bf16Pair *q_transposed, *dout_transposed, *q, *dout;
};

// One tile of queries with all that its keys ask for.
template <class Real>
struct BackwardTile {
  Place at;                  // its keys are those of the block at hand
  PaddedRows<Real> q, dout;  // dout times 1 over the query's sum: its weights are exp(score - top) then
  Real* q_transposed;        // (D, kTileQueries), scaled
  Real* dout_transposed;     // (Dv, kTileQueries)
  Real* top;                 // (kTileQueries); +inf where no key is seen or the gradient is 0: all weights count as 0
  Real* delta;               // (kTileQueries): the mean of dweight, dout . out
  Real* dq;                  // (kTileQueries, padded(D)), before scale
  PackedQueries packed;
};

// Tiles (keys, queries): scores become weights w = exp(score - top), and the weights' gradients those of the
// scores, w (dw - delta), or 0 where w is, whatever a hidden value made of dw.
template <class Real>
HWY_INLINE void differentiate_softmax(const Place& at, const Real* top, const Real* delta, Real* scores,
                                      Real* dweights) {
  const Tag<Real> d;
  for (int64_t i = 0; i < columns<Real>(at); i += kLanes<Real>) {
    const auto base = hn::LoadU(d, top + i), mean = hn::LoadU(d, delta + i);
    const auto idle = hn::Eq(base, hn::Inf(d));
    for (int64_t j = 0; j < at.keys; ++j) {
      Real* s = scores + j * kTileQueries + i;
      Real* g = dweights + j * kTileQueries + i;
      const auto weight = hn::IfThenZeroElse(idle, exp_small(hn::Sub(hn::LoadU(d, s), base)));
      hn::StoreU(weight, d, s);
      hn::StoreU(times(weight, hn::Sub(hn::LoadU(d, g), mean)), d, g);
    }
  }
}

// What products in bf16 read of a head, block by block of its keys and values.
struct PackedHead {
  const AttentionShape& shape;
  Bf16Pair *keys, *values, *key_columns;  // (S, D), (S, Dv) in rows, (S, D) in columns
  Bf16Pair* slopes;                       // room for those of a tile

  template <class Real>
  PackedHead(const AttentionShape& s, Workspace<Real>& room)
      : shape(s),
        keys(take_pairs(room, rows_size<Bf16Pair>(blocks() * kBf16Keys, s.D))),
        values(take_pairs(room, rows_size<Bf16Pair>(blocks() * kBf16Keys, s.Dv))),
        key_columns(take_pairs(room, columns_size<Bf16Pair>(s.D, blocks() * kBf16Keys))),
        slopes(take_pairs(room, bf16_slopes_size(kBf16Keys))) {}

  int64_t blocks() const { return (shape.S + kBf16Keys - 1) / kBf16Keys; }
  int64_t block_rows(int64_t block) const { return std::min(kBf16Keys, shape.S - block * kBf16Keys); }
  Bf16Pair* key_block(int64_t i) const { return keys + i * rows_size<Bf16Pair>(kBf16Keys, shape.D); }
  Bf16Pair* value_block(int64_t i) const { return values + i * rows_size<Bf16Pair>(kBf16Keys, shape.Dv); }
  Bf16Pair* key_column_block(int64_t i) const { return key_columns + i * columns_size<Bf16Pair>(shape.D, kBf16Keys); }

  // Keys and values that `saved` and `factors` point to.
  void pack_head(const Source<float>& k, const Source<float>& v, const Source<float>& factors) const {
    for (int64_t i = 0; i < blocks(); ++i) {
      const int64_t first = i * kBf16Keys, rows = block_rows(i);
      pack_rows(k.from(first, 0), rows, shape.D, key_block(i));
      pack_rows(v.from(first, 0), rows, shape.Dv, value_block(i));
      pack_columns(factors.from(first, 0), shape.D, rows, key_column_block(i));
    }
  }
  Bf16Slopes pack_slopes(int64_t n, int64_t queries, const float* weights, const float* dscores) const {
    const Bf16Slopes to(n, slopes);
    const auto room = [](const Rows<Bf16Pair>& rows) { return const_cast<Bf16Pair*>(rows.data); };
    pack_rows({weights, kTileQueries, false}, n, queries, room(to.weights));
    pack_rows({dscores, kTileQueries, false}, n, queries, room(to.scores));
    pack_rows({dscores, kTileQueries, true}, queries, n, room(to.scores_across));
    return to;
  }
};

PackedQueries pack_queries(const AttentionShape& s, const Source<float>& scaled, const BackwardTile<float>& tile,
                           Workspace<float>& room) {
  const int64_t n = tile.at.queries;
  const PackedQueries to{take_pairs(room, columns_size<Bf16Pair>(kTileQueries, s.D)),
                         take_pairs(room, columns_size<Bf16Pair>(kTileQueries, s.Dv)),
                         take_pairs(room, columns_size<Bf16Pair>(s.D, kTileQueries)),
                         take_pairs(room, columns_size<Bf16Pair>(s.Dv, kTileQueries))};
  pack_columns(scaled, n, s.D, to.q_transposed);
  pack_columns({tile.dout.data, tile.dout.row, true}, n, s.Dv, to.dout_transposed);
  pack_columns({tile.q.data, tile.q.row, false}, s.D, n, to.q);
  pack_columns({tile.dout.data, tile.dout.row, false}, s.Dv, n, to.dout);
  return to;
}

// scores = k q^T and dweights = v dout^T, keys down.
template <class Real>
HWY_INLINE void multiply_queries(const BackwardCall<Real>& call, const BackwardTile<Real>& tile,
                                 const PackedHead* packed, Real* scores, Real* dweights) {
  const auto& shape = call.shape;
  const Place& at = tile.at;
  const auto &k = call.saved.k, &v = call.saved.v;
  if constexpr (std::is_same_v<Real, float>)
    if (packed) {
      const int64_t block = at.key / kBf16Keys;
      multiply(at.keys, at.queries, shape.D, packed_rows(packed->key_block(block), shape.D, false),
               {tile.packed.q_transposed, steps<Bf16Pair>(shape.D)}, 0, scores, kTileQueries);
      return multiply(at.keys, at.queries, shape.Dv, packed_rows(packed->value_block(block), shape.Dv, false),
                      {tile.packed.dout_transposed, steps<Bf16Pair>(shape.Dv)}, 0, dweights, kTileQueries);
    }
  const int64_t lanes = columns<Real>(at), head = shape.kv_head(at.h);
  tile_product(at.keys, lanes, shape.D, Rows<Real>::along(k.at(at.b, head, at.key), k.strides[2]), tile.q_transposed,
               kTileQueries, Real(0), scores, kTileQueries);
  tile_product(at.keys, lanes, shape.Dv, Rows<Real>::along(v.at(at.b, head, at.key), v.strides[2]),
               tile.dout_transposed, kTileQueries, Real(0), dweights, kTileQueries);
}

// dv += weights dout, dk += dscores q, and dq += dscores^T k, from tiles with keys down.
template <class Real>
HWY_INLINE void add_gradients(const BackwardCall<Real>& call, const BackwardTile<Real>& tile,
                              const PaddedRows<Real>& keys, const Real* weights, const Real* dscores, Real* dk,
                              Real* dv) {
  const auto& shape = call.shape;
  const Place& at = tile.at;
  const int64_t width = padded(shape.D), value_width = padded(shape.Dv);
  tile_product(at.keys, whole_vectors<Real>(shape.Dv), at.queries, Rows<Real>::along(weights, kTileQueries),
               tile.dout.data, tile.dout.row, Real(1), dv, value_width);
  tile_product(at.keys, whole_vectors<Real>(shape.D), at.queries, Rows<Real>::along(dscores, kTileQueries), tile.q.data,
               tile.q.row, Real(1), dk, width);
  tile_product(at.queries, whole_vectors<Real>(shape.D), at.keys, Rows<Real>::across(dscores, kTileQueries),
               keys.data + at.key * keys.row, keys.row, Real(1), tile.dq, width);
}
inline void add_gradients(const BackwardTile<float>& tile, const PackedHead& packed, const Bf16Slopes& slopes,
                          float* dk, float* dv) {
  const auto& shape = packed.shape;
  const Place& at = tile.at;
  const int64_t block = at.key / kBf16Keys, pairs = steps<Bf16Pair>(at.queries), width = padded(shape.D);
  multiply(at.keys, shape.Dv, at.queries, slopes.weights, {tile.packed.dout, pairs}, 1, dv, padded(shape.Dv));
  multiply(at.keys, shape.D, at.queries, slopes.scores, {tile.packed.q, pairs}, 1, dk, width);
  multiply(at.queries, shape.D, at.keys, slopes.scores_across,
           {packed.key_column_block(block), steps<Bf16Pair>(packed.block_rows(block))}, 1, tile.dq, width);
}

template <class Real>
void see_keys(const BackwardCall<Real>& call, const BackwardTile<Real>& tile, const PaddedRows<Real>& keys,
              const PackedHead* packed, Real* scores, Real* dweights, Real* slopes, Real* dk, Real* dv) {
  const auto& shape = call.shape;
  const Place& at = tile.at;
  const auto& options = call.options;
  dk += at.key * padded(shape.D), dv += at.key * padded(shape.Dv);
  multiply_queries(call, tile, packed, scores, dweights);
  mask_scores(options, at, scores, slopes);
  if constexpr (std::is_same_v<Real, float>)
    if (packed && !options.keep && !call.dbias.data && !options.softcap)
      return add_gradients(tile, *packed,
                           differentiate_softmax_bf16(at.keys, tile.top, tile.delta, scores, dweights, packed->slopes),
                           dk, dv);
  if (options.keep) drop(shape, options, at, dweights);
  differentiate_softmax(at, tile.top, tile.delta, scores, dweights);
  if (call.dbias.data) add_tile(dweights, at, call.dbias);
  if (options.softcap)
    map(dweights, slopes, dweights, at.keys * kTileQueries, [](auto g, auto f) HWY_ATTR { return times(g, f); });
  if (options.keep) drop(shape, options, at, scores);
  if constexpr (std::is_same_v<Real, float>)
    if (packed) return add_gradients(tile, *packed, packed->pack_slopes(at.keys, at.queries, scores, dweights), dk, dv);
  add_gradients(call, tile, keys, scores, dweights, dk, dv);
}

template <class Real>
BackwardTile<Real> start(const BackwardCall<Real>& call, const Place& at, Workspace<Real> room) {
  const auto& shape = call.shape;
  const auto& saved = call.saved;
  const Real* q = saved.q.at(at.b, at.h, at.query);
  const Real* dout = saved.dout.at(at.b, at.h, at.query);
  BackwardTile<Real> tile;
  tile.at = at;
  tile.q = as_factor(at.queries, shape.D, q, saved.q.strides[2], room.take(kTileQueries * padded(shape.D)));
  Real* const scaled = room.take(kTileQueries * padded(shape.Dv));
  tile.dout = {scaled, padded(shape.Dv)};
  tile.q_transposed = room.take(kTileQueries * shape.D);
  tile.dout_transposed = room.take(kTileQueries * shape.Dv);
  tile.dq = room.take(kTileQueries * padded(shape.D));
  std::fill_n(tile.dq, kTileQueries * padded(shape.D), Real(0));
  tile.top = room.take(kTileQueries);
  tile.delta = room.take(kTileQueries);
  std::fill_n(tile.top, kTileQueries, -kMinusInfinity<Real>);
  std::fill_n(tile.delta, kTileQueries, Real(0));
  for (int64_t i = 0; i < at.queries; ++i) {
    const Real* norm = saved.norms + 2 * ((at.b * shape.H + at.h) * shape.T + at.query + i);
    const Real* dy = dout + i * saved.dout.strides[2];
    Real* const row = scaled + i * padded(shape.Dv);
    std::fill_n(row, padded(shape.Dv), Real(0));
    if (norm[1] == 0 || all_zero(dy, shape.Dv)) continue;
    map(dy, row, shape.Dv, [share = constant<Vec<Real>>(norm[1])](auto g) HWY_ATTR { return hn::Mul(g, share); });
    tile.top[i] = std::isinf(norm[0]) ? std::numeric_limits<Real>::quiet_NaN() : norm[0];
    tile.delta[i] = dot(shape.Dv, row, saved.out.at(at.b, at.h, at.query + i));
  }
  if constexpr (std::is_same_v<Real, float>)
    if (call.bf16) tile.packed = pack_queries(shape, {q, saved.q.strides[2], true, call.options.scale}, tile, room);
  if (!call.bf16) {
    transpose_queries(at.queries, shape.D, call.options.scale, q, saved.q.strides[2], tile.q_transposed);
    transpose_queries(at.queries, shape.Dv, Real(1), tile.dout.data, tile.dout.row, tile.dout_transposed);
  }
  return tile;
}

template <class Real>
void write_all_rows(int64_t rows, int64_t width, Real factor, const Real* from, Real* to, int64_t row,
                    bool past_caches) {
  const auto scaled = [f = constant<Vec<Real>>(factor)](auto x) HWY_ATTR { return hn::Mul(f, x); };
  for (int64_t i = 0; i < rows; ++i) {
    const Real* const x = from + i * padded(width);
    past_caches ? map_past_caches(x, to + i * row, width, scaled) : map(x, to + i * row, width, scaled);
  }
  if (past_caches) hwy::FlushStream();
}

template <class Real>
void attend_backward_share(const BackwardCall<Real>& call, int64_t b, int64_t h, int64_t part, Real* dk, Real* dv,
                           Real* scratch) {
  const auto& shape = call.shape;
  const auto& k = call.saved.k;
  Workspace<Real> room{scratch};
  Real* scores = room.take(kTileKeys * kTileQueries);
  Real* dweights = room.take(kTileKeys * kTileQueries);
  Real* slopes = room.take(kTileKeys * kTileQueries);
  const auto keys =
      as_factor(shape.S, shape.D, k.at(b, shape.kv_head(h), 0), k.strides[2], room.take(shape.S * padded(shape.D)));
  std::optional<PackedHead> packed;
  if constexpr (std::is_same_v<Real, float>)
    if (call.bf16) {
      const auto& v = call.saved.v;
      packed.emplace(shape, room);
      packed->pack_head({k.at(b, shape.kv_head(h), 0), k.strides[2], false},
                        {v.at(b, shape.kv_head(h), 0), v.strides[2], false}, {keys.data, keys.row, false});
    }
  const int64_t step = packed ? kBf16Keys : kTileKeys;
  Real* const tile_rooms = room.take(kTilesAtOnce * backward_tile_scratch(shape));
  std::array<BackwardTile<Real>, kTilesAtOnce> tiles;
  for (int64_t query = 0; query < shape.T;) {
    int64_t count = 0;
    for (; query < shape.T && count < kTilesAtOnce; query += kTileQueries)
      if (takes_tile(part, call.parts, query / kTileQueries))
        tiles[size_t(count)] = start(call, {b, h, query, std::min(kTileQueries, shape.T - query), 0, 0},
                                     {tile_rooms + count * backward_tile_scratch(shape)}),
        ++count;
    const std::span<BackwardTile<Real>> at_hand(tiles.data(), size_t(count));
    // keys outside, tiles of queries inside: a block of keys and values and their gradients stay in cache for all tiles
    for (int64_t key = count ? tile_of(first_key(call.options, tiles[0].at.query)) : shape.S; key < shape.S;
         key += step)
      for (BackwardTile<Real>& tile : at_hand) {
        Place& at = tile.at;
        at.key = key;
        at.keys = std::min(step, last_key(call.options, at.query + at.queries - 1, shape.S) - key);
        if (at.keys <= 0 || key + at.keys <= first_key(call.options, at.query) || all_hidden(call.options, at))
          continue;
        see_keys(call, tile, keys, packed ? &*packed : nullptr, scores, dweights, slopes, dk, dv);
      }
    for (const BackwardTile<Real>& tile : at_hand)
      write_all_rows(tile.at.queries, shape.D, call.options.scale, tile.dq, call.dq.at(b, h, tile.at.query),
                     call.dq.strides[2], exceeds_caches<Real>(shape.B * shape.H * shape.T * shape.D));
  }
}

auto attend_backward_both() { return Both{attend_backward_share<float>, attend_backward_share<double>}; }
auto write_rows_both() { return Both{write_all_rows<float>, write_all_rows<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(attend_backward_both);
HWY_EXPORT(write_rows_both);

template <class Real>
void attend_backward(const BackwardCall<Real>& call, int64_t b, int64_t h, int64_t part, Real* dk, Real* dv,
                     Real* scratch) {
  HWY_DYNAMIC_DISPATCH(attend_backward_both)().template get<Real>()(call, b, h, part, dk, dv, scratch);
}
HEED_FOR_BOTH(attend_backward)

template <class Real>
void write_rows(int64_t rows, int64_t width, Real factor, const Real* from, Real* to, int64_t row, bool past_caches) {
  HWY_DYNAMIC_DISPATCH(write_rows_both)().template get<Real>()(rows, width, factor, from, to, row, past_caches);
}
HEED_FOR_BOTH(write_rows)

}  // namespace heed::kernels
#endif

#include <heed/tensor/kernels/attention_tiles.h>

#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/attention_forward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/attention_mask-inl.h>
#include <heed/tensor/kernels/tile-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

// One tile of queries on its way through the keys: softmax(q k^T) v so far, as the largest score, the sum of
// exp(score - largest) and the rows of the output times that sum (Milakov & Gimelshein 2018, Dao et al.
// 2022).
template <class Real>
struct QueryTile {
  int64_t query, queries;
  Real* transposed;  // (D, kTileQueries), scaled
  Real* top;         // (kTileQueries)
  Real* sum;         // (kTileQueries)
  Real* output;      // (kTileQueries, padded(Dv))
};

// Scores (keys, queries) become exp(score - top); older sums are scaled to the new top by `shrink`.
// A query that has seen no key yet has top -inf, and its weights must be 0, not exp(-inf + inf).
template <class Real>
HWY_INLINE void soften(int64_t keys, int64_t queries, Real* tile, Real* top, Real* sum, Real* shrink) {
  const Tag<Real> d;
  const auto nothing = hn::Set(d, kMinusInfinity<Real>);
  for (int64_t i = 0; i < queries; i += kLanes<Real>) {
    const auto before = hn::LoadU(d, top + i);
    auto largest = before, other = before;
    int64_t j = 0;
    for (; j + 2 <= keys; j += 2) {
      largest = hn::Max(largest, hn::LoadU(d, tile + j * kTileQueries + i));
      other = hn::Max(other, hn::LoadU(d, tile + (j + 1) * kTileQueries + i));
    }
    if (j < keys) largest = hn::Max(largest, hn::LoadU(d, tile + j * kTileQueries + i));
    largest = hn::Max(largest, other);
    const auto base = hn::IfThenZeroElse(hn::Eq(largest, nothing), largest);
    const auto factor = exp_small(hn::Sub(before, base));
    auto total = hn::Zero(d);
    for (j = 0; j < keys; ++j) {
      Real* s = tile + j * kTileQueries + i;
      const auto weight = exp_small(hn::Sub(hn::LoadU(d, s), base));
      hn::StoreU(weight, d, s);
      total = hn::Add(total, weight);
    }
    hn::StoreU(largest, d, top + i);
    hn::StoreU(factor, d, shrink + i);
    hn::StoreU(hn::MulAdd(hn::LoadU(d, sum + i), factor, total), d, sum + i);
  }
}

// Adds the weighted values to the output where some are not finite: behind a weight of 0 they are not read.
template <class Real>
HWY_NOINLINE void add_seen_values(const Place& at, int64_t Dv, const Real* weights, const Real* values,
                                  int64_t value_row, Real* output) {
  for (int64_t i = 0; i < at.queries; ++i)
    for (int64_t j = 0; j < at.keys; ++j) {
      const Real w = weights[j * kTileQueries + i];
      for (int64_t c = 0; w != 0 && c < Dv; ++c) output[i * padded(Dv) + c] += w * values[j * value_row + c];
    }
}

// Values (keys, whole vectors), which lie `row` apart.
template <class Real>
struct Values {
  const Real* data;
  int64_t row;
  bool finite;
};

// What products in bf16 read.
struct PackedBlock {
  Rows<Bf16Pair> keys;
  Columns<Bf16Pair> values;
  const Bf16Pair* queries;  // (D, kTileQueries) of each tile
  Bf16Pair* weights;        // room for those of a tile

  HWY_INLINE Columns<Bf16Pair> tile(int64_t t, int64_t D) const {
    if (!queries) return {};  // in f32
    return {queries + t * columns_size<Bf16Pair>(kTileQueries, D), steps<Bf16Pair>(D)};
  }
};

template <class Real>
void see_keys(const ForwardCall<Real>& call, const Place& at, const QueryTile<Real>& queries,
              const Values<Real>& values, const PackedBlock& packed, const Columns<Bf16Pair>& packed_queries,
              Real* tile, Real* shrink) {
  const auto& [shape, q, k, v, options, out, norms, bf16] = call;
  const int64_t width = padded(shape.Dv);
  if constexpr (std::is_same_v<Real, float>)
    if (bf16) multiply(at.keys, at.queries, shape.D, packed.keys, packed_queries, 0, tile, kTileQueries);
  if (!bf16)
    tile_product(at.keys, columns<Real>(at), shape.D,
                 Rows<Real>::along(k.at(at.b, shape.kv_head(at.h), at.key), k.strides[2]), queries.transposed,
                 kTileQueries, Real(0), tile, kTileQueries);
  mask_scores<Real>(options, at, tile, nullptr);
  Rows<Bf16Pair> weights{};
  if constexpr (std::is_same_v<Real, float>)
    if (bf16 && values.finite && !options.keep)
      weights = soften_bf16(at.keys, at.queries, tile, queries.top, queries.sum, shrink, packed.weights);
  if (!weights.data) soften(at.keys, columns<Real>(at), tile, queries.top, queries.sum, shrink);
  if (options.keep) drop(shape, options, at, tile);
  for (int64_t i = 0; i < at.queries; ++i)
    if (shrink[i] != 1)
      map(queries.output + i * width, queries.output + i * width, width,
          [f = constant<Vec<Real>>(shrink[i])](auto x) HWY_ATTR { return hn::Mul(f, x); });
  if (!values.finite) return add_seen_values(at, shape.Dv, tile, values.data, values.row, queries.output);
  if constexpr (std::is_same_v<Real, float>)
    if (bf16) {
      if (!weights.data) weights = pack_rows({tile, kTileQueries, true}, at.queries, at.keys, packed.weights);
      return multiply(at.queries, shape.Dv, at.keys, weights, packed.values, 1, queries.output, width);
    }
  tile_product(at.queries, whole_vectors<Real>(shape.Dv), at.keys, Rows<Real>::across(tile, kTileQueries), values.data,
               values.row, Real(1), queries.output, width);
}

template <class Real>
void start(const ForwardCall<Real>& call, int64_t b, int64_t h, const QueryTile<Real>& tile, Bf16Pair* packed) {
  const Real* q = call.q.at(b, h, tile.query);
  if constexpr (std::is_same_v<Real, float>)
    if (call.bf16) pack_columns({q, call.q.strides[2], true, call.options.scale}, tile.queries, call.shape.D, packed);
  if (!call.bf16)
    transpose_queries(tile.queries, call.shape.D, call.options.scale, q, call.q.strides[2], tile.transposed);
  std::fill_n(tile.top, kTileQueries, kMinusInfinity<Real>);
  std::fill_n(tile.sum, kTileQueries, Real(0));
  std::fill_n(tile.output, kTileQueries * padded(call.shape.Dv), Real(0));
}

template <class Real>
void finish(const ForwardCall<Real>& call, int64_t b, int64_t h, const QueryTile<Real>& tile) {
  const auto& shape = call.shape;
  const bool past_caches = exceeds_caches<Real>(shape.B * shape.H * shape.T * shape.Dv);
  for (int64_t i = 0; i < tile.queries; ++i) {
    const Real sum = tile.sum[i], factor = sum == 0 ? Real(0) : 1 / sum;
    const Real* from = tile.output + i * padded(shape.Dv);
    Real* const to = call.out.at(b, h, tile.query + i);
    const auto scaled = [f = constant<Vec<Real>>(factor)](auto x) HWY_ATTR { return hn::Mul(f, x); };
    past_caches ? map_past_caches(from, to, shape.Dv, scaled) : map(from, to, shape.Dv, scaled);
    call.keep_norm((b * shape.H + h) * shape.T + tile.query + i, tile.top[i], factor);
  }
  if (past_caches) hwy::FlushStream();
}

// scores = scale q K^T, keys (n, D) `row` apart. Four at a time: sums of several are under way at once.
template <class Real>
HWY_INLINE void score_keys(int64_t n, int64_t D, Real scale, const Real* q, const Real* keys, int64_t row,
                           Real* scores) {
  int64_t j = 0;
  for (; j + 4 <= n; j += 4) {
    auto a = hn::Zero(Tag<Real>()), b = a, c = a, d = a;
    const Real* k = keys + j * row;
    for_vectors<Real>(D, [&](auto at) HWY_ATTR {
      const auto x = at(q);
      a = hn::MulAdd(x, at(k), a), b = hn::MulAdd(x, at(k + row), b);
      c = hn::MulAdd(x, at(k + 2 * row), c), d = hn::MulAdd(x, at(k + 3 * row), d);
    });
    int64_t i = j;
    for (const auto& sum : {a, b, c, d}) scores[i++] = scale * hn::GetLane(hn::SumOfLanes(Tag<Real>(), sum));
  }
  for (; j < n; ++j) scores[j] = scale * dot(D, q, keys + j * row);
}

// One query by itself, keys across the lanes: for text that is being written. `weights` is room for S numbers.
template <class Real>
HWY_NOINLINE void attend_query(const ForwardCall<Real>& call, int64_t b, int64_t h, int64_t i, Real* weights) {
  using V = Vec<Real>;
  const auto& [shape, q, k, v, options, out, norms, bf16] = call;
  const int64_t first = first_key(options, i), n = std::max<int64_t>(last_key(options, i, shape.S) - first, 0),
                kv_head = shape.kv_head(h), query = (b * shape.H + h) * shape.T + i;
  score_keys(n, shape.D, options.scale, q.at(b, h, i), k.at(b, kv_head, first), k.strides[2], weights);
  if (options.softcap)
    map(weights, weights, n,
        [c = constant<V>(options.softcap)](V s) HWY_ATTR { return hn::Mul(c, tanh(hn::Div(s, c))); });
  for (int64_t j = 0; j < n && options.bias.data; ++j) weights[j] += *options.bias.at(b, h, i, first + j);
  for (int64_t j = 0; j < n && options.allowed.data; ++j)
    if (!*options.allowed.at(b, h, i, first + j)) weights[j] = kMinusInfinity<Real>;
  const Real top = largest(weights, n);
  map(weights, weights, n, [base = constant<V>(top == kMinusInfinity<Real> ? 0 : top)](V s) HWY_ATTR {
    return exp_small(hn::Sub(s, base));
  });
  const auto total = static_cast<Real>(sum<Real>(n, [weights](auto at) HWY_ATTR { return at(weights); }));
  const Real factor = total == 0 ? Real(0) : 1 / total;
  call.keep_norm(query, top, factor);
  for (int64_t j = 0; j < n && options.keep; ++j)
    weights[j] = options.keep[query * shape.S + first + j] ? weights[j] * options.keep_scale : Real(0);
  weighted_sum(n, weights, v.at(b, kv_head, first), v.strides[2], shape.Dv, factor, out.at(b, h, i));
}

template <class Real>
void attend_queries(const ForwardCall<Real>& call, int64_t b, int64_t h, int64_t begin, int64_t end, Real* scratch) {
  const auto& shape = call.shape;
  if (shape.T <= kFewRows) {
    for (int64_t i = begin; i < end; ++i) attend_query(call, b, h, i, scratch);
    return;
  }
  Workspace<Real> room{scratch};
  const int64_t width = padded(shape.Dv), tiles = (end - begin + kTileQueries - 1) / kTileQueries;
  Real* scores = room.take(kTileKeys * kTileQueries);
  Real* outputs = room.take(tiles * kTileQueries * width);
  Real* value_room = room.take(kTileKeys * width);
  Real* shrink = room.take(kTileQueries);
  Real* tops = room.take(tiles * kTileQueries);
  Real* sums = room.take(tiles * kTileQueries);
  Real* transposed = room.take(tiles * kTileQueries * shape.D);
  const auto tile = [&](int64_t t) {
    const int64_t first = t * kTileQueries, query = begin + first;
    return QueryTile<Real>{query,
                           std::min(kTileQueries, end - query),
                           transposed + first * shape.D,
                           tops + first,
                           sums + first,
                           outputs + first * width};
  };
  PackedBlock packed{};
  Bf16Pair *key_room = nullptr, *packed_value_room = nullptr;
  if (call.bf16) {
    packed.queries = take_pairs(room, columns_size<Bf16Pair>(tiles * kTileQueries, shape.D));
    packed.weights = take_pairs(room, rows_size<Bf16Pair>(kTileQueries, kTileKeys));
    key_room = take_pairs(room, rows_size<Bf16Pair>(kTileKeys, shape.D));
    packed_value_room = take_pairs(room, columns_size<Bf16Pair>(shape.Dv, kTileKeys));
  }
  for (int64_t t = 0; t < tiles; ++t) start(call, b, h, tile(t), const_cast<Bf16Pair*>(packed.tile(t, shape.D).data));
  const bool direct = shape.Dv % kLanes<Real> == 0;
  const int64_t seen = last_key(call.options, end - 1, shape.S);
  // keys outside, tiles of queries inside: a block of keys and values stays in cache for all tiles
  for (int64_t key = tile_of(first_key(call.options, begin)); key < seen; key += kTileKeys) {
    const int64_t rows = std::min(kTileKeys, seen - key);
    Values<Real> values{call.v.at(b, shape.kv_head(h), key), call.v.strides[2], true};
    values.finite = all_finite(rows, shape.Dv, values.data, values.row);
    if constexpr (std::is_same_v<Real, float>)
      if (call.bf16) {
        packed.keys =
            pack_rows({call.k.at(b, shape.kv_head(h), key), call.k.strides[2], false}, rows, shape.D, key_room);
        packed.values = pack_columns({values.data, values.row, false}, shape.Dv, rows, packed_value_room);
      }
    if (!direct && !call.bf16) {
      pad_rows(rows, shape.Dv, values.data, values.row, value_room, width);
      values.data = value_room, values.row = width;
    }
    for (int64_t t = 0; t < tiles; ++t) {
      const auto queries = tile(t);
      const int64_t last = last_key(call.options, queries.query + queries.queries - 1, shape.S);
      const Place at{b, h, queries.query, queries.queries, key, std::min(kTileKeys, last - key)};
      if (at.keys <= 0 || key + at.keys <= first_key(call.options, at.query) || all_hidden(call.options, at)) continue;
      see_keys(call, at, queries, values, packed, packed.tile(t, shape.D), scores, shrink);
    }
  }
  for (int64_t t = 0; t < tiles; ++t) finish(call, b, h, tile(t));
}

auto attend_queries_both() { return Both{attend_queries<float>, attend_queries<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(attend_queries_both);

template <class Real>
void attend(const ForwardCall<Real>& call, int64_t b, int64_t h, int64_t begin, int64_t end, Real* scratch) {
  HWY_DYNAMIC_DISPATCH(attend_queries_both)().template get<Real>()(call, b, h, begin, end, scratch);
}
HEED_FOR_BOTH(attend)

}  // namespace heed::kernels
#endif

#include <heed/tensor/kernels/attention_tiles.h>

#include <algorithm>
#include <cmath>

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

// One tile of queries with all that its keys ask for.
template <class Real>
struct QueryTile {
  PaddedRows<Real> q, dout;
  Real* q_transposed;     // (D, kTileQueries), scaled
  Real* dout_transposed;  // (Dv, kTileQueries)
  Real* lse;              // (kTileQueries); +inf where no key is seen or the gradient is 0: all weights count as 0
  Real* delta;            // (kTileQueries): sum_j weight_j dweight_j = dout . out
  Real* dq;               // (kTileQueries, padded(D)), before scale
};

// Tiles (keys, queries): scores become weights w = exp(score - lse), and the weights' gradients those of the
// scores, w (dw - delta), or 0 where w is, whatever a hidden value made of dw.
template <class Real>
HWY_INLINE void differentiate_softmax(const Place& at, const Real* lse, const Real* delta, Real* scores,
                                      Real* dweights) {
  const Tag<Real> d;
  for (int64_t i = 0; i < columns<Real>(at); i += kLanes<Real>) {
    const auto log_sum = hn::LoadU(d, lse + i), mean = hn::LoadU(d, delta + i);
    const auto idle = hn::Eq(log_sum, hn::Inf(d));
    for (int64_t j = 0; j < at.keys; ++j) {
      Real* s = scores + j * kTileQueries + i;
      Real* g = dweights + j * kTileQueries + i;
      const auto weight = hn::IfThenZeroElse(idle, exp_small(hn::Sub(hn::LoadU(d, s), log_sum)));
      hn::StoreU(weight, d, s);
      hn::StoreU(times(weight, hn::Sub(hn::LoadU(d, g), mean)), d, g);
    }
  }
}

template <class Real>
HWY_INLINE void multiply(int64_t n, const Real* factors, Real* x) {
  const Tag<Real> d;
  for (int64_t i = 0; i < n; i += kLanes<Real>)
    hn::StoreU(times(hn::LoadU(d, x + i), hn::LoadU(d, factors + i)), d, x + i);
}

template <class Real>
void see_keys(const BackwardCall<Real>& call, const Place& at, const QueryTile<Real>& tile,
              const PaddedRows<Real>& keys, Real* scores, Real* dweights, Real* slopes, Real* dk, Real* dv) {
  const auto& shape = call.shape;
  const auto& [q, k, v, out, dout, lse] = call.saved;
  const int64_t lanes = columns<Real>(at), head = shape.kv_head(at.h);
  tile_product<Stored::plain>(at.keys, lanes, shape.D, k.at(at.b, head, at.key), k.strides[2], tile.q_transposed,
                              kTileQueries, false, scores, kTileQueries);
  tile_product<Stored::plain>(at.keys, lanes, shape.Dv, v.at(at.b, head, at.key), v.strides[2], tile.dout_transposed,
                              kTileQueries, false, dweights, kTileQueries);
  mask_scores(call.options, at, scores, slopes);
  if (call.options.keep) drop(shape, call.options, at, dweights);
  differentiate_softmax(at, tile.lse, tile.delta, scores, dweights);
  if (call.dbias.data) with_mask(call.dbias, at, dweights, [](Real ds, Real& sum) { sum += ds; });
  if (call.options.softcap) multiply<Real>(at.keys * kTileQueries, slopes, dweights);
  if (call.options.keep) drop(shape, call.options, at, scores);
  tile_product<Stored::plain>(at.keys, whole_vectors<Real>(shape.Dv), at.queries, scores, kTileQueries, tile.dout.data,
                              tile.dout.row, true, dv + at.key * padded(shape.Dv), padded(shape.Dv));
  tile_product<Stored::plain>(at.keys, whole_vectors<Real>(shape.D), at.queries, dweights, kTileQueries, tile.q.data,
                              tile.q.row, true, dk + at.key * padded(shape.D), padded(shape.D));
  tile_product<Stored::transposed>(at.queries, whole_vectors<Real>(shape.D), at.keys, dweights, kTileQueries,
                                   keys.data + at.key * keys.row, keys.row, true, tile.dq, padded(shape.D));
}

template <class Real>
QueryTile<Real> start(const BackwardCall<Real>& call, const Place& at, Room<Real> room) {
  const auto& shape = call.shape;
  const auto& saved = call.saved;
  const Real* q = saved.q.at(at.b, at.h, at.query);
  const Real* dout = saved.dout.at(at.b, at.h, at.query);
  QueryTile<Real> tile;
  tile.q = as_factor(at.queries, shape.D, q, saved.q.strides[2], room.take(kTileQueries * padded(shape.D)));
  tile.dout = as_padded(at.queries, shape.Dv, dout, saved.dout.strides[2], room.take(kTileQueries * padded(shape.Dv)));
  tile.q_transposed = room.take(kTileQueries * shape.D);
  tile.dout_transposed = room.take(kTileQueries * shape.Dv);
  transpose_queries(at.queries, shape.D, call.options.scale, q, saved.q.strides[2], tile.q_transposed);
  transpose_queries(at.queries, shape.Dv, Real(1), dout, saved.dout.strides[2], tile.dout_transposed);
  tile.dq = room.take(kTileQueries * padded(shape.D));
  std::fill_n(tile.dq, kTileQueries * padded(shape.D), Real(0));
  tile.lse = room.take(kTileQueries);
  tile.delta = room.take(kTileQueries);
  std::fill_n(tile.lse, kTileQueries, -kMinusInfinity<Real>);
  std::fill_n(tile.delta, kTileQueries, Real(0));
  for (int64_t i = 0; i < at.queries; ++i) {
    const Real lse = saved.lse[(at.b * shape.H + at.h) * shape.T + at.query + i];
    const Real* dy = dout + i * saved.dout.strides[2];
    if (lse == kMinusInfinity<Real> || all_zero(dy, shape.Dv)) continue;
    tile.lse[i] = std::isinf(lse) ? std::numeric_limits<Real>::quiet_NaN() : lse;
    tile.delta[i] = dot(shape.Dv, dy, saved.out.at(at.b, at.h, at.query + i));
  }
  return tile;
}

template <class Real>
void attend_backward_share(const BackwardCall<Real>& call, int64_t b, int64_t h, int64_t part, Real* dk, Real* dv,
                           Real* scratch) {
  const auto& shape = call.shape;
  const auto& k = call.saved.k;
  Room<Real> room{scratch};
  Real* scores = room.take(kTileKeys * kTileQueries);
  Real* dweights = room.take(kTileKeys * kTileQueries);
  Real* slopes = room.take(kTileKeys * kTileQueries);
  const auto keys =
      as_factor(shape.S, shape.D, k.at(b, shape.kv_head(h), 0), k.strides[2], room.take(shape.S * padded(shape.D)));
  for (int64_t query = 0; query < shape.T; query += kTileQueries) {
    if (!takes_tile(part, call.parts, query / kTileQueries)) continue;
    Place at{b, h, query, std::min(kTileQueries, shape.T - query), tile_of(first_key(call.options, query)), 0};
    const auto tile = start(call, at, room);
    const int64_t seen = last_key(call.options, query + at.queries - 1, shape.S);
    for (; at.key < seen; at.key += kTileKeys) {
      at.keys = std::min(kTileKeys, seen - at.key);
      if (!all_hidden(call.options, at)) see_keys(call, at, tile, keys, scores, dweights, slopes, dk, dv);
    }
    for (int64_t i = 0; i < at.queries; ++i)
      for (int64_t j = 0; j < shape.D; ++j)
        call.dq.at(b, h, query + i)[j] = call.options.scale * tile.dq[i * padded(shape.D) + j];
  }
}

auto attend_backward_both() { return Both{attend_backward_share<float>, attend_backward_share<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(attend_backward_both);

template <class Real>
void attend_backward(const BackwardCall<Real>& call, int64_t b, int64_t h, int64_t part, Real* dk, Real* dv,
                     Real* scratch) {
  HWY_DYNAMIC_DISPATCH(attend_backward_both)().template get<Real>()(call, b, h, part, dk, dv, scratch);
}
template decltype(attend_backward<float>) attend_backward<float>;
template decltype(attend_backward<double>) attend_backward<double>;

}  // namespace heed::kernels
#endif

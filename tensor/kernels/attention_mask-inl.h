// Masks, biases and dropout on a tile of transposed scores: keys down, queries across. Once per Highway
// target.
#if defined(HEED_KERNELS_ATTENTION_MASK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_ATTENTION_MASK_INL_H_
#undef HEED_KERNELS_ATTENTION_MASK_INL_H_
#else
#define HEED_KERNELS_ATTENTION_MASK_INL_H_
#endif

#include <heed/tensor/kernels/attention_tiles.h>
#include <heed/tensor/kernels/tile-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

// Where a tile lies: keys [key, key + keys) of head h in batch b, queries [query, query + queries).
struct Place {
  int64_t b, h, query, queries, key, keys;
};

// Columns of the tile in use; those past the last query hold nothing of meaning.
template <class Real>
HWY_INLINE int64_t columns(const Place& at) {
  return whole_vectors<Real>(at.queries);
}

// to (width, kTileQueries) = factor times the transpose of `queries` rows.
template <class Real>
HWY_INLINE void transpose_queries(int64_t queries, int64_t width, Real factor, const Real* from, int64_t row,
                                  Real* to) {
  const Tag<Real> d;
  if (queries < kTileQueries) std::fill_n(to, width * kTileQueries, Real(0));
  transpose<Real>(
      queries, width, [=](int64_t i) { return from + i * row; }, [=](int64_t j) { return to + j * kTileQueries; });
  if (factor == 1) return;
  for (int64_t i = 0; i < width * kTileQueries; i += kLanes<Real>)
    hn::StoreU(hn::Mul(hn::Set(d, factor), hn::LoadU(d, to + i)), d, to + i);
}

// Whether the boolean mask hides the whole tile, so that it can be skipped.
template <class Real>
bool all_hidden(const ScoreOptions<Real>& options, const Place& at) {
  const auto& allowed = options.allowed;
  if (!allowed.data) return false;
  const bool* first = allowed.at(at.b, at.h, at.query, at.key);
  for (int64_t i = 0; i < (allowed.strides[2] ? at.queries : 1); ++i)
    for (int64_t j = 0; j < (allowed.strides[3] ? at.keys : 1); ++j)
      if (first[i * allowed.strides[2] + j * allowed.strides[3]]) return false;
  return true;
}

// Hides a row of scores, one key's, from the queries [begin, end) of the tile.
template <class Real>
HWY_INLINE void hide(int64_t begin, int64_t end, Real* row) {
  const Tag<Real> d;
  for (int64_t i = begin / kLanes<Real> * kLanes<Real>; i < end; i += kLanes<Real>) {
    const auto query = hn::Iota(d, static_cast<Real>(i));
    const auto hidden =
        hn::And(hn::Ge(query, hn::Set(d, static_cast<Real>(begin))), hn::Lt(query, hn::Set(d, static_cast<Real>(end))));
    hn::StoreU(hn::IfThenElse(hidden, hn::Set(d, kMinusInfinity<Real>), hn::LoadU(d, row + i)), d, row + i);
  }
}

// The causal rule: key j hides from queries i < j - offset, and with a window from those i >= j - offset + window.
template <class Real>
HWY_INLINE void hide_out_of_sight(const ScoreOptions<Real>& options, const Place& at, Real* tile) {
  const int64_t first = options.window ? 0 : std::max<int64_t>(at.query + options.offset + 1 - at.key, 0);
  for (int64_t j = first; j < at.keys; ++j) {
    const int64_t own = at.key + j - options.offset - at.query;
    hide<Real>(0, std::min(own, kTileQueries), tile + j * kTileQueries);
    if (options.window)
      hide<Real>(std::max<int64_t>(own + options.window, 0), columns<Real>(at), tile + j * kTileQueries);
  }
}

// Scores become c tanh(score / c). If slopes is given, it gets the derivatives.
template <class Real>
HWY_INLINE void cap_scores(Real c, const Place& at, Real* tile, Real* slopes) {
  const Tag<Real> d;
  const auto one = hn::Set(d, Real(1)), cap = hn::Set(d, c), inverse = hn::Set(d, 1 / c);
  for (int64_t j = 0; j < at.keys; ++j)
    for (int64_t i = j * kTileQueries; i < j * kTileQueries + columns<Real>(at); i += kLanes<Real>) {
      const auto t = tanh(hn::Mul(hn::LoadU(d, tile + i), inverse));
      hn::StoreU(hn::Mul(cap, t), d, tile + i);
      if (slopes) hn::StoreU(hn::NegMulAdd(t, t, one), d, slopes + i);
    }
}

// Makes each score f(score, its element of the mask as a number).
template <class Real, class Element, class F>
HWY_INLINE void with_mask(const Strided<const Element, 4>& mask, const Place& at, Real* tile, F f) {
  const Tag<Real> d;
  const Element* first = mask.at(at.b, at.h, at.query, at.key);
  const int64_t step = mask.strides[2];
  HWY_ALIGN Real row[kTileQueries] = {};
  for (int64_t j = 0; j < at.keys; ++j) {
    const Element* own = first + j * mask.strides[3];
    if (step == 0) std::fill_n(row, kTileQueries, static_cast<Real>(*own));
    else
      for (int64_t i = 0; i < at.queries; ++i) row[i] = static_cast<Real>(own[i * step]);
    Real* scores = tile + j * kTileQueries;
    for (int64_t i = 0; i < columns<Real>(at); i += kLanes<Real>)
      hn::StoreU(f(hn::LoadU(d, scores + i), hn::Load(d, row + i)), d, scores + i);
  }
}

// Adds the tile to an array that lies as a bias does. Row by row: that is how it lies in memory.
template <class Real>
HWY_INLINE void add_tile(const Real* tile, const Place& at, const Strided<Real, 4>& to) {
  Real* first = to.at(at.b, at.h, at.query, at.key);
  for (int64_t i = 0; i < at.queries; ++i)
    for (int64_t j = 0; j < at.keys; ++j) first[i * to.strides[2] + j * to.strides[3]] += tile[j * kTileQueries + i];
}

// Everything that comes between q k^T and softmax; slopes, if given and scores are capped, get the caps' derivatives.
template <class Real>
HWY_INLINE void mask_scores(const ScoreOptions<Real>& options, const Place& at, Real* tile, Real* slopes) {
  using V = Vec<Real>;
  if (options.softcap) cap_scores(options.softcap, at, tile, slopes);
  if (options.causal) hide_out_of_sight(options, at, tile);
  if (options.bias.data) with_mask(options.bias, at, tile, [](V s, V bias) HWY_ATTR { return hn::Add(s, bias); });
  if (options.allowed.data)
    with_mask(options.allowed, at, tile, [](V s, V allowed) HWY_ATTR {
      return hn::IfThenElse(hn::Eq(allowed, constant<V>(1)), s, constant<V>(kMinusInfinity<Real>));
    });
}

// Dropout of weights, and of their gradients.
template <class Real>
HWY_INLINE void drop(const AttentionShape& shape, const ScoreOptions<Real>& options, const Place& at, Real* tile) {
  const int64_t head = shape.T * shape.S;
  const Strided<const bool, 4> keep{options.keep, {shape.H * head, head, shape.S, 1}};
  using V = Vec<Real>;
  const V scale = constant<V>(options.keep_scale);
  with_mask(keep, at, tile,
            [=](V w, V kept) HWY_ATTR { return hn::IfThenElseZero(hn::Eq(kept, constant<V>(1)), hn::Mul(w, scale)); });
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // once per target

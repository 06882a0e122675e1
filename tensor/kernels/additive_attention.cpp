// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/additive_attention.h>

#include <algorithm>
#include <numeric>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/additive_attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/functions-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

// score . tanh(query + key) of one position.
template <class Real>
HWY_INLINE Real additive_score(int64_t A, const Real* query, const Real* key, const Real* score) {
  auto sum = hn::Zero(Tag<Real>());
  for_vectors<Real>(A, [&](auto at) HWY_ATTR { sum = hn::MulAdd(at(score), tanh(hn::Add(at(query), at(key))), sum); });
  return hn::GetLane(hn::SumOfLanes(Tag<Real>(), sum));
}

// Scores to weights; the last one is seen.
template <class Real>
HWY_INLINE void softmax(int64_t S, Real* x) {
  using V = Vec<Real>;
  map(x, x, S, [top = constant<V>(largest(x, S))](V v) HWY_ATTR { return exp_small(hn::Sub(v, top)); });
  const V factor = constant<V>(1 / std::accumulate(x, x + S, Real(0)));
  map(x, x, S, [=](V v) HWY_ATTR { return hn::Mul(v, factor); });
}

template <class Real>
void attend(const AdditiveForward<Real>& call, int64_t b, int64_t t) {
  const auto& shape = call.shape;
  Real* weights = call.weights + (b * shape.T + t) * shape.S;
  const bool* allowed = call.mask.data ? call.mask.at(b, t) : nullptr;
  int64_t seen = shape.S;  // hidden positions at the end are not read
  while (allowed && seen > 0 && !allowed[seen - 1]) --seen;
  for (int64_t s = 0; s < seen; ++s)
    weights[s] = allowed && !allowed[s] ? kMinusInfinity<Real>
                                        : additive_score(shape.A, call.query.at(b, t), call.keys.at(b, s), call.score);
  softmax(seen, weights);
  std::fill(weights + seen, weights + shape.S, Real(0));
  weighted_sum(seen, weights, call.values.at(b), call.values.strides[1], shape.D, Real(1), call.context.at(b, t));
}

// dscores (S) from those of the weights: ds = w (dw - sum w dw). The values' gradients on the way. What has weight 0 is
// not read, nor anything if the gradient is 0.
template <class Real>
HWY_INLINE void differentiate_weights(const AdditiveBackward<Real>& call, int64_t b, int64_t t, Real* ds) {
  const auto& shape = call.shape;
  const Real* w = call.weights + (b * shape.T + t) * shape.S;
  const Real* dcontext = call.dcontext.at(b, t);
  std::fill_n(ds, shape.S, Real(0));
  if (all_zero(dcontext, shape.D)) return;
  Real mean = 0;
  for (int64_t s = 0; s < shape.S; ++s) {
    if (w[s] == 0) continue;
    ds[s] = dot(shape.D, dcontext, call.values.at(b, s));
    mean += w[s] * ds[s];
    if (!call.to.dvalues.data) continue;
    Real* dvalue = call.to.dvalues.at(b, s);
    map(dcontext, dvalue, dvalue, shape.D,
        [f = constant<Vec<Real>>(w[s])](auto g, auto sum) HWY_ATTR { return hn::MulAdd(f, g, sum); });
  }
  for (int64_t s = 0; s < shape.S; ++s)
    if (w[s] != 0) ds[s] = w[s] * (ds[s] - mean);
}

// One query. With y = tanh(query + key), a score's gradient ds gives ds y to the score vector and ds score (1
// - y^2) to query and key. One vector of columns at a time goes down the positions, its sums over them in
// registers. ds (S) is working memory; dscores (A) is the row's own part of dscore.
template <class Real>
void attend_backward(const AdditiveBackward<Real>& call, int64_t b, int64_t t, Real* ds, Real* dscores) {
  const Tag<Real> d;
  const auto& [dquery, dkeys, dscore, dvalues] = call.to;
  const int64_t S = call.shape.S, A = call.shape.A;
  differentiate_weights(call, b, t, ds);
  for (int64_t a = 0; a < A; a += kLanes<Real>) {
    const int64_t left = A - a;
    const auto query = load_first(call.query.at(b, t) + a, left), score = load_first(call.score + a, left);
    auto query_sum = hn::Zero(d), score_sum = hn::Zero(d);
    for (int64_t s = 0; s < S; ++s) {
      if (ds[s] == 0) continue;
      const auto y = tanh(hn::Add(query, load_first(call.keys.at(b, s) + a, left)));
      const auto g = hn::Set(d, ds[s]), scaled = hn::Mul(g, score);
      const auto dx = hn::NegMulAdd(hn::Mul(scaled, y), y, scaled);
      score_sum = hn::MulAdd(g, y, score_sum);
      query_sum = hn::Add(query_sum, dx);
      if (!dkeys.data) continue;
      Real* dkey = dkeys.at(b, s) + a;
      store_first<Real>(hn::Add(load_first(dkey, left), dx), dkey, left);
    }
    if (dquery.data) store_first<Real>(query_sum, dquery.at(b, t) + a, left);
    if (!dscore) continue;
    store_first<Real>(hn::Add(load_first(dscores + a, left), score_sum), dscores + a, left);
  }
}

auto additive_attend_both() { return Both{attend<float>, attend<double>}; }
auto additive_backward_both() { return Both{attend_backward<float>, attend_backward<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(additive_attend_both);
HWY_EXPORT(additive_backward_both);

template <class Real>
void additive_attention(const AdditiveForward<Real>& call) {
  const auto& shape = call.shape;
  const auto attend = HWY_DYNAMIC_DISPATCH(additive_attend_both)().template get<Real>();
  for_rows(shape.B * shape.T, shape.S * (shape.A + shape.D),
           [&](int64_t i) { attend(call, i / shape.T, i % shape.T); });
}

template <class Real>
void additive_attention_backward(const AdditiveBackward<Real>& call) {
  const auto [B, T, S, A, D] = call.shape;
  const Scratch<Real> room(B * (A + S));
  Real *const dscores = room.data(), *const ds = dscores + B * A;
  std::fill_n(dscores, B * A, Real(0));
  const auto attend_backward = HWY_DYNAMIC_DISPATCH(additive_backward_both)().template get<Real>();
  parallel_for(B, row_grain(T * S * (A + D)), [&, T = T, S = S, A = A](int64_t begin, int64_t end) {
    for (int64_t i = begin * T; i < end * T; ++i)
      attend_backward(call, i / T, i % T, ds + i / T * S, dscores + i / T * A);
  });
  for (int64_t i = 0; call.to.dscore && i < B * A; ++i) call.to.dscore[i % A] += dscores[i];
}

HEED_FOR_BOTH(additive_attention)
HEED_FOR_BOTH(additive_attention_backward)

}  // namespace heed::kernels
#endif

// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/additive_attention.h>

#include <algorithm>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/additive_attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/functions-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels {
namespace HWY_NAMESPACE {

// score . tanh(query + key) of one position.
template <class Real>
HWY_INLINE Real additive_score(int64_t A, const Real* query, const Real* key, const Real* score) {
  const Tag<Real> d;
  auto sum = hn::Zero(d);
  for (int64_t a = 0; a < A; a += kLanes<Real>) {
    const int64_t left = A - a;
    const auto hidden = tanh(hn::Add(load_first(query + a, left), load_first(key + a, left)));
    sum = hn::MulAdd(load_first(score + a, left), hidden, sum);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// Scores to weights; the last one is seen.
template <class Real>
HWY_INLINE void softmax(int64_t S, Real* x) {
  const Tag<Real> d;
  Real top = kMinusInfinity<Real>;
  for (int64_t s = 0; s < S; ++s) top = std::max(top, x[s]);
  const auto base = hn::Set(d, top);
  Real total = 0;
  for (int64_t s = 0; s < S; s += kLanes<Real>)
    store_first<Real>(exp_small(hn::Sub(load_first(x + s, S - s), base)), x + s, S - s);
  for (int64_t s = 0; s < S; ++s) total += x[s];
  const Real factor = 1 / total;
  for (int64_t s = 0; s < S; ++s) x[s] *= factor;
}

// y (D) = sum_s w_s row_s; a weight of 0 does not read its row. Four vectors of y at a time stay in registers.
template <class Real>
HWY_INLINE void weighted_sum(int64_t S, int64_t D, const Real* w, const Real* rows, int64_t row, Real* y) {
  const Tag<Real> d;
  int64_t i = 0;
  for (; i + 4 * kLanes<Real> <= D; i += 4 * kLanes<Real>) {
    Vec<Real> sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    for (int64_t s = 0; s < S; ++s) {
      if (w[s] == 0) continue;
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j)
        sum[j] = hn::MulAdd(hn::Set(d, w[s]), hn::LoadU(d, rows + s * row + i + j * kLanes<Real>), sum[j]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) hn::StoreU(sum[j], d, y + i + j * kLanes<Real>);
  }
  for (; i < D; i += kLanes<Real>) {
    auto sum = hn::Zero(d);
    for (int64_t s = 0; s < S; ++s)
      if (w[s] != 0) sum = hn::MulAdd(hn::Set(d, w[s]), load_first(rows + s * row + i, D - i), sum);
    store_first<Real>(sum, y + i, D - i);
  }
}

template <class Real>
HWY_INLINE void add_scaled(int64_t n, Real factor, const Real* x, Real* y) {
  const Tag<Real> d;
  for (int64_t i = 0; i < n; i += kLanes<Real>)
    store_first<Real>(hn::MulAdd(hn::Set(d, factor), load_first(x + i, n - i), load_first(y + i, n - i)), y + i, n - i);
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
  weighted_sum(seen, shape.D, weights, call.values.at(b), call.values.strides[1], call.context.at(b, t));
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
    if (call.to.dvalues.data) add_scaled(shape.D, w[s], dcontext, call.to.dvalues.at(b, s));
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

}  // namespace HWY_NAMESPACE
}  // namespace heed::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(additive_attend_both);
HWY_EXPORT(additive_backward_both);

namespace {

// Work that is worth a thread's while, in elements of tanh or multiply-adds.
constexpr int64_t kWorkPerRange = 1 << 14;

int64_t grain(const AdditiveShape& s, int64_t queries) { return grain_for(kWorkPerRange, queries * s.S * (s.A + s.D)); }

}  // namespace

template <class Real>
void additive_attention(const AdditiveForward<Real>& call) {
  const auto& shape = call.shape;
  const auto attend = HWY_DYNAMIC_DISPATCH(additive_attend_both)().template get<Real>();
  parallel_for(shape.B * shape.T, grain(shape, 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) attend(call, i / shape.T, i % shape.T);
  });
}

template <class Real>
void additive_attention_backward(const AdditiveBackward<Real>& call) {
  const auto [B, T, S, A, D] = call.shape;
  const Scratch<Real> room(B * (A + S));
  Real *const dscores = room.data(), *const ds = dscores + B * A;
  std::fill_n(dscores, B * A, Real(0));
  const auto attend_backward = HWY_DYNAMIC_DISPATCH(additive_backward_both)().template get<Real>();
  parallel_for(B, grain(call.shape, T), [&, T = T, S = S, A = A](int64_t begin, int64_t end) {
    for (int64_t i = begin * T; i < end * T; ++i)
      attend_backward(call, i / T, i % T, ds + i / T * S, dscores + i / T * A);
  });
  for (int64_t i = 0; call.to.dscore && i < B * A; ++i) call.to.dscore[i % A] += dscores[i];
}

template decltype(additive_attention<float>) additive_attention<float>;
template decltype(additive_attention<double>) additive_attention<double>;
template decltype(additive_attention_backward<float>) additive_attention_backward<float>;
template decltype(additive_attention_backward<double>) additive_attention_backward<double>;

}  // namespace heed::kernels
#endif

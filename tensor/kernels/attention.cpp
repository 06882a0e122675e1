#include "tensor/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/parallel.h"

namespace heed::kernels {
namespace {

template <class Real>
constexpr Real kMinusInfinity = -std::numeric_limits<Real>::infinity();

template <class Element>
Element* row_of(const Heads<Element>& x, int64_t b, int64_t h, int64_t i) {
  return x.data + b * x.batch + h * x.head + i * x.row;
}

template <class Real>
Real dot(int64_t n, const Real* a, const Real* b) {
  Real sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// Keys that query i can see at most: the rest is hidden by the causal rule.
template <class Real>
int64_t visible_keys(const AttentionOptions<Real>& options, int64_t i, int64_t S) {
  return options.causal ? std::clamp<int64_t>(i + options.offset + 1, 0, S) : S;
}

// The masked scores of one query against all keys.
template <class Real>
void score_row(const AttentionShape& shape, const Real* q, const Heads<const Real>& k,
               const AttentionOptions<Real>& options, int64_t b, int64_t h, int64_t i, Real* scores) {
  const int64_t seen = visible_keys(options, i, shape.S);
  const auto& allowed = options.allowed;
  const auto& bias = options.bias;
  for (int64_t j = 0; j < seen; ++j) {
    scores[j] = options.scale * dot(shape.D, q, row_of(k, b, h, j));
    if (bias.data) scores[j] += bias.data[b * bias.batch + h * bias.head + i * bias.query + j * bias.key];
    if (allowed.data &&
        !allowed.data[b * allowed.batch + h * allowed.head + i * allowed.query + j * allowed.key])
      scores[j] = kMinusInfinity<Real>;
  }
  std::fill(scores + seen, scores + shape.S, kMinusInfinity<Real>);
}

// Turns scores into weights and returns the log of the denominator; all zero and -inf if nothing is seen.
template <class Real>
Real softmax_row(int64_t S, Real* scores) {
  Real top = kMinusInfinity<Real>;
  for (int64_t j = 0; j < S; ++j) top = std::max(top, scores[j]);
  if (top == kMinusInfinity<Real>) {
    std::fill(scores, scores + S, Real(0));
    return top;
  }
  Real sum = 0;
  for (int64_t j = 0; j < S; ++j) sum += scores[j] = std::exp(scores[j] - top);
  for (int64_t j = 0; j < S; ++j) scores[j] /= sum;
  return top + std::log(sum);
}

// What dropout multiplies weight (b, h, i, j) by.
template <class Real>
Real kept(const AttentionShape& shape, const AttentionOptions<Real>& options, int64_t b, int64_t h, int64_t i,
          int64_t j) {
  if (!options.keep) return 1;
  return options.keep[((b * shape.H + h) * shape.T + i) * shape.S + j] ? options.keep_scale : Real(0);
}

}  // namespace

template <class Real>
void attention(const AttentionShape& shape, Heads<const Real> q, Heads<const Real> k, Heads<const Real> v,
               const AttentionOptions<Real>& options, Heads<Real> out, Real* lse) {
  parallel_for(shape.B * shape.H * shape.T, 16, [&](int64_t begin, int64_t end) {
    std::vector<Real> weights(shape.S);
    for (int64_t row = begin; row < end; ++row) {
      const int64_t i = row % shape.T, h = row / shape.T % shape.H, b = row / shape.T / shape.H;
      score_row(shape, row_of(q, b, h, i), k, options, b, h, i, weights.data());
      const Real log_sum = softmax_row(shape.S, weights.data());
      if (lse) lse[row] = log_sum;
      Real* y = row_of(out, b, h, i);
      std::fill(y, y + shape.Dv, Real(0));
      for (int64_t j = 0; j < shape.S; ++j) {
        const Real w = weights[j] * kept(shape, options, b, h, i, j);
        const Real* value = row_of(v, b, h, j);
        for (int64_t d = 0; d < shape.Dv; ++d) y[d] += w * value[d];
      }
    }
  });
}

template <class Real>
void attention_backward(const AttentionShape& shape, const AttentionSaved<Real>& saved,
                        const AttentionOptions<Real>& options, Heads<Real> dq, Heads<Real> dk, Heads<Real> dv,
                        AttentionMask<Real> dbias) {
  const auto& [B, H, T, S, D, Dv] = shape;
  std::vector<Real> weights(S);
  for (int64_t b = 0; b < B; ++b)
    for (int64_t h = 0; h < H; ++h) {
      for (int64_t j = 0; j < S; ++j) {
        std::fill_n(row_of(dk, b, h, j), D, Real(0));
        std::fill_n(row_of(dv, b, h, j), Dv, Real(0));
      }
      for (int64_t i = 0; i < T; ++i) {
        const Real* query = row_of(saved.q, b, h, i);
        const Real* dout = row_of(saved.dout, b, h, i);
        Real* dquery = row_of(dq, b, h, i);
        std::fill_n(dquery, D, Real(0));
        const Real log_sum = saved.lse[(b * H + h) * T + i];
        if (log_sum == kMinusInfinity<Real>) continue;
        score_row(shape, query, saved.k, options, b, h, i, weights.data());
        // sum_j w_j dw_j, where w and dw carry dropout: it is dout . out, whatever was dropped
        const Real delta = dot(Dv, dout, row_of(saved.out, b, h, i));
        for (int64_t j = 0; j < S; ++j) {
          const Real p = std::exp(weights[j] - log_sum), factor = kept(shape, options, b, h, i, j);
          if (p == 0) continue;
          const Real ds = p * (factor * dot(Dv, dout, row_of(saved.v, b, h, j)) - delta);
          if (dbias.data)
            dbias.data[b * dbias.batch + h * dbias.head + i * dbias.query + j * dbias.key] += ds;
          const Real* key = row_of(saved.k, b, h, j);
          Real* dkey = row_of(dk, b, h, j);
          Real* dvalue = row_of(dv, b, h, j);
          for (int64_t d = 0; d < D; ++d) dquery[d] += options.scale * ds * key[d];
          for (int64_t d = 0; d < D; ++d) dkey[d] += options.scale * ds * query[d];
          for (int64_t d = 0; d < Dv; ++d) dvalue[d] += factor * p * dout[d];
        }
      }
    }
}

template <class Real>
void attention_weights(const AttentionShape& shape, Heads<const Real> q, Heads<const Real> k,
                       const AttentionOptions<Real>& options, Real* weights) {
  parallel_for(shape.B * shape.H * shape.T, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t i = row % shape.T, h = row / shape.T % shape.H, b = row / shape.T / shape.H;
      Real* w = weights + row * shape.S;
      score_row(shape, row_of(q, b, h, i), k, options, b, h, i, w);
      softmax_row(shape.S, w);
      for (int64_t j = 0; j < shape.S; ++j) w[j] *= kept(shape, options, b, h, i, j);
    }
  });
}

template void attention<float>(const AttentionShape&, Heads<const float>, Heads<const float>,
                               Heads<const float>, const AttentionOptions<float>&, Heads<float>, float*);
template void attention<double>(const AttentionShape&, Heads<const double>, Heads<const double>,
                                Heads<const double>, const AttentionOptions<double>&, Heads<double>, double*);
template void attention_backward<float>(const AttentionShape&, const AttentionSaved<float>&,
                                        const AttentionOptions<float>&, Heads<float>, Heads<float>,
                                        Heads<float>, AttentionMask<float>);
template void attention_backward<double>(const AttentionShape&, const AttentionSaved<double>&,
                                         const AttentionOptions<double>&, Heads<double>, Heads<double>,
                                         Heads<double>, AttentionMask<double>);
template void attention_weights<float>(const AttentionShape&, Heads<const float>, Heads<const float>,
                                       const AttentionOptions<float>&, float*);
template void attention_weights<double>(const AttentionShape&, Heads<const double>, Heads<const double>,
                                        const AttentionOptions<double>&, double*);

}  // namespace heed::kernels

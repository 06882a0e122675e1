#include "tensor/kernels/additive_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/parallel.h"

namespace heed::kernels {
namespace {

template <class Element>
Element* row_of(const Rows<Element>& x, int64_t b, int64_t i) {
  return x.data + b * x.batch + i * x.row;
}

bool is_allowed(const SourceMask& mask, int64_t b, int64_t t, int64_t s) {
  if (mask.lengths && s >= mask.lengths[b]) return false;
  return !mask.allowed || mask.allowed[b * mask.batch + t * mask.query + s];
}

}  // namespace

template <class Real>
void additive_attention(const AdditiveShape& shape, Rows<const Real> query, Rows<const Real> keys,
                        const Real* score, Rows<const Real> values, const SourceMask& mask, Real* weights,
                        Rows<Real> context) {
  constexpr Real kMinusInfinity = -std::numeric_limits<Real>::infinity();
  parallel_for(shape.B * shape.T, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / shape.T, t = i % shape.T;
      const Real* q = row_of(query, b, t);
      Real* w = weights + i * shape.S;
      Real top = kMinusInfinity;
      for (int64_t s = 0; s < shape.S; ++s) {
        const Real* key = row_of(keys, b, s);
        Real sum = 0;
        for (int64_t a = 0; a < shape.A; ++a) sum += score[a] * std::tanh(q[a] + key[a]);
        w[s] = is_allowed(mask, b, t, s) ? sum : kMinusInfinity;
        top = std::max(top, w[s]);
      }
      Real total = 0;
      for (int64_t s = 0; s < shape.S; ++s)
        total += w[s] = w[s] == kMinusInfinity ? Real(0) : std::exp(w[s] - top);
      Real* y = row_of(context, b, t);
      std::fill_n(y, shape.D, Real(0));
      for (int64_t s = 0; s < shape.S; ++s) {
        if (w[s] == 0) continue;
        w[s] /= total;
        const Real* value = row_of(values, b, s);
        for (int64_t d = 0; d < shape.D; ++d) y[d] += w[s] * value[d];
      }
    }
  });
}

template <class Real>
void additive_attention_backward(const AdditiveShape& shape, Rows<const Real> query, Rows<const Real> keys,
                                 const Real* score, Rows<const Real> values, const Real* weights,
                                 Rows<const Real> dcontext, const Real* dweights,
                                 const AdditiveGradients<Real>& gradients) {
  const auto& [dquery, dkeys, dscore, dvalues] = gradients;
  for (int64_t b = 0; b < shape.B; ++b)
    for (int64_t t = 0; t < shape.T; ++t) {
      const Real* w = weights + (b * shape.T + t) * shape.S;
      const Real* g = row_of(dcontext, b, t);
      const Real* q = row_of(query, b, t);
      if (dquery.data) std::fill_n(row_of(dquery, b, t), shape.A, Real(0));
      const auto dweight = [&](int64_t s) {
        Real sum = dweights ? dweights[(b * shape.T + t) * shape.S + s] : Real(0);
        for (int64_t d = 0; d < shape.D; ++d) sum += g[d] * row_of(values, b, s)[d];
        return sum;
      };
      Real delta = 0;
      for (int64_t s = 0; s < shape.S; ++s)
        if (w[s] != 0) delta += w[s] * dweight(s);
      for (int64_t s = 0; s < shape.S; ++s) {
        if (w[s] == 0) continue;
        const Real ds = w[s] * (dweight(s) - delta);
        for (int64_t d = 0; dvalues.data && d < shape.D; ++d) row_of(dvalues, b, s)[d] += w[s] * g[d];
        for (int64_t a = 0; a < shape.A; ++a) {
          const Real y = std::tanh(q[a] + row_of(keys, b, s)[a]), dx = ds * score[a] * (1 - y * y);
          if (dscore) dscore[a] += ds * y;
          if (dquery.data) row_of(dquery, b, t)[a] += dx;
          if (dkeys.data) row_of(dkeys, b, s)[a] += dx;
        }
      }
    }
}

template void additive_attention<float>(const AdditiveShape&, Rows<const float>, Rows<const float>,
                                        const float*, Rows<const float>, const SourceMask&, float*,
                                        Rows<float>);
template void additive_attention<double>(const AdditiveShape&, Rows<const double>, Rows<const double>,
                                         const double*, Rows<const double>, const SourceMask&, double*,
                                         Rows<double>);
template void additive_attention_backward<float>(const AdditiveShape&, Rows<const float>, Rows<const float>,
                                                 const float*, Rows<const float>, const float*,
                                                 Rows<const float>, const float*,
                                                 const AdditiveGradients<float>&);
template void additive_attention_backward<double>(const AdditiveShape&, Rows<const double>,
                                                  Rows<const double>, const double*, Rows<const double>,
                                                  const double*, Rows<const double>, const double*,
                                                  const AdditiveGradients<double>&);

}  // namespace heed::kernels

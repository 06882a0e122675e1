// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/cross_entropy.h>

#include <algorithm>
#include <cmath>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/cross_entropy.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/functions-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// log sum e^x
template <class Real>
double log_sum_exp(const Real* x, int64_t n) {
  using V = Vec<Real>;
  const Real m = largest(x, n);
  const V shift = constant<V>(m);
  return m + std::log(sum<Real>(n, [=](auto at) HWY_ATTR { return exp_small(hn::Sub(at(x), shift)); }));
}

/// dx = scale e^(x - lse) - less. What f32 loses of a large lse goes into the factor.
template <class Real>
void weighted_softmax(const Real* x, double lse, Real scale, Real less, Real* dx, int64_t n) {
  using V = Vec<Real>;
  const Real rounded = static_cast<Real>(lse);
  const V shift = constant<V>(rounded), factor = constant<V>(scale * std::exp(rounded - lse)), rest = constant<V>(less);
  map(x, dx, n, [=](V v) HWY_ATTR { return hn::MulSub(exp_small(hn::Sub(v, shift)), factor, rest); });
}

auto log_sum_exps() { return Both{log_sum_exp<float>, log_sum_exp<double>}; }
auto means() { return Both{mean_of<float>, mean_of<double>}; }
auto weighted_softmaxes() { return Both{weighted_softmax<float>, weighted_softmax<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(log_sum_exps);
HWY_EXPORT(means);
HWY_EXPORT(weighted_softmaxes);

template <class T>
void cross_entropy(const CrossEntropy& shape, const T* logits, const int64_t* targets, T* loss, double* lse) {
  const auto log_sum_exp = HWY_DYNAMIC_DISPATCH(log_sum_exps)().template get<T>();
  const auto mean = HWY_DYNAMIC_DISPATCH(means)().template get<T>();
  for_rows(shape.N, shape.V, [=](int64_t i) {
    const double smoothing = shape.label_smoothing;
    const T* x = logits + i * shape.V;
    const double log_sum = log_sum_exp(x, shape.V);
    lse[i] = log_sum;
    loss[i] = 0;
    if (targets[i] == shape.ignore_index) return;
    double nats = log_sum - static_cast<double>(x[targets[i]]);
    // Of a uniform target: log_sum - mean(x).
    if (smoothing != 0) nats = (1 - smoothing) * nats + smoothing * (log_sum - mean(x, shape.V));
    loss[i] = static_cast<T>(nats);
  });
}

template <class T>
void cross_entropy_backward(const CrossEntropy& shape, const T* logits, const int64_t* targets, const double* lse,
                            T scale, T* dlogits) {
  const T less = static_cast<T>(static_cast<double>(scale) * shape.label_smoothing / static_cast<double>(shape.V));
  const T hit = static_cast<T>(static_cast<double>(scale) * (1 - shape.label_smoothing));
  const auto weighted_softmax = HWY_DYNAMIC_DISPATCH(weighted_softmaxes)().template get<T>();
  for_rows(shape.N, shape.V, [=](int64_t i) {
    T* dx = dlogits + i * shape.V;
    if (targets[i] == shape.ignore_index) {
      std::fill_n(dx, shape.V, T(0));
      return;
    }
    weighted_softmax(logits + i * shape.V, lse[i], scale, less, dx, shape.V);
    dx[targets[i]] -= hit;
  });
}

HEED_FOR_BOTH(cross_entropy)
HEED_FOR_BOTH(cross_entropy_backward)

}  // namespace heed::kernels
#endif

// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/cross_entropy.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/parallel.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/cross_entropy.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels {
namespace HWY_NAMESPACE {

/// log sum e^x
double log_sum_exp(const float* x, size_t n) {
  const float m = largest(x, n);
  const V shift = constant(m);
  return m + std::log(sum(n, [=](auto at) HWY_ATTR { return exp_small(hn::Sub(at(x), shift)); }));
}

double total(const float* x, size_t n) {
  return sum(n, [=](auto at) HWY_ATTR { return at(x); });
}

/// dx = scale e^(x - lse) - less. What float loses of a large lse goes into the factor.
void weighted_softmax(const float* x, double lse, float scale, float less, float* dx, size_t n) {
  const float rounded = static_cast<float>(lse);
  const V shift = constant(rounded), factor = constant(static_cast<float>(scale * std::exp(rounded - lse))),
          rest = constant(less);
  map(x, dx, n, [=](V v) HWY_ATTR { return hn::MulSub(exp_small(hn::Sub(v, shift)), factor, rest); });
}

}  // namespace HWY_NAMESPACE
}  // namespace heed::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(log_sum_exp);
HWY_EXPORT(total);
HWY_EXPORT(weighted_softmax);

double log_sum_exp_of(const float* x, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(log_sum_exp)(x, static_cast<size_t>(n));
}
double log_sum_exp_of(const double* x, int64_t n) {
  double m = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t i = 0; i < n; ++i) m = std::max(m, x[i]);
  for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - m);
  return m + std::log(sum);
}

double total_of(const float* x, int64_t n) { return HWY_DYNAMIC_DISPATCH(total)(x, static_cast<size_t>(n)); }
double total_of(const double* x, int64_t n) { return std::accumulate(x, x + n, 0.0); }

void weighted_softmax_of(const float* x, double lse, float scale, float less, float* dx, int64_t n) {
  HWY_DYNAMIC_DISPATCH(weighted_softmax)(x, lse, scale, less, dx, static_cast<size_t>(n));
}
void weighted_softmax_of(const double* x, double lse, double scale, double less, double* dx, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dx[i] = scale * std::exp(x[i] - lse) - less;
}

/// Rows that are worth a thread's while.
int64_t grain(int64_t V) { return std::max<int64_t>(1, 16384 / std::max<int64_t>(1, V)); }

}  // namespace

template <class T>
void cross_entropy(const CrossEntropy& shape, const T* logits, const int64_t* targets, T* loss, double* lse) {
  parallel_for(shape.N, grain(shape.V), [=](int64_t begin, int64_t end) {
    const double smoothing = shape.label_smoothing;
    for (int64_t i = begin; i < end; ++i) {
      const T* x = logits + i * shape.V;
      const double log_sum = log_sum_exp_of(x, shape.V);
      lse[i] = log_sum;
      loss[i] = 0;
      if (targets[i] == shape.ignore_index) continue;
      double nats = log_sum - static_cast<double>(x[targets[i]]);
      // Of a uniform target: log_sum - mean(x).
      if (smoothing != 0)
        nats = (1 - smoothing) * nats + smoothing * (log_sum - total_of(x, shape.V) / static_cast<double>(shape.V));
      loss[i] = static_cast<T>(nats);
    }
  });
}

template <class T>
void cross_entropy_backward(const CrossEntropy& shape, const T* logits, const int64_t* targets, const double* lse,
                            T scale, T* dlogits) {
  const T less = static_cast<T>(static_cast<double>(scale) * shape.label_smoothing / static_cast<double>(shape.V));
  const T hit = static_cast<T>(static_cast<double>(scale) * (1 - shape.label_smoothing));
  parallel_for(shape.N, grain(shape.V), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* dx = dlogits + i * shape.V;
      if (targets[i] == shape.ignore_index) {
        std::fill_n(dx, shape.V, T(0));
        continue;
      }
      weighted_softmax_of(logits + i * shape.V, lse[i], scale, less, dx, shape.V);
      dx[targets[i]] -= hit;
    }
  });
}

template void cross_entropy(const CrossEntropy&, const float*, const int64_t*, float*, double*);
template void cross_entropy(const CrossEntropy&, const double*, const int64_t*, double*, double*);
template void cross_entropy_backward(const CrossEntropy&, const float*, const int64_t*, const double*, float, float*);
template void cross_entropy_backward(const CrossEntropy&, const double*, const int64_t*, const double*, double,
                                     double*);

}  // namespace heed::kernels
#endif

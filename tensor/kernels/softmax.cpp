// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/softmax.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/parallel.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels {
namespace HWY_NAMESPACE {

void softmax_row(const float* x, float* y, size_t n) {
  // With the largest element subtracted exp cannot overflow.
  const V m = constant(largest(x, n));
  const double total = sum(n, [=](auto at) HWY_ATTR {
    const V e = exp_small(hn::Sub(at(x), m));
    at.store(e, y);
    return e;
  });
  const V scale = constant(static_cast<float>(1 / total));
  map(y, y, n, [=](V e) HWY_ATTR { return hn::Mul(e, scale); });
}

float log_sum_exp_row(const float* x, size_t n) {
  const float m = largest(x, n);
  const V shift = constant(m);
  const double total = sum(n, [=](auto at) HWY_ATTR { return exp_small(hn::Sub(at(x), shift)); });
  return static_cast<float>(m + std::log(total));
}

void log_softmax_row(const float* x, float* y, size_t n) {
  // (x - max) - log(sum), each small where y is: x - (max + log(sum)) would lose the digits that a large max rounds away.
  const V shift = constant(largest(x, n));
  const double total = sum(n, [=](auto at) HWY_ATTR { return exp_small(hn::Sub(at(x), shift)); });
  const V rest = constant(static_cast<float>(std::log(total)));
  map(x, y, n, [=](V v) HWY_ATTR { return hn::Sub(hn::Sub(v, shift), rest); });
}

void softmax_backward_row(const float* g, const float* y, float* dx, size_t n) {
  const V dot = constant(static_cast<float>(sum(n, [=](auto at) HWY_ATTR { return hn::Mul(at(g), at(y)); })));
  map(g, y, dx, n, [=](V d, V p) HWY_ATTR { return hn::Mul(p, hn::Sub(d, dot)); });
}

void log_softmax_backward_row(const float* g, const float* y, float* dx, size_t n) {
  const V total = constant(static_cast<float>(sum(n, [=](auto at) HWY_ATTR { return at(g); })));
  map(g, y, dx, n, [=](V d, V p) HWY_ATTR { return hn::NegMulAdd(exp_small(p), total, d); });
}

}  // namespace HWY_NAMESPACE
}  // namespace heed::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(softmax_row);
HWY_EXPORT(log_sum_exp_row);
HWY_EXPORT(log_softmax_row);
HWY_EXPORT(softmax_backward_row);
HWY_EXPORT(log_softmax_backward_row);

/// Calls f(row) for every row, in parallel when there are elements enough.
template <class Function>
void for_rows(int64_t rows, int64_t n, Function f) {
  constexpr int64_t kGrain = 16384;  // elements, about 5 us of work
  parallel_for(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, n)), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) f(r);
  });
}

// The same rows in f64, as the formulas say.

double largest(const double* x, int64_t n) {
  return std::accumulate(x, x + n, -std::numeric_limits<double>::infinity(),
                         [](double m, double v) { return std::max(m, v); });
}

double log_sum_exp_row(const double* x, int64_t n) {
  const double m = largest(x, n);
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += std::exp(x[i] - m);
  return m + std::log(total);
}

void softmax_row(const double* x, double* y, int64_t n) {
  const double m = largest(x, n);
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += y[i] = std::exp(x[i] - m);
  for (int64_t i = 0; i < n; ++i) y[i] /= total;
}

void log_softmax_row(const double* x, double* y, int64_t n) {
  const double m = largest(x, n);
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += std::exp(x[i] - m);
  const double rest = std::log(total);
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) - rest;
}

void softmax_backward_row(const double* g, const double* y, double* dx, int64_t n) {
  const double dot = std::inner_product(g, g + n, y, 0.0);
  for (int64_t i = 0; i < n; ++i) dx[i] = y[i] * (g[i] - dot);
}

void log_softmax_backward_row(const double* g, const double* y, double* dx, int64_t n) {
  const double total = std::accumulate(g, g + n, 0.0);
  for (int64_t i = 0; i < n; ++i) dx[i] = g[i] - std::exp(y[i]) * total;
}

/// An infinity minus itself is NaN: where the largest element is one, it is the answer, unless there are NaN too.
template <class T>
T log_sum_exp_with_infinities(T lse, const T* x, int64_t n) {
  if (!std::isnan(lse) || std::any_of(x, x + n, [](T v) { return std::isnan(v); })) return lse;
  return *std::max_element(x, x + n);
}

}  // namespace

template <>
void softmax(const float* x, float* y, int64_t rows, int64_t n) {
  const auto row = HWY_DYNAMIC_DISPATCH(softmax_row);
  for_rows(rows, n, [=](int64_t r) { row(x + r * n, y + r * n, static_cast<size_t>(n)); });
}
template <>
void softmax(const double* x, double* y, int64_t rows, int64_t n) {
  for_rows(rows, n, [=](int64_t r) { softmax_row(x + r * n, y + r * n, n); });
}

template <>
void log_softmax(const float* x, float* y, int64_t rows, int64_t n) {
  const auto row = HWY_DYNAMIC_DISPATCH(log_softmax_row);
  for_rows(rows, n, [=](int64_t r) { row(x + r * n, y + r * n, static_cast<size_t>(n)); });
}
template <>
void log_softmax(const double* x, double* y, int64_t rows, int64_t n) {
  for_rows(rows, n, [=](int64_t r) { log_softmax_row(x + r * n, y + r * n, n); });
}

template <>
void logsumexp(const float* x, float* y, int64_t rows, int64_t n) {
  const auto row = HWY_DYNAMIC_DISPATCH(log_sum_exp_row);
  for_rows(rows, n, [=](int64_t r) {
    const float* a = x + r * n;
    y[r] = log_sum_exp_with_infinities(row(a, static_cast<size_t>(n)), a, n);
  });
}
template <>
void logsumexp(const double* x, double* y, int64_t rows, int64_t n) {
  for_rows(rows, n, [=](int64_t r) {
    const double* a = x + r * n;
    y[r] = log_sum_exp_with_infinities(log_sum_exp_row(a, n), a, n);
  });
}

template <>
void softmax_backward(const float* g, const float* y, float* dx, int64_t rows, int64_t n) {
  const auto row = HWY_DYNAMIC_DISPATCH(softmax_backward_row);
  for_rows(rows, n, [=](int64_t r) { row(g + r * n, y + r * n, dx + r * n, static_cast<size_t>(n)); });
}
template <>
void softmax_backward(const double* g, const double* y, double* dx, int64_t rows, int64_t n) {
  for_rows(rows, n, [=](int64_t r) { softmax_backward_row(g + r * n, y + r * n, dx + r * n, n); });
}

template <>
void log_softmax_backward(const float* g, const float* y, float* dx, int64_t rows, int64_t n) {
  const auto row = HWY_DYNAMIC_DISPATCH(log_softmax_backward_row);
  for_rows(rows, n, [=](int64_t r) { row(g + r * n, y + r * n, dx + r * n, static_cast<size_t>(n)); });
}
template <>
void log_softmax_backward(const double* g, const double* y, double* dx, int64_t rows, int64_t n) {
  for_rows(rows, n, [=](int64_t r) { log_softmax_backward_row(g + r * n, y + r * n, dx + r * n, n); });
}

}  // namespace heed::kernels
#endif

#include "tensor/kernels/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/parallel.h"

namespace heed::kernels {
namespace {

/// Calls f(row) for every row, in parallel when there are enough elements.
template <class F>
void for_rows(int64_t rows, int64_t n, F f) {
  parallel_for(rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, n)), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) f(r);
  });
}

template <class T> T largest(const T* x, int64_t n) {
  T m = -std::numeric_limits<T>::infinity();
  for (int64_t i = 0; i < n; ++i) m = std::max(m, x[i]);
  return m;
}

template <class T> T log_sum_exp(const T* x, int64_t n) {
  const T m = largest(x, n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - m);
  return m + T(std::log(sum));
}

}  // namespace

template <class T> void softmax(const T* x, T* y, int64_t rows, int64_t n) {
  for_rows(rows, n, [=](int64_t r) {
    const T *a = x + r * n, m = largest(a, n);
    T* b = y + r * n;
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += b[i] = std::exp(a[i] - m);
    const T scale = T(1 / sum);
    for (int64_t i = 0; i < n; ++i) b[i] *= scale;
  });
}

template <class T> void log_softmax(const T* x, T* y, int64_t rows, int64_t n) {
  for_rows(rows, n, [=](int64_t r) {
    const T lse = log_sum_exp(x + r * n, n);
    for (int64_t i = r * n; i < (r + 1) * n; ++i) y[i] = x[i] - lse;
  });
}

template <class T> void logsumexp(const T* x, T* y, int64_t rows, int64_t n) {
  for_rows(rows, n, [=](int64_t r) {
    const T m = largest(x + r * n, n);
    const bool any_nan = std::any_of(x + r * n, x + (r + 1) * n, [](T v) { return std::isnan(v); });
    y[r] = std::isinf(m) && !any_nan ? m : log_sum_exp(x + r * n, n);  // an infinity minus itself is NaN
  });
}

template <class T> void softmax_backward(const T* g, const T* y, T* dx, int64_t rows, int64_t n) {
  for_rows(rows, n, [=](int64_t r) {
    double dot = 0;
    for (int64_t i = r * n; i < (r + 1) * n; ++i) dot += g[i] * y[i];
    for (int64_t i = r * n; i < (r + 1) * n; ++i) dx[i] = y[i] * (g[i] - T(dot));
  });
}

template <class T> void log_softmax_backward(const T* g, const T* y, T* dx, int64_t rows, int64_t n) {
  for_rows(rows, n, [=](int64_t r) {
    double sum = 0;
    for (int64_t i = r * n; i < (r + 1) * n; ++i) sum += g[i];
    for (int64_t i = r * n; i < (r + 1) * n; ++i) dx[i] = g[i] - std::exp(y[i]) * T(sum);
  });
}

template void softmax(const float*, float*, int64_t, int64_t);
template void softmax(const double*, double*, int64_t, int64_t);
template void log_softmax(const float*, float*, int64_t, int64_t);
template void log_softmax(const double*, double*, int64_t, int64_t);
template void logsumexp(const float*, float*, int64_t, int64_t);
template void logsumexp(const double*, double*, int64_t, int64_t);
template void softmax_backward(const float*, const float*, float*, int64_t, int64_t);
template void softmax_backward(const double*, const double*, double*, int64_t, int64_t);
template void log_softmax_backward(const float*, const float*, float*, int64_t, int64_t);
template void log_softmax_backward(const double*, const double*, double*, int64_t, int64_t);

}  // namespace heed::kernels

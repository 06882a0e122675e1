#include "tensor/kernels/unary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/parallel.h"

namespace heed::kernels {
namespace {

constexpr int64_t kGrain = 4096;
constexpr double kSqrtHalf = std::numbers::sqrt2 / 2;
constexpr double kSqrt2OverPi = 0.7978845608028654;  // sqrt(2 / pi)
constexpr double kGeluCubic = 0.044715;

template <class T, class F>
void map(const T* x, T* y, int64_t n, F f) {
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
  });
}

template <class T, class F>
void map2(const T* a, const T* b, T* y, int64_t n, F f) {
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = f(a[i], b[i]);
  });
}

template <class T> T sigmoid_of(T x) { return 1 / (1 + std::exp(-x)); }
template <class T> T softplus_of(T x) { return std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x))); }
/// The normal distribution function; erfc keeps the left tail's digits.
template <class T> T normal_cdf(T x) { return std::erfc(-x * T(kSqrtHalf)) / 2; }
template <class T> T normal_pdf(T x) { return std::exp(-x * x / 2) * T(kSqrt2OverPi / 2); }
/// 2 u of the tanh form: (1 + tanh(u)) / 2 is sigmoid(2 u).
template <class T> T gelu_twice_u(T x) { return T(2 * kSqrt2OverPi) * (x + T(kGeluCubic) * x * x * x); }
template <class T> T gelu_twice_du(T x) { return T(2 * kSqrt2OverPi) * (1 + T(3 * kGeluCubic) * x * x); }

}  // namespace

template <class T> void exp(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return std::exp(v); });
}
template <class T> void log(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return std::log(v); });
}
template <class T> void sqrt(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return std::sqrt(v); });
}
template <class T> void rsqrt(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return 1 / std::sqrt(v); });
}
template <class T> void sin(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return std::sin(v); });
}
template <class T> void cos(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return std::cos(v); });
}
template <class T> void tanh(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return std::tanh(v); });
}
template <class T> void erf(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return std::erf(v); });
}
template <class T> void sigmoid(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return sigmoid_of(v); });
}
template <class T> void softplus(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return softplus_of(v); });
}
template <class T> void silu(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return v * sigmoid_of(v); });
}
template <class T> void gelu(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return v * normal_cdf(v); });
}
template <class T> void gelu_tanh(const T* x, T* y, int64_t n) {
  map(x, y, n, [](T v) { return v * sigmoid_of(gelu_twice_u(v)); });
}

template <class T> void tanh_backward(const T* g0, const T* y0, T* dx, int64_t n) {
  map2(g0, y0, dx, n, [](T g, T y) {
    return g * (1 - y * y);
  });
}
template <class T> void sigmoid_backward(const T* g0, const T* y0, T* dx, int64_t n) {
  map2(g0, y0, dx, n, [](T g, T y) {
    return g * y * (1 - y);
  });
}
template <class T> void softplus_backward(const T* g0, const T* x0, T* dx, int64_t n) {
  map2(g0, x0, dx, n, [](T g, T x) {
    return g * sigmoid_of(x);
  });
}
template <class T> void silu_backward(const T* g0, const T* x0, T* dx, int64_t n) {
  map2(g0, x0, dx, n, [](T g, T x) {
    const T s = sigmoid_of(x);
    return g * s * (1 + x * (1 - s));
  });
}
template <class T> void gelu_backward(const T* g0, const T* x0, T* dx, int64_t n) {
  map2(g0, x0, dx, n, [](T g, T x) {
    return g * (normal_cdf(x) + x * normal_pdf(x));
  });
}
template <class T> void gelu_tanh_backward(const T* g0, const T* x0, T* dx, int64_t n) {
  map2(g0, x0, dx, n, [](T g, T x) {
    const T s = sigmoid_of(gelu_twice_u(x));
    return g * (s + x * s * (1 - s) * gelu_twice_du(x));
  });
}

template void exp(const float*, float*, int64_t);
template void log(const float*, float*, int64_t);
template void sqrt(const float*, float*, int64_t);
template void rsqrt(const float*, float*, int64_t);
template void sin(const float*, float*, int64_t);
template void cos(const float*, float*, int64_t);
template void tanh(const float*, float*, int64_t);
template void erf(const float*, float*, int64_t);
template void sigmoid(const float*, float*, int64_t);
template void softplus(const float*, float*, int64_t);
template void silu(const float*, float*, int64_t);
template void gelu(const float*, float*, int64_t);
template void gelu_tanh(const float*, float*, int64_t);
template void tanh_backward(const float*, const float*, float*, int64_t);
template void sigmoid_backward(const float*, const float*, float*, int64_t);
template void softplus_backward(const float*, const float*, float*, int64_t);
template void silu_backward(const float*, const float*, float*, int64_t);
template void gelu_backward(const float*, const float*, float*, int64_t);
template void gelu_tanh_backward(const float*, const float*, float*, int64_t);
template void exp(const double*, double*, int64_t);
template void log(const double*, double*, int64_t);
template void sqrt(const double*, double*, int64_t);
template void rsqrt(const double*, double*, int64_t);
template void sin(const double*, double*, int64_t);
template void cos(const double*, double*, int64_t);
template void tanh(const double*, double*, int64_t);
template void erf(const double*, double*, int64_t);
template void sigmoid(const double*, double*, int64_t);
template void softplus(const double*, double*, int64_t);
template void silu(const double*, double*, int64_t);
template void gelu(const double*, double*, int64_t);
template void gelu_tanh(const double*, double*, int64_t);
template void tanh_backward(const double*, const double*, double*, int64_t);
template void sigmoid_backward(const double*, const double*, double*, int64_t);
template void softplus_backward(const double*, const double*, double*, int64_t);
template void silu_backward(const double*, const double*, double*, int64_t);
template void gelu_backward(const double*, const double*, double*, int64_t);
template void gelu_tanh_backward(const double*, const double*, double*, int64_t);

}  // namespace heed::kernels

// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/unary.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/parallel.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/unary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include <heed/tensor/kernels/gates-inl.h>
#include <heed/tensor/kernels/simd-inl.h>

#ifndef HEED_KERNELS_UNARY_ONCE_
#define HEED_KERNELS_UNARY_ONCE_
namespace heed::kernels {
namespace {

enum class Unary { exp, log, sqrt, rsqrt, sin, cos, tanh, erf, sigmoid, softplus, silu, gelu, gelu_tanh };
enum class Gradient { gelu, gelu_tanh };

}  // namespace
}  // namespace heed::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace heed::kernels {
namespace HWY_NAMESPACE {

HWY_INLINE V log(V x) {
  const V inf = hn::Inf(F()), zero = hn::Zero(F());
  const V at_the_ends =
      hn::IfThenElse(hn::Eq(x, zero), hn::Neg(inf), hn::IfThenElse(hn::Eq(x, inf), inf, hn::NaN(F())));
  return hn::IfThenElse(hn::And(hn::Gt(x, zero), hn::Lt(x, inf)), hn::Log(F(), x), at_the_ends);
}

HWY_INLINE V softplus(V x) {
  const V y = hn::Log1p(F(), exp_small(hn::Neg(hn::Abs(x))));
  return hn::IfThenElse(hn::Eq(x, x), hn::Add(hn::ZeroIfNegative(x), y), x);
}

/// Highway's sin and cos reduce their argument well up to 39,000; beyond, the standard library's do.
template <class Function>
HWY_INLINE V with_large_arguments(V x, V y, Function f) {
  if (HWY_LIKELY(hn::AllTrue(F(), hn::Lt(hn::Abs(x), constant(39000.0f))))) return y;
  HWY_ALIGN float buffer[hn::MaxLanes(F())];
  hn::Store(x, F(), buffer);
  for (size_t i = 0; i < hn::Lanes(F()); ++i) buffer[i] = f(buffer[i]);
  return hn::Load(F(), buffer);
}

HWY_INLINE V erf(V x) {
  const V a = hn::Abs(x), far = constant(14.0f), t = hn::Mul(a, constant(1.41421356f));
  V gauss;
  const V tail = normal_tail(hn::IfThenElse(hn::Gt(t, far), far, t), gauss);
  const V small =
      hn::Mul(a, polynomial(hn::Mul(a, a), {1.12837916573f, -0.37612625824f, 0.11283585148f, -0.026853811926f,
                                            0.0051883276687f, -0.00080101934769f, 7.8538608637e-5f}));
  const V large = hn::NegMulAdd(constant(2.0f), tail, constant(1.0f));
  return hn::CopySignToAbs(hn::IfThenElse(hn::Gt(a, constant(1.0f)), large, small), x);
}

void unary(Unary function, const float* x, float* y, size_t n) {
  const V one = constant(1.0f);
  switch (function) {
    case Unary::exp: return map(x, y, n, [](V v) HWY_ATTR { return exp(v); });
    case Unary::log: return map(x, y, n, [](V v) HWY_ATTR { return log(v); });
    case Unary::sqrt: return map(x, y, n, [](V v) HWY_ATTR { return hn::Sqrt(v); });
    case Unary::rsqrt: return map(x, y, n, [=](V v) HWY_ATTR { return hn::Div(one, hn::Sqrt(v)); });
    case Unary::sin:
      return map(x, y, n, [](V v) HWY_ATTR {
        return with_large_arguments(v, hn::Sin(F(), v), [](float s) { return std::sin(s); });
      });
    case Unary::cos:
      return map(x, y, n, [](V v) HWY_ATTR {
        return with_large_arguments(v, hn::Cos(F(), v), [](float s) { return std::cos(s); });
      });
    case Unary::tanh: return map(x, y, n, [](V v) HWY_ATTR { return tanh(v); });
    case Unary::erf: return map(x, y, n, [](V v) HWY_ATTR { return erf(v); });
    case Unary::sigmoid: return map(x, y, n, [](V v) HWY_ATTR { return sigmoid(v); });
    case Unary::softplus: return map(x, y, n, [](V v) HWY_ATTR { return softplus(v); });
    case Unary::silu: return map(x, y, n, [](V v) HWY_ATTR { return silu(v); });
    case Unary::gelu: return map(x, y, n, [](V v) HWY_ATTR { return gelu(v); });
    case Unary::gelu_tanh: return map(x, y, n, [](V v) HWY_ATTR { return gelu_tanh(v); });
  }
}

void gradient(Gradient function, const float* g, const float* z, float* dx, size_t n) {
  switch (function) {
    case Gradient::gelu: return map(g, z, dx, n, [](V d, V x) HWY_ATTR { return hn::Mul(d, gelu_slope(x)); });
    case Gradient::gelu_tanh: return map(g, z, dx, n, [](V d, V x) HWY_ATTR { return hn::Mul(d, gelu_tanh_slope(x)); });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace heed::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(unary);
HWY_EXPORT(gradient);

constexpr int64_t kGrain = 16384;  // elements, about 5 us of work

void apply(Unary function, const float* x, float* y, int64_t n) {
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(unary)(function, x + begin, y + begin, static_cast<size_t>(end - begin));
  });
}

void apply(Gradient function, const float* g, const float* x, float* dx, int64_t n) {
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(gradient)(function, g + begin, x + begin, dx + begin, static_cast<size_t>(end - begin));
  });
}

// f64 is for checking gradients: the standard library's digits matter, not speed.

template <class Function>
void map(const double* x, double* y, int64_t n, Function f) {
  parallel_for(n, kGrain / 8, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
  });
}

template <class Function>
void map(const double* a, const double* b, double* y, int64_t n, Function f) {
  parallel_for(n, kGrain / 8, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = f(a[i], b[i]);
  });
}

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double finite_below(double x) {
  return x < std::numeric_limits<double>::lowest() ? std::numeric_limits<double>::lowest() : x;
}
double bounded(double x) { return x > 1000 ? 1000 : x < -1000 ? -1000 : x; }
/// The normal distribution function; erfc keeps the left tail's digits.
double normal_cdf(double x) { return std::erfc(-x * std::numbers::sqrt2 / 2) / 2; }
double gelu_tanh_gate(double x) { return 2 * kSqrt2OverPi * x * (1 + kGeluCubic * x * x); }
double gate_slope(double x, double z, double dz) { return sigmoid_of(z) * (1 + x * sigmoid_of(-z) * dz); }

}  // namespace

template <>
void exp(const float* x, float* y, int64_t n) {
  apply(Unary::exp, x, y, n);
}
template <>
void log(const float* x, float* y, int64_t n) {
  apply(Unary::log, x, y, n);
}
template <>
void sqrt(const float* x, float* y, int64_t n) {
  apply(Unary::sqrt, x, y, n);
}
template <>
void rsqrt(const float* x, float* y, int64_t n) {
  apply(Unary::rsqrt, x, y, n);
}
template <>
void sin(const float* x, float* y, int64_t n) {
  apply(Unary::sin, x, y, n);
}
template <>
void cos(const float* x, float* y, int64_t n) {
  apply(Unary::cos, x, y, n);
}
template <>
void tanh(const float* x, float* y, int64_t n) {
  apply(Unary::tanh, x, y, n);
}
template <>
void erf(const float* x, float* y, int64_t n) {
  apply(Unary::erf, x, y, n);
}
template <>
void sigmoid(const float* x, float* y, int64_t n) {
  apply(Unary::sigmoid, x, y, n);
}
template <>
void softplus(const float* x, float* y, int64_t n) {
  apply(Unary::softplus, x, y, n);
}
template <>
void silu(const float* x, float* y, int64_t n) {
  apply(Unary::silu, x, y, n);
}
template <>
void gelu(const float* x, float* y, int64_t n) {
  apply(Unary::gelu, x, y, n);
}
template <>
void gelu_tanh(const float* x, float* y, int64_t n) {
  apply(Unary::gelu_tanh, x, y, n);
}

template <>
void exp(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return std::exp(v); });
}
template <>
void log(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return std::log(v); });
}
template <>
void sqrt(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return std::sqrt(v); });
}
template <>
void rsqrt(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return 1 / std::sqrt(v); });
}
template <>
void sin(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return std::sin(v); });
}
template <>
void cos(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return std::cos(v); });
}
template <>
void tanh(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return std::tanh(v); });
}
template <>
void erf(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return std::erf(v); });
}
template <>
void sigmoid(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return sigmoid_of(v); });
}
template <>
void softplus(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))); });
}
template <>
void silu(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return finite_below(v) * sigmoid_of(v); });
}
template <>
void gelu(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return finite_below(v) * normal_cdf(v); });
}
template <>
void gelu_tanh(const double* x, double* y, int64_t n) {
  map(x, y, n, [](double v) { return finite_below(v) * sigmoid_of(gelu_tanh_gate(v)); });
}

template <>
void gelu_backward(const float* g, const float* x, float* dx, int64_t n) {
  apply(Gradient::gelu, g, x, dx, n);
}
template <>
void gelu_tanh_backward(const float* g, const float* x, float* dx, int64_t n) {
  apply(Gradient::gelu_tanh, g, x, dx, n);
}

template <>
void gelu_backward(const double* g0, const double* x0, double* dx, int64_t n) {
  map(g0, x0, dx, n, [](double g, double x) {
    const double phi = std::exp(-x * x / 2) * kSqrt2OverPi / 2;
    return g * (normal_cdf(x) + bounded(x) * phi);
  });
}
template <>
void gelu_tanh_backward(const double* g0, const double* x0, double* dx, int64_t n) {
  map(g0, x0, dx, n, [](double g, double x) {
    x = bounded(x);
    return g * gate_slope(x, gelu_tanh_gate(x), 2 * kSqrt2OverPi * (1 + 3 * kGeluCubic * x * x));
  });
}

}  // namespace heed::kernels
#endif

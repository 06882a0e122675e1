// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/unary.h>

#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/parallel.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/unary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/functions-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class Real>
void unary_part(Unary f, const Real* x, Real* y, int64_t n) {
  using V = Vec<Real>;
  switch (f) {
    case Unary::exp: return map(x, y, n, [](V v) HWY_ATTR { return exp(v); });
    case Unary::log: return map(x, y, n, [](V v) HWY_ATTR { return log(v); });
    case Unary::sqrt: return map(x, y, n, [](V v) HWY_ATTR { return hn::Sqrt(v); });
    case Unary::rsqrt: return map(x, y, n, [](V v) HWY_ATTR { return hn::Div(constant<V>(1), hn::Sqrt(v)); });
    case Unary::sin: return map(x, y, n, [](V v) HWY_ATTR { return sin(v); });
    case Unary::cos: return map(x, y, n, [](V v) HWY_ATTR { return cos(v); });
    case Unary::tanh: return map(x, y, n, [](V v) HWY_ATTR { return tanh(v); });
    case Unary::erf: return map(x, y, n, [](V v) HWY_ATTR { return erf(v); });
    case Unary::sigmoid: return map(x, y, n, [](V v) HWY_ATTR { return sigmoid(v); });
    case Unary::softplus: return map(x, y, n, [](V v) HWY_ATTR { return softplus(v); });
    case Unary::silu: return map(x, y, n, [](V v) HWY_ATTR { return hn::Mul(finite_below(v), sigmoid(v)); });
    case Unary::gelu: return map(x, y, n, [](V v) HWY_ATTR { return gelu(v); });
    case Unary::gelu_tanh:
      return map(x, y, n, [](V v) HWY_ATTR { return hn::Mul(finite_below(v), sigmoid(gelu_tanh_gate(v))); });
  }
}

template <class Real>
void gelu_backward_part(Unary f, const Real* g, const Real* x, Real* dx, int64_t n) {
  using V = Vec<Real>;
  if (f == Unary::gelu) map(g, x, dx, n, [](V d, V v) HWY_ATTR { return times(d, gelu_slope(v)); });
  else map(g, x, dx, n, [](V d, V v) HWY_ATTR { return times(d, gelu_tanh_slope(v)); });
}

auto unary_parts() { return Both{unary_part<float>, unary_part<double>}; }
auto gelu_backward_parts() { return Both{gelu_backward_part<float>, gelu_backward_part<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(unary_parts);
HWY_EXPORT(gelu_backward_parts);

constexpr int64_t kGrain = 16384;  // elements, about 5 us of work

template <class T>
void unary(Unary f, const T* x, T* y, int64_t n) {
  const auto part = HWY_DYNAMIC_DISPATCH(unary_parts)().template get<T>();
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) { part(f, x + begin, y + begin, end - begin); });
}

template <class T>
void gelu_backward(Unary f, const T* g, const T* x, T* dx, int64_t n) {
  const auto part = HWY_DYNAMIC_DISPATCH(gelu_backward_parts)().template get<T>();
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) { part(f, g + begin, x + begin, dx + begin, end - begin); });
}

template decltype(unary<float>) unary<float>;
template decltype(unary<double>) unary<double>;
template decltype(gelu_backward<float>) gelu_backward<float>;
template decltype(gelu_backward<double>) gelu_backward<double>;

}  // namespace heed::kernels
#endif

// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/optimizer.h>

#include <cmath>

#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/optimizer.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

#ifndef HEED_KERNELS_OPTIMIZER_ONCE_
#define HEED_KERNELS_OPTIMIZER_ONCE_
namespace heed::kernels {
namespace {

/// The numbers of one step, as they meet an element. In PyTorch's terms: keep = 1 - lr weight_decay, rate = lr / bias
/// correction 1, root = 1 / sqrt(bias correction 2).
template <class T>
struct AdamNumbers {
  T beta1, beta2, rest1, rest2, eps, rate, root, keep, decay, grad_scale;

  explicit AdamNumbers(const AdamStep& s)
      : beta1(T(s.beta1)),
        beta2(T(s.beta2)),
        rest1(T(1 - s.beta1)),
        rest2(T(1 - s.beta2)),
        eps(T(s.eps)),
        rate(T(s.lr / (1 - std::pow(s.beta1, static_cast<double>(s.step))))),
        root(T(1 / std::sqrt(1 - std::pow(s.beta2, static_cast<double>(s.step))))),
        keep(s.decoupled_decay ? T(1 - s.lr * s.weight_decay) : T(1)),
        decay(s.decoupled_decay ? T(0) : T(s.weight_decay)),
        grad_scale(T(s.grad_scale)) {}
};

}  // namespace
}  // namespace heed::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class Real>
void adam_part(const AdamNumbers<Real>& s, const ParameterPart<Real>& a) {
  using V = Vec<Real>;
  const V beta1 = constant<V>(s.beta1), beta2 = constant<V>(s.beta2);
  const V rest1 = constant<V>(s.rest1), rest2 = constant<V>(s.rest2);
  const V eps = constant<V>(s.eps), rate = constant<V>(s.rate), root = constant<V>(s.root), keep = constant<V>(s.keep);
  const V decay = constant<V>(s.decay), grad_scale = constant<V>(s.grad_scale);
  Real *const m_data = a.moments[0], *const v_data = a.moments[1], *const v_max = a.moments[2];
  for_vectors<Real>(a.n, [=, p_data = a.p, g_data = a.g](auto at) HWY_ATTR {
    const V p = hn::Mul(at(p_data), keep);
    const V g = hn::MulAdd(at(g_data), grad_scale, times(decay, p));
    const V m = hn::MulAdd(g, rest1, hn::Mul(at(m_data), beta1));
    V v = hn::MulAdd(hn::Mul(g, g), rest2, hn::Mul(at(v_data), beta2));
    at.store(m, m_data);
    at.store(v, v_data);
    if (v_max) {  // AMSGrad
      v = hn::Max(at(v_max), v);
      at.store(v, v_max);
    }
    at.store(hn::Sub(p, hn::Div(hn::Mul(rate, m), hn::MulAdd(hn::Sqrt(v), root, eps))), p_data);
  });
}

auto adam_parts() { return Both{adam_part<float>, adam_part<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(adam_parts);

template <class T>
void adam(const std::vector<ParameterPart<T>>& slots, const AdamStep& step) {
  const AdamNumbers<T> numbers(step);
  const auto part = HWY_DYNAMIC_DISPATCH(adam_parts)().template get<T>();
  for_parts(slots, [&](const ParameterPart<T>& a) { part(numbers, a); });
}

HEED_FOR_BOTH(adam)

}  // namespace heed::kernels
#endif

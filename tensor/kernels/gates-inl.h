// Vector forms of the functions x * gate(x), gelu and silu, and of their slopes. Compiled once for each instruction set.
#if defined(HEED_KERNELS_GATES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_GATES_INL_H_
#undef HEED_KERNELS_GATES_INL_H_
#else
#define HEED_KERNELS_GATES_INL_H_
#endif

#include <heed/tensor/kernels/simd-inl.h>

#ifndef HEED_KERNELS_GATES_ONCE_
#define HEED_KERNELS_GATES_ONCE_
namespace heed::kernels {
constexpr double kSqrt2OverPi = 0.7978845608028654;  // sqrt(2 / pi)
constexpr double kGeluCubic = 0.044715;
}  // namespace heed::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace heed::kernels {
namespace HWY_NAMESPACE {

/// x, but for -inf the lowest finite number: times a gate of 0 it is 0 and not NaN.
HWY_INLINE V finite_below(V x) {
  const V lowest = constant(-3.402823466e+38f);
  return hn::IfThenElse(hn::Lt(x, lowest), lowest, x);
}

/// At |x| = 20 every gate is saturated in f32; so bounded, slope terms that vanish there cannot become inf * 0.
HWY_INLINE V bounded(V x) {
  const V high = constant(100.0f), low = constant(-100.0f);
  return hn::IfThenElse(hn::Gt(x, high), high, hn::IfThenElse(hn::Lt(x, low), low, x));
}

/// Phi(x) and e^(-x^2/2)
HWY_INLINE V normal_cdf(V x, V& gauss) {
  const V a = hn::Abs(x), far = constant(14.0f);
  const V tail = normal_tail(hn::IfThenElse(hn::Gt(a, far), far, a), gauss);
  return hn::IfThenElse(hn::Lt(x, hn::Zero(F())), tail, hn::Sub(constant(1.0f), tail));
}

/// z = 2 sqrt(2 / pi) (x + 0.044715 x^3), for sigmoid(z) = (1 + tanh(z / 2)) / 2.
HWY_INLINE V gelu_tanh_gate(V x) {
  const V linear = constant(float(2 * kSqrt2OverPi)), cubic = constant(float(2 * kSqrt2OverPi * kGeluCubic));
  return hn::Mul(x, hn::MulAdd(hn::Mul(x, x), cubic, linear));
}

HWY_INLINE V silu(V x) { return hn::Mul(finite_below(x), sigmoid(x)); }
HWY_INLINE V gelu(V x) {
  V gauss;
  return hn::Mul(finite_below(x), normal_cdf(x, gauss));
}
HWY_INLINE V gelu_tanh(V x) { return hn::Mul(finite_below(x), sigmoid(gelu_tanh_gate(x))); }

/// The derivative of x sigmoid(z(x)): s + x s (1 - s) z'(x).
HWY_INLINE V gate_slope(V x, V z, V dz) {
  V gate, rest;
  sigmoid(z, gate, rest);
  return hn::MulAdd(hn::Mul(x, gate), hn::Mul(rest, dz), gate);
}

/// Phi(x) + x phi(x)
HWY_INLINE V gelu_slope(V x) {
  V gauss;
  const V cdf = normal_cdf(x, gauss);
  return hn::MulAdd(hn::Mul(bounded(x), constant(float(kSqrt2OverPi / 2))), gauss, cdf);
}
HWY_INLINE V gelu_tanh_slope(V x) {
  x = bounded(x);
  const V linear = constant(float(2 * kSqrt2OverPi)), cubic = constant(float(6 * kSqrt2OverPi * kGeluCubic));
  return gate_slope(x, gelu_tanh_gate(x), hn::MulAdd(hn::Mul(x, x), cubic, linear));
}

}  // namespace HWY_NAMESPACE
}  // namespace heed::kernels
HWY_AFTER_NAMESPACE();

#endif  // the include guard

// Functions of one variable on vectors of f32 or f64. Compiled once for each instruction set.
//
// Errors of f32 are relative, in units of 2^-24 (6e-8), as measured over all magnitudes; coefficients are minimax fits
// of the stated form. f64 is for checking gradients: where no fit is at hand it is the standard library's, lane by
// lane. NaN gives NaN.
#if defined(HEED_KERNELS_FUNCTIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_FUNCTIONS_INL_H_
#undef HEED_KERNELS_FUNCTIONS_INL_H_
#else
#define HEED_KERNELS_FUNCTIONS_INL_H_
#endif

#include <cmath>
#include <numbers>

#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include <heed/tensor/kernels/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

using F32 = Vec<float>;
using F64 = Vec<double>;

template <class V, class Function>
HWY_INLINE V by_lanes(V x, Function f) {
  const hn::DFromV<V> d;
  HWY_ALIGN Lane<V> lanes[hn::MaxLanes(d)];
  hn::Store(x, d, lanes);
  for (Lane<V>& lane : lanes) lane = f(lane);
  return hn::Load(d, lanes);
}

/// c[0] + c[1] x + ... by Horner's rule.
template <class V, size_t N>
HWY_INLINE V polynomial(V x, const double (&c)[N]) {
  V y = constant<V>(c[N - 1]);
  for (size_t i = N - 1; i-- > 0;) y = hn::MulAdd(y, x, constant<V>(c[i]));
  return y;
}

// --- exp -----------------------------------------------------------------------------------------------------------

/// e^r - 1 for |r| <= ln 2 / 2.
HWY_INLINE F32 expm1_small(F32 r) {
  const F32 p = polynomial(r, {0.49999993412, 0.16666520108, 0.041668394214, 0.0083687804358, 0.0013814466927});
  return hn::MulAdd(hn::Mul(r, r), p, r);
}

/// e^r and an integer q (in the low bits of `bits`, plus 127) with x = r + q ln 2, |r| <= ln 2 / 2, for |x| < 2^21.
HWY_INLINE F32 exp_reduced(F32 x, F32& bits) {
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits; 127 makes it the exponent field of 2^q.
  const F32 shift = constant<F32>(12582912.0 + 127);
  bits = hn::MulAdd(x, constant<F32>(1.44269504), shift);
  const F32 q = hn::Sub(bits, shift);
  const F32 r = hn::NegMulAdd(q, constant<F32>(-2.12194440e-4), hn::NegMulAdd(q, constant<F32>(0.693359375), x));
  return hn::Add(expm1_small(r), constant<F32>(1));
}

/// e^x for x <= 88; 0 below -87.3, where e^x is no normal number. Error 2.
HWY_INLINE F32 exp_small(F32 x) {
  F32 bits;
  const F32 p = exp_reduced(x, bits);
  const hn::RebindToSigned<Tag<float>> integers;
  const F32 power = hn::BitCast(Tag<float>(), hn::ShiftLeft<23>(hn::BitCast(integers, bits)));
  return hn::IfThenZeroElse(hn::Lt(x, constant<F32>(-87.3)), hn::Mul(p, power));
}

/// e^x for x <= 709, 0 below -708, by the same steps. (e^r - 1 - r) / r^2 is a fit with weight r^2 / e^r: relative
/// error 4e-18.
HWY_INLINE F64 exp_small(F64 x) {
  const F64 shift = constant<F64>(6755399441055744.0 + 1023);
  const F64 bits = hn::MulAdd(x, constant<F64>(1.4426950408889634), shift), q = hn::Sub(bits, shift);
  const F64 r =
      hn::NegMulAdd(q, constant<F64>(1.9082149292705877e-10), hn::NegMulAdd(q, constant<F64>(0.6931471803691238), x));
  const F64 p = polynomial(r, {0.5000000000000011, 0.1666666666666641, 0.04166666666652917, 0.008333333333495207,
                               0.0013888888943927118, 0.00019841269505705984, 2.480149275907953e-05,
                               2.755758647340288e-06, 2.763037966461162e-07, 2.500024779875111e-08});
  const hn::RebindToSigned<Tag<double>> integers;
  const F64 power = hn::BitCast(Tag<double>(), hn::ShiftLeft<52>(hn::BitCast(integers, bits)));
  return hn::IfThenZeroElse(hn::Lt(x, constant<F64>(-708)), hn::MulAdd(power, hn::MulAdd(hn::Mul(r, r), p, r), power));
}

/// e^x, subnormal results and overflow to infinity included. Error 2.
HWY_INLINE F32 exp(F32 x) {
  const Tag<float> d;
  const hn::RebindToSigned<Tag<float>> integers;
  F32 bits;
  const F32 p = exp_reduced(x, bits);
  // 2^q may lie outside the normal numbers: multiply by 2^(q/2) twice.
  const auto q = hn::Sub(hn::BitCast(integers, bits), hn::BitCast(integers, constant<F32>(12582912.0 + 127)));
  const auto half = hn::ShiftRight<1>(q), bias = hn::Set(integers, 127);
  const F32 a = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const F32 b = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(q, half), bias)));
  const F32 y = hn::IfThenZeroElse(hn::Lt(x, constant<F32>(-104)), hn::Mul(hn::Mul(p, a), b));
  return hn::IfThenElse(hn::Gt(x, constant<F32>(88.722839)), hn::Inf(d), y);
}
HWY_INLINE F64 exp(F64 x) {
  return by_lanes(x, [](double v) { return std::exp(v); });
}

/// Error 4.
HWY_INLINE F32 expm1(F32 x) {
  const F32 y = hn::IfThenElse(hn::Lt(hn::Abs(x), constant<F32>(std::numbers::ln2 / 2)), expm1_small(x),
                               hn::Sub(exp(x), constant<F32>(1)));
  return hn::CopySign(y, x);  // of 0
}
HWY_INLINE F64 expm1(F64 x) {
  return by_lanes(x, [](double v) { return std::expm1(v); });
}

// --- the logarithm and what bends like it --------------------------------------------------------------------------

/// y, a logarithm between its pole and infinity, and what it is there and beyond.
HWY_INLINE F32 with_ends(F32 x, F32 y, F32 pole) {
  const Tag<float> d;
  const F32 inf = hn::Inf(d);
  const F32 at_the_ends =
      hn::IfThenElse(hn::Eq(x, pole), hn::Neg(inf), hn::IfThenElse(hn::Eq(x, inf), inf, hn::NaN(d)));
  return hn::IfThenElse(hn::And(hn::Gt(x, pole), hn::Lt(x, inf)), y, at_the_ends);
}

HWY_INLINE F32 log(F32 x) { return with_ends(x, hn::Log(Tag<float>(), x), constant<F32>(0)); }
HWY_INLINE F64 log(F64 x) {
  return by_lanes(x, [](double v) { return std::log(v); });
}

HWY_INLINE F64 log1p(F64 x) {
  return by_lanes(x, [](double v) { return std::log1p(v); });
}
/// log(1 + x) for finite x > -1.
HWY_INLINE F32 log1p_small(F32 x) { return hn::Log1p(Tag<float>(), x); }
HWY_INLINE F64 log1p_small(F64 x) { return log1p(x); }
/// Error 3.
HWY_INLINE F32 log1p(F32 x) { return with_ends(x, log1p_small(x), constant<F32>(-1)); }

/// log(1 + e^x)
template <class V>
HWY_INLINE V softplus(V x) {
  const V y = log1p_small(exp_small(hn::Neg(hn::Abs(x))));
  return hn::IfThenElse(hn::Eq(x, x), hn::Add(hn::ZeroIfNegative(x), y), x);
}

/// s = 1 / (1 + e^-x), and 1 - s with all its digits. Errors 3; where e^-|x| is no normal number one of them is 0.
template <class V>
HWY_INLINE void sigmoid(V x, V& s, V& rest) {
  const V e = exp_small(hn::Neg(hn::Abs(x))), larger = hn::Div(constant<V>(1), hn::Add(constant<V>(1), e));
  const V smaller = hn::Mul(e, larger);
  const auto negative = hn::Lt(x, constant<V>(0));
  s = hn::IfThenElse(negative, smaller, larger);
  rest = hn::IfThenElse(negative, larger, smaller);
}

template <class V>
HWY_INLINE V sigmoid(V x) {
  V s, rest;
  sigmoid(x, s, rest);
  return s;
}

/// Error 5. x P(x^2) / Q(x^2) up to the point where tanh rounds to 1.
HWY_INLINE F32 tanh(F32 x) {
  const F32 one = constant<F32>(1), a = hn::Abs(x), u = hn::Mul(x, x);
  const auto saturated = hn::Gt(a, constant<F32>(9.02));
  const F32 p = polynomial(u, {0.99999997901, 0.13379706465, 0.0034940209096, 2.0583255433e-5, 1.3318755942e-8});
  const F32 q = polynomial(u, {1.0, 0.46713021703, 0.025871021329, 3.2830704687e-4, 7.7618908071e-7});
  const F32 y = hn::Div(hn::Mul(a, p), q);
  return hn::CopySignToAbs(hn::IfThenElse(hn::Or(saturated, hn::Gt(y, one)), one, y), x);
}
HWY_INLINE F64 tanh(F64 x) { return hn::Tanh(Tag<double>(), x); }

// --- sine and cosine -----------------------------------------------------------------------------------------------

/// Highway's f32 functions reduce their argument well up to 39,000.
template <class Function>
HWY_INLINE F32 with_large_arguments(F32 x, F32 y, Function f) {
  return HWY_LIKELY(hn::AllTrue(Tag<float>(), hn::Lt(hn::Abs(x), constant<F32>(39000)))) ? y : by_lanes(x, f);
}
HWY_INLINE F32 sin(F32 x) {
  const F32 y = hn::IfThenElse(hn::Eq(x, constant<F32>(0)), x, hn::Sin(Tag<float>(), x));
  return with_large_arguments(x, y, [](float v) { return std::sin(v); });
}
HWY_INLINE F32 cos(F32 x) {
  return with_large_arguments(x, hn::Cos(Tag<float>(), x), [](float v) { return std::cos(v); });
}
HWY_INLINE F64 sin(F64 x) {
  return by_lanes(x, [](double v) { return std::sin(v); });
}
HWY_INLINE F64 cos(F64 x) {
  return by_lanes(x, [](double v) { return std::cos(v); });
}

// --- the normal distribution ---------------------------------------------------------------------------------------

/// e^(-t^2/2) and, by it, the normal distribution's left tail Phi(-t), for t >= 0. Relative to the largest value, 1/2.
HWY_INLINE F32 normal_tail(F32 t, F32& gauss) {
  gauss = exp_small(hn::Mul(hn::Mul(t, t), constant<F32>(-0.5)));
  // Mills' ratio over sqrt(2 pi), on [0, 14].
  const F32 p = polynomial(t, {0.50000000275, 0.43725159006, 0.18246228709, 0.040372694279, 0.0040776267065});
  const F32 q = polynomial(t, {1.0, 1.6723881352, 1.1992927291, 0.46743029382, 0.10120614649, 0.010220965656});
  return hn::Mul(gauss, hn::Div(p, q));
}

HWY_INLINE F32 erf(F32 x) {
  const F32 a = hn::Abs(x), far = constant<F32>(14), t = hn::Mul(a, constant<F32>(std::numbers::sqrt2));
  F32 gauss;
  const F32 tail = normal_tail(hn::IfThenElse(hn::Gt(t, far), far, t), gauss);
  const F32 small = hn::Mul(a, polynomial(hn::Mul(a, a), {1.12837916573, -0.37612625824, 0.11283585148, -0.026853811926,
                                                          0.0051883276687, -0.00080101934769, 7.8538608637e-5}));
  const F32 large = hn::NegMulAdd(constant<F32>(2), tail, constant<F32>(1));
  return hn::CopySignToAbs(hn::IfThenElse(hn::Gt(a, constant<F32>(1)), large, small), x);
}
HWY_INLINE F64 erf(F64 x) {
  return by_lanes(x, [](double v) { return std::erf(v); });
}

/// Phi(x) and e^(-x^2/2)
HWY_INLINE F32 normal_cdf(F32 x, F32& gauss) {
  const F32 a = hn::Abs(x), far = constant<F32>(14);
  const F32 tail = normal_tail(hn::IfThenElse(hn::Gt(a, far), far, a), gauss);
  return hn::IfThenElse(hn::Lt(x, constant<F32>(0)), tail, hn::Sub(constant<F32>(1), tail));
}
HWY_INLINE F64 normal_cdf(F64 x, F64& gauss) {
  gauss = exp_small(hn::Mul(hn::Mul(x, x), constant<F64>(-0.5)));
  return by_lanes(
      x, [](double v) { return std::erfc(-v * std::numbers::sqrt2 / 2) / 2; });  // keeps the left tail's digits
}

// --- x gate(x), and slopes -----------------------------------------------------------------------------------------

constexpr double kSqrt2OverPi = 0.7978845608028654;  // sqrt(2 / pi)
constexpr double kGeluCubic = 0.044715;

/// x, but for -inf the lowest finite number: times a gate of 0 it is 0 and not NaN.
template <class V>
HWY_INLINE V finite_below(V x) {
  const V lowest = constant<V>(std::numeric_limits<Lane<V>>::lowest());
  return hn::IfThenElse(hn::Lt(x, lowest), lowest, x);
}

/// At |x| = 100 every gate is saturated; so bounded, slope terms that vanish there cannot become inf * 0.
template <class V>
HWY_INLINE V bounded(V x) {
  const V high = constant<V>(100), low = constant<V>(-100);
  return hn::IfThenElse(hn::Gt(x, high), high, hn::IfThenElse(hn::Lt(x, low), low, x));
}

/// z = 2 sqrt(2 / pi) (x + 0.044715 x^3), for sigmoid(z) = (1 + tanh(z / 2)) / 2.
template <class V>
HWY_INLINE V gelu_tanh_gate(V x) {
  const V linear = constant<V>(2 * kSqrt2OverPi), cubic = constant<V>(2 * kSqrt2OverPi * kGeluCubic);
  return hn::Mul(x, hn::MulAdd(hn::Mul(x, x), cubic, linear));
}

template <class V>
HWY_INLINE V gelu(V x) {
  V gauss;
  return hn::Mul(finite_below(x), normal_cdf(x, gauss));
}

/// The derivative of x sigmoid(z(x)): s + x s (1 - s) z'(x).
template <class V>
HWY_INLINE V gate_slope(V x, V z, V dz) {
  V gate, rest;
  sigmoid(z, gate, rest);
  return hn::MulAdd(hn::Mul(x, gate), hn::Mul(rest, dz), gate);
}

/// Phi(x) + x phi(x)
template <class V>
HWY_INLINE V gelu_slope(V x) {
  V gauss;
  const V cdf = normal_cdf(x, gauss);
  return hn::MulAdd(hn::Mul(bounded(x), constant<V>(kSqrt2OverPi / 2)), gauss, cdf);
}
template <class V>
HWY_INLINE V gelu_tanh_slope(V x) {
  x = bounded(x);
  const V linear = constant<V>(2 * kSqrt2OverPi), cubic = constant<V>(6 * kSqrt2OverPi * kGeluCubic);
  return gate_slope(x, gelu_tanh_gate(x), hn::MulAdd(hn::Mul(x, x), cubic, linear));
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the include guard

// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/binary.h>

#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/nest.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/binary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/functions-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class V, class Function>
HWY_INLINE V by_lanes(V a, V b, Function f) {
  const hn::DFromV<V> d;
  HWY_ALIGN Lane<V> x[hn::MaxLanes(d)], y[hn::MaxLanes(d)];
  hn::Store(a, d, x);
  hn::Store(b, d, y);
  for (size_t i = 0; i < hn::MaxLanes(d); ++i) x[i] = f(x[i], y[i]);
  return hn::Load(d, x);
}

/// std::fmod, which goes bit by bit. A quotient below 1 / epsilon is rounded to its whole part or to one more; what is
/// left by either is a number of the type, so that a fused multiply-add gives it exactly.
template <class V>
HWY_INLINE V truncated_rest(V a, V b) {
  const hn::DFromV<V> d;
  const V u = hn::Abs(a), v = hn::Abs(b), zero = hn::Zero(d), quotient = hn::Abs(hn::Div(a, b));
  const V below = hn::NegMulAdd(hn::Floor(quotient), v, u), rest = hn::IfThenElse(hn::Lt(u, v), u, below);
  const auto far = hn::And(hn::Ge(quotient, constant<V>(1 / std::numeric_limits<Lane<V>>::epsilon())), hn::Gt(v, zero));
  if (HWY_NATIVE_FMA && HWY_LIKELY(hn::AllFalse(d, far)))
    return hn::CopySign(hn::IfThenElse(hn::Lt(rest, zero), hn::Add(rest, v), rest), a);
  return by_lanes(a, b, [](auto x, auto y) { return std::fmod(x, y); });
}

/// Whether the rest and b lie on different sides of 0.
template <class V>
HWY_INLINE auto opposite(V rest, V b) {
  const V zero = hn::Zero(hn::DFromV<V>());
  return hn::And(hn::Ne(rest, zero), hn::Xor(hn::Lt(rest, zero), hn::Lt(b, zero)));
}

template <class V>
HWY_INLINE V floored_rest(V a, V b) {
  const V rest = truncated_rest(a, b);
  return hn::IfThenElse(opposite(rest, b), hn::Add(rest, b), rest);
}

template <class V>
HWY_INLINE V floored_quotient(V a, V b) {
  const V zero = hn::Zero(hn::DFromV<V>()), one = constant<V>(1), rest = truncated_rest(a, b), quotient = hn::Div(a, b);
  const V whole = hn::Sub(hn::Div(hn::Sub(a, rest), b), hn::IfThenElseZero(opposite(rest, b), one));
  const V below = hn::Floor(whole);  // .5, which rounding leaves where no fraction fits, is down
  const V y = hn::Add(below, hn::IfThenElseZero(hn::Gt(hn::Sub(whole, below), constant<V>(0.5)), one));
  return hn::IfThenElse(hn::Eq(b, zero), quotient,
                        hn::IfThenElse(hn::Eq(whole, zero), hn::CopySign(zero, quotient), y));
}

/// a^b for a of at least 0: to some 13 digits, and 0 and infinity for what is no normal number.
HWY_INLINE F64 power(F64 a, F64 b) {
  const Tag<double> d;
  const F64 zero = hn::Zero(d), inf = hn::Inf(d);
  const auto inside = hn::And(hn::Gt(a, zero), hn::Lt(a, inf));
  const F64 log = hn::IfThenElse(inside, hn::Log(d, a), hn::IfThenElse(hn::Eq(a, zero), hn::Neg(inf), a));
  const F64 x = hn::IfThenZeroElse(hn::Or(hn::Eq(b, zero), hn::Eq(log, zero)), hn::Mul(b, log));  // 1^b and a^0 are 1
  return hn::IfThenElse(hn::Gt(x, constant<F64>(709)), inf, exp_small(x));
}

HWY_INLINE F32 pow(F32 a, F32 b) {
  if (!HWY_NATIVE_FMA) return by_lanes(a, b, [](float x, float y) { return std::pow(x, y); });
  const Tag<float> d;
  const Tag<double> wide;
  const hn::Rebind<float, Tag<double>> part;
  HWY_ALIGN float x[kLanes<float>], y[kLanes<float>];
  hn::Store(hn::Abs(a), d, x);
  hn::Store(b, d, y);
  for (int64_t i = 0; i < kLanes<float>; i += kLanes<double>) {
    const F64 z = power(hn::PromoteTo(wide, hn::Load(part, x + i)), hn::PromoteTo(wide, hn::Load(part, y + i)));
    hn::Store(hn::DemoteTo(part, z), part, x + i);
  }
  const F32 size = hn::Load(d, x), half = hn::Mul(b, constant<F32>(0.5));
  const auto whole = hn::Eq(hn::Round(b), b), odd = hn::And(whole, hn::Ne(hn::Round(half), half));
  const auto negative = hn::And(hn::Lt(a, hn::Zero(d)), hn::Lt(hn::Abs(a), hn::Inf(d)));
  return hn::IfThenElse(hn::AndNot(whole, negative), hn::NaN(d), hn::IfThenElse(odd, hn::CopySign(size, a), size));
}
HWY_INLINE F64 pow(F64 a, F64 b) {
  return by_lanes(a, b, [](double x, double y) { return std::pow(x, y); });
}

/// y (n) = f(a, b); a step is 1, or 0 of one number for all.
template <class Real>
void binary_part(Binary f, const Real* a, int64_t a_step, const Real* b, int64_t b_step, Real* y, int64_t n) {
  const auto map_with = [=](auto of) HWY_ATTR {
    const auto take = [](auto at, const Real* p, int64_t step)
                          HWY_ATTR { return step ? at(p) : hn::Set(Tag<Real>(), *p); };
    for_vectors<Real>(n, [=](auto at) HWY_ATTR { at.store(of(take(at, a, a_step), take(at, b, b_step)), y); });
  };
  using V = Vec<Real>;
  switch (f) {
    case Binary::remainder: return map_with([](V u, V v) HWY_ATTR { return floored_rest(u, v); });
    case Binary::floor_divide: return map_with([](V u, V v) HWY_ATTR { return floored_quotient(u, v); });
    case Binary::pow: return map_with([](V u, V v) HWY_ATTR { return pow(u, v); });
  }
}

void powers_part(const float* x, double p, double* y, int64_t n) {
  const hn::Rebind<float, Tag<double>> part;
  int64_t i = 0;
  for (; i + kLanes<double> <= n; i += kLanes<double>)
    Whole{i}.store<double>(power(hn::Abs(hn::PromoteTo(Tag<double>(), hn::LoadU(part, x + i))), constant<F64>(p)), y);
  for (; i < n; ++i) y[i] = std::pow(std::abs(static_cast<double>(x[i])), p);
}

auto binary_parts() { return Both{binary_part<float>, binary_part<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(binary_parts);
HWY_EXPORT(powers_part);

Tensor binary(Binary f, const Tensor& a, const Tensor& b) {
  Tensor y = empty(a.shape(), a.dtype());
  const Nest<3> nest(a.shape(), {&y.strides(), &a.strides(), &b.strides()});
  const int64_t sa = nest.inner_stride(1), sb = nest.inner_stride(2);
  if (const bool fa = sa != 0 && sa != 1, fb = sb != 0 && sb != 1; fa || fb)
    return binary(f, fa ? copy(a) : a, fb ? copy(b) : b);
  dispatch_floating(a.dtype(), [&]<class T>() {
    const auto part = HWY_DYNAMIC_DISPATCH(binary_parts)().template get<T>();
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* out = y.mutable_data<T>();
    nest.for_runs(
        [=](const std::array<int64_t, 3>& at, int64_t n) { part(f, pa + at[1], sa, pb + at[2], sb, out + at[0], n); });
  });
  return y;
}

Tensor powers(const Tensor& x0, double p) {
  const Tensor x = contiguous(x0);
  Tensor y = empty(x.shape(), f64);
  const auto part = HWY_DYNAMIC_DISPATCH(powers_part);
  parallel_for(x.numel(), kGrain, [=, from = x.data<float>(), to = y.mutable_data<double>()](int64_t i, int64_t end) {
    part(from + i, p, to + i, end - i);
  });
  return y;
}

}  // namespace heed::kernels
#endif

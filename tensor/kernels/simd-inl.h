// Vector building blocks of the SIMD kernels: partial loads, and f32 functions. Compiled once for each instruction set.
//
// The functions take and return vectors of f32. Errors are relative, in units of 2^-24 (6e-8), as measured over all
// magnitudes; coefficients are minimax fits of the stated form. NaN gives NaN.
#if defined(HEED_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_SIMD_INL_H_
#undef HEED_KERNELS_SIMD_INL_H_
#else
#define HEED_KERNELS_SIMD_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using V = hn::Vec<F>;
using I = hn::RebindToSigned<F>;

HWY_INLINE V constant(float value) { return hn::Set(F(), value); }

/// Elements i .. i + Lanes of any array.
struct Whole {
  size_t i;
  HWY_INLINE V operator()(const float* p) const { return hn::LoadU(F(), p + i); }
  HWY_INLINE void store(V v, float* p) const { hn::StoreU(v, F(), p + i); }
  HWY_INLINE V keep(V v) const { return v; }
};

/// Elements i .. i + n of any array, n < Lanes. The other lanes are loaded as 0, and their memory is not touched.
struct Rest {
  size_t i, n;
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  HWY_INLINE V operator()(const float* p) const { return hn::MaskedLoad(hn::FirstN(F(), n), F(), p + i); }
  HWY_INLINE void store(V v, float* p) const { hn::BlendedStore(v, hn::FirstN(F(), n), F(), p + i); }
#else
  HWY_INLINE V operator()(const float* p) const {
    HWY_ALIGN float buffer[hn::MaxLanes(F())] = {};
    std::memcpy(buffer, p + i, n * sizeof(float));
    return hn::Load(F(), buffer);
  }
  HWY_INLINE void store(V v, float* p) const {
    HWY_ALIGN float buffer[hn::MaxLanes(F())];
    hn::Store(v, F(), buffer);
    std::memcpy(p + i, buffer, n * sizeof(float));
  }
#endif
  /// v, with 0 in the other lanes.
  HWY_INLINE V keep(V v) const { return hn::IfThenElseZero(hn::FirstN(F(), n), v); }
};

/// Calls f(at) for the vectors that cover n elements: at(p) loads from the array p, at.store(v, p) stores there.
template <class Function>
HWY_INLINE void for_vectors(size_t n, Function f) {
  const size_t lanes = hn::Lanes(F());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) f(Whole{i});
  if (i < n) f(Rest{i, n - i});
}

/// y[i] = f(x[i]), f on vectors.
template <class Function>
HWY_INLINE void map(const float* x, float* y, size_t n, Function f) {
  for_vectors(n, [&](auto at) HWY_ATTR { at.store(f(at(x)), y); });
}

/// y[i] = f(a[i], b[i])
template <class Function>
HWY_INLINE void map(const float* a, const float* b, float* y, size_t n, Function f) {
  for_vectors(n, [&](auto at) HWY_ATTR { at.store(f(at(a), at(b)), y); });
}

HWY_INLINE float sum_of_lanes(V v) { return hn::GetLane(hn::SumOfLanes(F(), v)); }

/// totals[k] = the sum of all lanes of what f(at, terms) puts into terms[k]: f32 in each lane over blocks of 1024 elements,
/// the blocks in f64.
template <size_t K, class Function>
HWY_INLINE void sums(size_t n, Function f, double (&totals)[K]) {
  constexpr size_t kBlock = 1024;
  const size_t lanes = hn::Lanes(F());
  for (double& total : totals) total = 0;
  for (size_t i = 0; i < n;) {
    const size_t end = HWY_MIN(n, i + kBlock);
    V even[K], odd[K], terms[K];
    for (size_t k = 0; k < K; ++k) even[k] = odd[k] = hn::Zero(F());
    for (; i + 2 * lanes <= end; i += 2 * lanes) {
      f(Whole{i}, terms);
      for (size_t k = 0; k < K; ++k) even[k] = hn::Add(even[k], terms[k]);
      f(Whole{i + lanes}, terms);
      for (size_t k = 0; k < K; ++k) odd[k] = hn::Add(odd[k], terms[k]);
    }
    if (i + lanes <= end) {
      f(Whole{i}, terms);
      for (size_t k = 0; k < K; ++k) even[k] = hn::Add(even[k], terms[k]);
      i += lanes;
    }
    if (i < end) {
      const Rest at{i, end - i};
      f(at, terms);
      for (size_t k = 0; k < K; ++k) odd[k] = hn::Add(odd[k], at.keep(terms[k]));
      i = end;
    }
    for (size_t k = 0; k < K; ++k) totals[k] += sum_of_lanes(hn::Add(even[k], odd[k]));
  }
}

/// The sum of all lanes of f(at), accumulated as above.
template <class Function>
HWY_INLINE double sum(size_t n, Function f) {
  double total[1];
  sums(
      n, [&](auto at, V(&terms)[1]) HWY_ATTR { terms[0] = f(at); }, total);
  return total[0];
}

/// c[0] + c[1] x + ... by Horner's rule.
template <size_t N>
HWY_INLINE V polynomial(V x, const float (&c)[N]) {
  V y = constant(c[N - 1]);
  for (size_t i = N - 1; i-- > 0;) y = hn::MulAdd(y, x, constant(c[i]));
  return y;
}

/// e^r and an integer q (in the low bits of `bits`, plus 127) with x = r + q ln 2, |r| <= ln 2 / 2, for |x| < 2^21.
HWY_INLINE V exp_reduced(V x, V& bits) {
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits; 127 makes it the exponent field of 2^q.
  const V shift = constant(12582912.0f + 127.0f);
  bits = hn::MulAdd(x, constant(1.44269504f), shift);
  const V q = hn::Sub(bits, shift);
  const V r = hn::NegMulAdd(q, constant(-2.12194440e-4f), hn::NegMulAdd(q, constant(0.693359375f), x));
  const V p = polynomial(r, {0.49999993412f, 0.16666520108f, 0.041668394214f, 0.0083687804358f, 0.0013814466927f});
  return hn::Add(hn::MulAdd(hn::Mul(r, r), p, r), constant(1.0f));
}

/// e^x for x <= 88; 0 below -87.3, where e^x is no normal number. Error 2.
HWY_INLINE V exp_small(V x) {
  V bits;
  const V p = exp_reduced(x, bits);
  const V power = hn::BitCast(F(), hn::ShiftLeft<23>(hn::BitCast(I(), bits)));
  return hn::IfThenZeroElse(hn::Lt(x, constant(-87.3f)), hn::Mul(p, power));
}

/// e^x, subnormal results and overflow to infinity included. Error 2.
HWY_INLINE V exp(V x) {
  V bits;
  const V p = exp_reduced(x, bits);
  // 2^q may lie outside the normal numbers: multiply by 2^(q/2) twice.
  const auto q = hn::Sub(hn::BitCast(I(), bits), hn::BitCast(I(), constant(12582912.0f + 127.0f)));
  const auto half = hn::ShiftRight<1>(q), bias = hn::Set(I(), 127);
  const V a = hn::BitCast(F(), hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V b = hn::BitCast(F(), hn::ShiftLeft<23>(hn::Add(hn::Sub(q, half), bias)));
  const V y = hn::IfThenZeroElse(hn::Lt(x, constant(-104.0f)), hn::Mul(hn::Mul(p, a), b));
  return hn::IfThenElse(hn::Gt(x, constant(88.722839f)), hn::Inf(F()), y);
}

/// s = 1 / (1 + e^-x), and 1 - s with all its digits. Errors 3; below -87.3 s is 0, above 87.3 1 - s is.
HWY_INLINE void sigmoid(V x, V& s, V& rest) {
  const V e = exp_small(hn::Neg(hn::Abs(x))), larger = hn::Div(constant(1.0f), hn::Add(constant(1.0f), e));
  const V smaller = hn::Mul(e, larger);
  const auto negative = hn::Lt(x, hn::Zero(F()));
  s = hn::IfThenElse(negative, smaller, larger);
  rest = hn::IfThenElse(negative, larger, smaller);
}

HWY_INLINE V sigmoid(V x) {
  V s, rest;
  sigmoid(x, s, rest);
  return s;
}

/// Error 5. x P(x^2) / Q(x^2) up to the point where tanh rounds to 1.
HWY_INLINE V tanh(V x) {
  const V one = constant(1.0f), limit = constant(9.02f), a = hn::Abs(x);
  const auto saturated = hn::Gt(a, limit);
  const V u = hn::Mul(x, x);
  const V p = polynomial(u, {0.99999997901f, 0.13379706465f, 0.0034940209096f, 2.0583255433e-5f, 1.3318755942e-8f});
  const V q = polynomial(u, {1.0f, 0.46713021703f, 0.025871021329f, 3.2830704687e-4f, 7.7618908071e-7f});
  const V y = hn::Div(hn::Mul(a, p), q);
  return hn::CopySignToAbs(hn::IfThenElse(hn::Or(saturated, hn::Gt(y, one)), one, y), x);
}

/// e^(-t^2/2) and, by it, the normal distribution's left tail Phi(-t), for t >= 0. Relative to the largest value, 1/2.
HWY_INLINE V normal_tail(V t, V& gauss) {
  gauss = exp_small(hn::Mul(hn::Mul(t, t), constant(-0.5f)));
  // Mills' ratio over sqrt(2 pi), on [0, 14].
  const V p = polynomial(t, {0.50000000275f, 0.43725159006f, 0.18246228709f, 0.040372694279f, 0.0040776267065f});
  const V q = polynomial(t, {1.0f, 1.6723881352f, 1.1992927291f, 0.46743029382f, 0.10120614649f, 0.010220965656f});
  return hn::Mul(gauss, hn::Div(p, q));
}

/// The largest of n elements; -inf of none. Anything if there are NaN among them.
HWY_INLINE float largest(const float* x, size_t n) {
  const V lowest = hn::Neg(hn::Inf(F()));
  const size_t lanes = hn::Lanes(F());
  V even = lowest, odd = lowest;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    even = hn::Max(even, Whole{i}(x));
    odd = hn::Max(odd, Whole{i + lanes}(x));
  }
  if (i + lanes <= n) even = hn::Max(even, Whole{i}(x)), i += lanes;
  if (i < n) odd = hn::Max(odd, hn::IfThenElse(hn::FirstN(F(), n - i), Rest{i, n - i}(x), lowest));
  return hn::GetLane(hn::MaxOfLanes(F(), hn::Max(even, odd)));
}

}  // namespace HWY_NAMESPACE
}  // namespace heed::kernels
HWY_AFTER_NAMESPACE();

#endif  // the include guard

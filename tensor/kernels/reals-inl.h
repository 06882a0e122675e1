// Vectors of f32 or f64 under one name, so that a kernel is written once for both. Once per Highway target.
#if defined(HEED_KERNELS_REALS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_REALS_INL_H_
#undef HEED_KERNELS_REALS_INL_H_
#else
#define HEED_KERNELS_REALS_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>

#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include <heed/tensor/kernels/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class Real>
using Tag = hn::ScalableTag<Real>;
template <class Real>
using Vec = hn::Vec<Tag<Real>>;
template <class Real>
constexpr int64_t kLanes = hn::MaxLanes(Tag<Real>());
template <class Real>
constexpr Real kMinusInfinity = -std::numeric_limits<Real>::infinity();

template <class Real>
constexpr int64_t whole_vectors(int64_t n) {
  return (n + kLanes<Real> - 1) / kLanes<Real> * kLanes<Real>;
}

/// The first n lanes from p, all of them if n is larger; the others are 0. Memory past n is not touched.
template <class Real>
HWY_INLINE Vec<Real> load_first(const Real* p, int64_t n) {
  const Tag<Real> d;
  if (n >= kLanes<Real>) return hn::LoadU(d, p);
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(n)), d, p);
#else
  HWY_ALIGN Real lanes[kLanes<Real>] = {};
  std::copy_n(p, n, lanes);
  return hn::Load(d, lanes);
#endif
}

template <class Real>
HWY_INLINE void store_first(Vec<Real> v, Real* p, int64_t n) {
  const Tag<Real> d;
  if (n >= kLanes<Real>) return hn::StoreU(v, d, p);
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(n)), d, p);
#else
  HWY_ALIGN Real lanes[kLanes<Real>];
  hn::Store(v, d, lanes);
  std::copy_n(lanes, n, p);
#endif
}

// e^x for x <= 709 in f64, by the same steps as exp_small. (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2 is a
// minimax fit with weight r^2 / e^r: relative error 4e-18.
HWY_INLINE Vec<double> exp_small(Vec<double> x) {
  const Tag<double> d;
  constexpr double kRound = 6755399441055744.0 + 1023;  // leaves n + 1023 in the low bits, one shift away from 2^n
  constexpr double kSeries[] = {0.5000000000000011,    0.1666666666666641,    0.04166666666652917,
                                0.008333333333495207,  0.0013888888943927118, 0.00019841269505705984,
                                2.480149275907953e-05, 2.755758647340288e-06, 2.763037966461162e-07,
                                2.500024779875111e-08};
  const auto shifted = hn::MulAdd(x, hn::Set(d, 1.4426950408889634), hn::Set(d, kRound));
  const auto n = hn::Sub(shifted, hn::Set(d, kRound));
  const auto r =
      hn::NegMulAdd(n, hn::Set(d, 1.9082149292705877e-10), hn::NegMulAdd(n, hn::Set(d, 0.6931471803691238), x));
  auto series = hn::Set(d, kSeries[std::size(kSeries) - 1]);
  for (int i = std::size(kSeries) - 2; i >= 0; --i) series = hn::MulAdd(series, r, hn::Set(d, kSeries[i]));
  const auto minus_one = hn::MulAdd(hn::Mul(r, r), series, r);
  const auto power = hn::BitCast(d, hn::ShiftLeft<52>(hn::BitCast(hn::RebindToSigned<Tag<double>>(), shifted)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -708.0)), hn::MulAdd(power, minus_one, power));
}

HWY_INLINE Vec<double> sigmoid(Vec<double> x) {
  const Tag<double> d;
  const auto e = exp_small(hn::Neg(hn::Abs(x))), larger = hn::Div(hn::Set(d, 1.0), hn::Add(hn::Set(d, 1.0), e));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(e, larger), larger);
}

HWY_INLINE Vec<double> tanh(Vec<double> x) { return hn::Tanh(Tag<double>(), x); }

/// The sum of a[i] b[i].
template <class Real>
HWY_INLINE Real dot(int64_t n, const Real* a, const Real* b) {
  const Tag<Real> d;
  auto sum = hn::Zero(d);
  for (int64_t i = 0; i < n; i += kLanes<Real>)
    sum = hn::MulAdd(load_first(a + i, n - i), load_first(b + i, n - i), sum);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // once per target

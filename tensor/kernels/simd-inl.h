// Vectors of f32 or f64 under one name, so that a kernel is written once for both. Compiled once for each instruction
// set.
#if defined(HEED_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_SIMD_INL_H_
#undef HEED_KERNELS_SIMD_INL_H_
#else
#define HEED_KERNELS_SIMD_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

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

/// The number type of a vector.
template <class V>
using Lane = hn::TFromD<hn::DFromV<V>>;

template <class V>
HWY_INLINE V constant(double value) {
  return hn::Set(hn::DFromV<V>(), static_cast<Lane<V>>(value));
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

/// Elements i .. i + kLanes of any array.
struct Whole {
  int64_t i;
  template <class Real>
  HWY_INLINE Vec<Real> operator()(const Real* p) const {
    return hn::LoadU(Tag<Real>(), p + i);
  }
  template <class Real>
  HWY_INLINE void store(Vec<Real> v, Real* p) const {
    hn::StoreU(v, Tag<Real>(), p + i);
  }
};

/// Elements i .. i + n of any array, n < kLanes. The other lanes are loaded as 0.
struct Rest {
  int64_t i, n;
  template <class Real>
  HWY_INLINE Vec<Real> operator()(const Real* p) const {
    return load_first(p + i, n);
  }
  template <class Real>
  HWY_INLINE void store(Vec<Real> v, Real* p) const {
    store_first<Real>(v, p + i, n);
  }
};

/// Calls f(at) for the vectors that cover n elements: at(p) loads from the array p, at.store(v, p) stores there.
template <class Real, class Function>
HWY_INLINE void for_vectors(int64_t n, Function f) {
  int64_t i = 0;
  for (; i + kLanes<Real> <= n; i += kLanes<Real>) f(Whole{i});
  if (i < n) f(Rest{i, n - i});
}

/// y[i] = f(x[i]), f on vectors.
template <class Real, class Function>
HWY_INLINE void map(const Real* x, Real* y, int64_t n, Function f) {
  for_vectors<Real>(n, [&](auto at) HWY_ATTR { at.store(f(at(x)), y); });
}

/// The same, written past the caches where y lies as vectors do. hwy::FlushStream() ends such writing.
template <class Real, class Function>
HWY_INLINE void map_past_caches(const Real* x, Real* y, int64_t n, Function f) {
  int64_t i = 0;
  if (reinterpret_cast<uintptr_t>(y) % sizeof(Vec<Real>) == 0)
    for (; i + kLanes<Real> <= n; i += kLanes<Real>) hn::Stream(f(Whole{i}(x)), Tag<Real>(), y + i);
  map(x + i, y + i, n - i, f);
}

/// y[i] = f(a[i], b[i])
template <class Real, class Function>
HWY_INLINE void map(const Real* a, const Real* b, Real* y, int64_t n, Function f) {
  for_vectors<Real>(n, [&](auto at) HWY_ATTR { at.store(f(at(a), at(b)), y); });
}

/// totals[k] = the sum of all lanes of what f(at, terms) puts into terms[k]: in Real in each lane over blocks of 1024
/// elements, the blocks in f64.
template <class Real, size_t K, class Function>
HWY_INLINE void sums(int64_t n, Function f, double (&totals)[K]) {
  constexpr int64_t kBlock = 1024;
  const Tag<Real> d;
  for (double& total : totals) total = 0;
  for (int64_t i = 0; i < n;) {
    const int64_t end = std::min(n, i + kBlock);
    Vec<Real> even[K], odd[K], terms[K];
    for (size_t k = 0; k < K; ++k) even[k] = odd[k] = hn::Zero(d);
    for (; i + 2 * kLanes<Real> <= end; i += 2 * kLanes<Real>) {
      f(Whole{i}, terms);
      for (size_t k = 0; k < K; ++k) even[k] = hn::Add(even[k], terms[k]);
      f(Whole{i + kLanes<Real>}, terms);
      for (size_t k = 0; k < K; ++k) odd[k] = hn::Add(odd[k], terms[k]);
    }
    if (i + kLanes<Real> <= end) {
      f(Whole{i}, terms);
      for (size_t k = 0; k < K; ++k) even[k] = hn::Add(even[k], terms[k]);
      i += kLanes<Real>;
    }
    if (i < end) {
      f(Rest{i, end - i}, terms);
      const auto used = hn::FirstN(d, static_cast<size_t>(end - i));
      for (size_t k = 0; k < K; ++k) odd[k] = hn::Add(odd[k], hn::IfThenElseZero(used, terms[k]));
      i = end;
    }
    for (size_t k = 0; k < K; ++k)
      totals[k] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(even[k], odd[k]))));
  }
}

/// The sum of all lanes of f(at), accumulated as above.
template <class Real, class Function>
HWY_INLINE double sum(int64_t n, Function f) {
  double total[1];
  sums<Real>(
      n, [&](auto at, Vec<Real>(&terms)[1]) HWY_ATTR { terms[0] = f(at); }, total);
  return total[0];
}

/// The mean of x (n), from its first number on: equal ones have just that.
template <class Real>
double mean_of(const Real* x, int64_t n) {
  const Real first = n > 0 && std::isfinite(x[0]) ? x[0] : Real(0);
  const auto rest = sum<Real>(n, [=, f = constant<Vec<Real>>(first)](auto at) HWY_ATTR { return hn::Sub(at(x), f); });
  return static_cast<double>(first) + rest / static_cast<double>(n);
}

/// g f, and 0 where g is: through infinity and NaN too (autograd/nan.md).
template <class V>
HWY_INLINE V times(V g, V f) {
  return hn::IfThenZeroElse(hn::Eq(g, constant<V>(0)), hn::Mul(g, f));
}

/// Whether all elements of x (rows, n), which lie `row` apart, are finite.
template <class Real>
HWY_INLINE bool all_finite(int64_t rows, int64_t n, const Real* x, int64_t row) {
  auto total = hn::Zero(Tag<Real>());  // 0 times an infinity or NaN is NaN
  for (int64_t i = 0; i < rows; ++i)
    for_vectors<Real>(n, [&](auto at) HWY_ATTR { total = hn::MulAdd(at(x + i * row), hn::Zero(Tag<Real>()), total); });
  return hn::GetLane(hn::SumOfLanes(Tag<Real>(), total)) == 0;
}

/// The sum of a[i] b[i].
template <class Real>
HWY_INLINE Real dot(int64_t n, const Real* a, const Real* b) {
  auto total = hn::Zero(Tag<Real>());
  for_vectors<Real>(n, [&](auto at) HWY_ATTR { total = hn::MulAdd(at(a), at(b), total); });
  return hn::GetLane(hn::SumOfLanes(Tag<Real>(), total));
}

/// The largest of n elements; -inf of none. Anything if there are NaN among them.
template <class Real>
HWY_INLINE Real largest(const Real* x, int64_t n) {
  const Tag<Real> d;
  const auto lowest = hn::Set(d, kMinusInfinity<Real>);
  auto even = lowest, odd = lowest;
  int64_t i = 0;
  for (; i + 2 * kLanes<Real> <= n; i += 2 * kLanes<Real>) {
    even = hn::Max(even, Whole{i}(x));
    odd = hn::Max(odd, Whole{i + kLanes<Real>}(x));
  }
  if (i + kLanes<Real> <= n) even = hn::Max(even, Whole{i}(x)), i += kLanes<Real>;
  if (i < n) {
    const auto used = hn::FirstN(d, static_cast<size_t>(n - i));
    odd = hn::Max(odd, hn::IfThenElse(used, Rest{i, n - i}(x), lowest));
  }
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(even, odd)));
}

/// out = factor times the sum of weighted rows (n, ...), `row` apart, of which kVectors vectors are taken, with
/// `columns` columns in all. Rows of weight 0 are not read.
template <int kVectors, class Real>
HWY_INLINE void weighted_vectors(int64_t n, const Real* weights, const Real* rows, int64_t row, int64_t columns,
                                 Real factor, Real* out) {
  const Tag<Real> d;
  Vec<Real> total[kVectors];
#pragma GCC unroll 4
  for (int c = 0; c < kVectors; ++c) total[c] = hn::Zero(d);
  for (int64_t j = 0; j < n; ++j) {
    if (weights[j] == 0) continue;
    const auto weight = hn::Set(d, weights[j]);
#pragma GCC unroll 4
    for (int c = 0; c < kVectors; ++c)
      total[c] =
          hn::MulAdd(weight, load_first(rows + j * row + c * kLanes<Real>, columns - c * kLanes<Real>), total[c]);
  }
#pragma GCC unroll 4
  for (int c = 0; c < kVectors; ++c)
    store_first<Real>(hn::Mul(hn::Set(d, factor), total[c]), out + c * kLanes<Real>, columns - c * kLanes<Real>);
}

/// The same of any number of columns; sums of four vectors at a time stay in registers.
template <class Real>
HWY_INLINE void weighted_sum(int64_t n, const Real* weights, const Real* rows, int64_t row, int64_t columns,
                             Real factor, Real* out) {
  constexpr int64_t kFour = 4 * kLanes<Real>;
  int64_t c = 0;
  for (; c + kFour <= columns; c += kFour) weighted_vectors<4>(n, weights, rows + c, row, kFour, factor, out + c);
  for (; c < columns; c += kLanes<Real>) weighted_vectors<1>(n, weights, rows + c, row, columns - c, factor, out + c);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the include guard

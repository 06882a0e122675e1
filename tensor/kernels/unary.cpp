// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/unary.h>

#include <algorithm>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/unary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/functions-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// x, but 0 below 0; NaN stays.
template <class V>
HWY_INLINE V above_zero(V x) {
  return hn::IfThenZeroElse(hn::Le(x, constant<V>(0)), x);
}

template <class Real>
void unary_part(Unary f, const Real* x, Real* y, int64_t n) {
  using V = Vec<Real>;
  switch (f) {
    case Unary::exp: return map(x, y, n, [](V v) HWY_ATTR { return exp(v); });
    case Unary::log: return map(x, y, n, [](V v) HWY_ATTR { return log(v); });
    case Unary::log1p: return map(x, y, n, [](V v) HWY_ATTR { return log1p(v); });
    case Unary::expm1: return map(x, y, n, [](V v) HWY_ATTR { return expm1(v); });
    case Unary::sqrt: return map(x, y, n, [](V v) HWY_ATTR { return hn::Sqrt(v); });
    case Unary::rsqrt: return map(x, y, n, [](V v) HWY_ATTR { return hn::Div(constant<V>(1), hn::Sqrt(v)); });
    case Unary::floor: return map(x, y, n, [](V v) HWY_ATTR { return hn::Floor(v); });
    case Unary::ceil: return map(x, y, n, [](V v) HWY_ATTR { return hn::Ceil(v); });
    case Unary::round: return map(x, y, n, [](V v) HWY_ATTR { return hn::Round(v); });
    case Unary::sin: return map(x, y, n, [](V v) HWY_ATTR { return sin(v); });
    case Unary::cos: return map(x, y, n, [](V v) HWY_ATTR { return cos(v); });
    case Unary::tanh: return map(x, y, n, [](V v) HWY_ATTR { return tanh(v); });
    case Unary::erf: return map(x, y, n, [](V v) HWY_ATTR { return erf(v); });
    case Unary::sigmoid: return map(x, y, n, [](V v) HWY_ATTR { return sigmoid(v); });
    case Unary::softplus: return map(x, y, n, [](V v) HWY_ATTR { return softplus(v); });
    case Unary::silu: return map(x, y, n, [](V v) HWY_ATTR { return hn::Mul(finite_below(v), sigmoid(v)); });
    case Unary::relu2:
      return map(x, y, n, [](V v) HWY_ATTR {
        const V p = above_zero(v);
        return hn::Mul(p, p);
      });
    case Unary::gelu: return map(x, y, n, [](V v) HWY_ATTR { return gelu(v); });
    case Unary::gelu_tanh:
      return map(x, y, n, [](V v) HWY_ATTR { return hn::Mul(finite_below(v), sigmoid(gelu_tanh_gate(v))); });
  }
}

template <class Real>
void unary_backward_part(Unary f, const Real* g, const Real* x, Real* dx, int64_t n) {
  using V = Vec<Real>;
  const auto scale = [=](auto slope)
                         HWY_ATTR { map(g, x, dx, n, [=](V d, V v) HWY_ATTR { return times(d, slope(v)); }); };
  switch (f) {
    case Unary::silu: return scale([](V v) HWY_ATTR { return gate_slope(bounded(v), v, constant<V>(1)); });
    case Unary::relu2:  // 0 below 0, whatever arrives
      return map(g, x, dx, n, [](V d, V v) HWY_ATTR {
        return hn::IfThenZeroElse(hn::Le(v, constant<V>(0)), times(d, hn::Add(v, v)));
      });
    case Unary::gelu: return scale([](V v) HWY_ATTR { return gelu_slope(v); });
    case Unary::gelu_tanh: return scale([](V v) HWY_ATTR { return gelu_tanh_slope(v); });
    default: return;
  }
}

template <class Real>
void add_part(const Real* a, const Real* b, Real* y, int64_t n) {
  map(a, b, y, n, [](Vec<Real> u, Vec<Real> v) HWY_ATTR { return hn::Add(u, v); });
}

/// y (width) = the sum over `rows` rows of x, `stride` apart.
template <class Real>
void sum_rows_part(const Real* x, int64_t rows, int64_t stride, Real* y, int64_t width) {
  constexpr int64_t kTile = 8;  // vectors of sums that stay in registers
  const auto zero = hn::Zero(Tag<Real>());
  int64_t j = 0;
  for (; j + kTile * kLanes<Real> <= width; j += kTile * kLanes<Real>) {
    Vec<Real> total[kTile];
    for (auto& v : total) v = zero;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t t = 0; t < kTile; ++t) total[t] = hn::Add(total[t], Whole{j + t * kLanes<Real>}(x + r * stride));
    for (int64_t t = 0; t < kTile; ++t) Whole{j + t * kLanes<Real>}.store(total[t], y);
  }
  for_vectors<Real>(width - j, [=](auto at) HWY_ATTR {
    auto total = zero;
    for (int64_t r = 0; r < rows; ++r) total = hn::Add(total, at(x + j + r * stride));
    at.store(total, y + j);
  });
}

template <class Real>
void dropout_part(const Real* x, const bool* keep, Real scale, Real* y, int64_t n) {
  int64_t i = 0;
  if constexpr (std::is_same_v<Real, float>) {
    const Tag<float> d;
    const hn::RebindToSigned<Tag<float>> integers;
    const hn::Rebind<uint8_t, Tag<float>> bytes;
    const auto factor = hn::Set(d, scale);
    for (; i + kLanes<float> <= n; i += kLanes<float>) {
      const auto kept = hn::PromoteTo(integers, hn::LoadU(bytes, reinterpret_cast<const uint8_t*>(keep) + i));
      const auto chosen = hn::RebindMask(d, hn::Ne(kept, hn::Zero(integers)));
      hn::StoreU(hn::IfThenElseZero(chosen, hn::Mul(hn::LoadU(d, x + i), factor)), d, y + i);
    }
  }
  for (; i < n; ++i) y[i] = keep[i] ? x[i] * scale : Real(0);
}

template <class Real>
void binary_cross_entropy_part(const Real* x, const Real* t, const Real* p, const Real* g, Real* y, int64_t n) {
  using V = Vec<Real>;
  for_vectors<Real>(n, [=](auto at) HWY_ATTR {
    const V v = at(x), u = hn::Sub(constant<V>(1), at(t));
    if (!g) return at.store(hn::Add(times(at(p), softplus(hn::Neg(v))), times(u, softplus(v))), y);
    V s, rest;
    sigmoid(v, s, rest);
    at.store(hn::Sub(times(times(at(g), u), s), times(times(at(g), at(p)), rest)), y);
  });
}

auto unary_parts() { return Both{unary_part<float>, unary_part<double>}; }
auto unary_backward_parts() { return Both{unary_backward_part<float>, unary_backward_part<double>}; }
auto add_parts() { return Both{add_part<float>, add_part<double>}; }
auto sum_rows_parts() { return Both{sum_rows_part<float>, sum_rows_part<double>}; }
auto dropout_parts() { return Both{dropout_part<float>, dropout_part<double>}; }
auto binary_cross_entropy_parts() { return Both{binary_cross_entropy_part<float>, binary_cross_entropy_part<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(unary_parts);
HWY_EXPORT(unary_backward_parts);
HWY_EXPORT(add_parts);
HWY_EXPORT(sum_rows_parts);
HWY_EXPORT(dropout_parts);
HWY_EXPORT(binary_cross_entropy_parts);

constexpr int64_t kCheapGrain = 32768;  // elements of arithmetic as cheap as a sum, some 4 us

template <class T>
void unary(Unary f, const T* x, T* y, int64_t n) {
  const auto part = HWY_DYNAMIC_DISPATCH(unary_parts)().template get<T>();
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) { part(f, x + begin, y + begin, end - begin); });
}

template <class T>
void unary_backward(Unary f, const T* g, const T* x, T* dx, int64_t n) {
  const auto part = HWY_DYNAMIC_DISPATCH(unary_backward_parts)().template get<T>();
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) { part(f, g + begin, x + begin, dx + begin, end - begin); });
}

template <class T>
void add_bias(T* x, const T* bias, int64_t rows, int64_t n) {
  const auto add = HWY_DYNAMIC_DISPATCH(add_parts)().template get<T>();
  parallel_for(rows, grain_for(kCheapGrain, n), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) add(x + r * n, bias, x + r * n, n);
  });
}

template <class T>
void sum_rows(const T* x, T* y, int64_t rows, int64_t n) {
  const auto add = HWY_DYNAMIC_DISPATCH(sum_rows_parts)().template get<T>();
  if (rows < 64)  // one block of rows: the columns are what can be shared out
    return parallel_for(n, std::max<int64_t>(64, row_grain(rows)),
                        [=](int64_t begin, int64_t end) { add(x + begin, rows, n, y + begin, end - begin); });
  RowSums<T> sums(rows, n);
  std::copy_n(sums.run([=](int64_t begin, int64_t end, T* partial) { add(x + begin * n, end - begin, n, partial, n); }),
              n, y);
}

template <class T>
void dropout(const T* x, const bool* keep, T scale, T* y, int64_t n) {
  const auto part = HWY_DYNAMIC_DISPATCH(dropout_parts)().template get<T>();
  parallel_for(n, kCheapGrain,
               [=](int64_t begin, int64_t end) { part(x + begin, keep + begin, scale, y + begin, end - begin); });
}

template <class T>
void binary_cross_entropy(const T* x, const T* t, const T* p, const T* g, T* y, int64_t n) {
  const auto part = HWY_DYNAMIC_DISPATCH(binary_cross_entropy_parts)().template get<T>();
  parallel_for(n, kGrain,
               [=](int64_t i, int64_t end) { part(x + i, t + i, p + i, g ? g + i : nullptr, y + i, end - i); });
}

HEED_FOR_BOTH(unary)
HEED_FOR_BOTH(unary_backward)
HEED_FOR_BOTH(add_bias)
HEED_FOR_BOTH(sum_rows)
HEED_FOR_BOTH(dropout)
HEED_FOR_BOTH(binary_cross_entropy)

}  // namespace heed::kernels
#endif

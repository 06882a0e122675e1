// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/softmax.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/functions-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// The largest of x (n), and the sum of e^(x - largest), which cannot overflow; y, unless null, gets its terms.
template <class Real>
HWY_INLINE std::pair<Real, double> sum_exp(const Real* x, int64_t n, Real* y = nullptr) {
  const Real top = largest(x, n);
  const double total = sum<Real>(n, [=, m = constant<Vec<Real>>(top)](auto at) HWY_ATTR {
    const Vec<Real> e = exp_small(hn::Sub(at(x), m));
    if (y) at.store(e, y);
    return e;
  });
  return {top, total};
}

template <class Real>
void softmax_row(const Real* x, Real* y, int64_t n) {
  using V = Vec<Real>;
  const V scale = constant<V>(1 / sum_exp(x, n, y).second);
  map(y, y, n, [=](V e) HWY_ATTR { return hn::Mul(e, scale); });
}

template <class Real>
void log_softmax_row(const Real* x, Real* y, int64_t n) {
  using V = Vec<Real>;
  // (x - max) - log(sum), each small where y is: x - (max + log(sum)) would lose the digits that a large max rounds
  // away.
  const auto [top, total] = sum_exp(x, n);
  const V shift = constant<V>(top), rest = constant<V>(std::log(total));
  map(x, y, n, [=](V v) HWY_ATTR { return hn::Sub(hn::Sub(v, shift), rest); });
}

template <class Real>
std::pair<Real, double> terms_of_log_sum_exp(const Real* x, int64_t n) {
  return sum_exp(x, n);
}

template <class Real>
void softmax_backward_row(const Real* g, const Real* y, Real* dx, int64_t n) {
  using V = Vec<Real>;
  const V total = constant<V>(sum<Real>(n, [=](auto at) HWY_ATTR { return hn::Mul(at(g), at(y)); }));
  map(g, y, dx, n, [=](V d, V p) HWY_ATTR { return hn::Mul(p, hn::Sub(d, total)); });
}

template <class Real>
void log_softmax_backward_row(const Real* g, const Real* y, Real* dx, int64_t n) {
  using V = Vec<Real>;
  const V total = constant<V>(sum<Real>(n, [=](auto at) HWY_ATTR { return at(g); }));
  map(g, y, dx, n, [=](V d, V p) HWY_ATTR { return hn::NegMulAdd(exp_small(p), total, d); });
}

/// dx = scale e^(x - top) - less
template <class Real>
void weighted_exp(const Real* x, Real top, Real scale, Real less, Real* dx, int64_t n) {
  using V = Vec<Real>;
  const V shift = constant<V>(top), factor = constant<V>(scale), rest = constant<V>(less);
  map(x, dx, n, [=](V v) HWY_ATTR { return hn::MulSub(exp_small(hn::Sub(v, shift)), factor, rest); });
}

auto softmax_rows() { return Both{softmax_row<float>, softmax_row<double>}; }
auto log_softmax_rows() { return Both{log_softmax_row<float>, log_softmax_row<double>}; }
auto softmax_backward_rows() { return Both{softmax_backward_row<float>, softmax_backward_row<double>}; }
auto log_softmax_backward_rows() { return Both{log_softmax_backward_row<float>, log_softmax_backward_row<double>}; }
auto log_sum_exp_terms() { return Both{terms_of_log_sum_exp<float>, terms_of_log_sum_exp<double>}; }
auto means() { return Both{mean_of<float>, mean_of<double>}; }
auto weighted_exps() { return Both{weighted_exp<float>, weighted_exp<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(softmax_rows);
HWY_EXPORT(log_softmax_rows);
HWY_EXPORT(softmax_backward_rows);
HWY_EXPORT(log_softmax_backward_rows);
HWY_EXPORT(log_sum_exp_terms);
HWY_EXPORT(means);
HWY_EXPORT(weighted_exps);

template <class T>
void softmax(SoftmaxForm form, const T* x, T* y, int64_t rows, int64_t n) {
  const auto both =
      form == SoftmaxForm::plain ? HWY_DYNAMIC_DISPATCH(softmax_rows)() : HWY_DYNAMIC_DISPATCH(log_softmax_rows)();
  for_rows(rows, n, [=, row = both.template get<T>()](int64_t r) { row(x + r * n, y + r * n, n); });
}

template <class T>
void softmax_backward(SoftmaxForm form, const T* g, const T* y, T* dx, int64_t rows, int64_t n) {
  const auto both = form == SoftmaxForm::plain ? HWY_DYNAMIC_DISPATCH(softmax_backward_rows)()
                                               : HWY_DYNAMIC_DISPATCH(log_softmax_backward_rows)();
  for_rows(rows, n, [=, row = both.template get<T>()](int64_t r) {
    if (all_zero(g + r * n, n)) std::fill_n(dx + r * n, n, T(0));
    else row(g + r * n, y + r * n, dx + r * n, n);
  });
}

template <class T>
void logsumexp(const T* x, T* y, int64_t rows, int64_t n) {
  const auto terms = HWY_DYNAMIC_DISPATCH(log_sum_exp_terms)().template get<T>();
  for_rows(rows, n, [=](int64_t r) {
    const T* row = x + r * n;
    const auto [top, total] = terms(row, n);
    y[r] = static_cast<T>(top + std::log(total));
    // inf - inf where the largest is infinite: that is the answer, unless there is a NaN.
    if (std::isnan(y[r])) y[r] = *std::max_element(row, row + n, [](T a, T b) { return a < b || (b != b && a == a); });
  });
}

template <class T>
void cross_entropy(const CrossEntropy& shape, const T* logits, const int64_t* targets, T* loss, double* norms) {
  const auto terms = HWY_DYNAMIC_DISPATCH(log_sum_exp_terms)().template get<T>();
  const auto mean = HWY_DYNAMIC_DISPATCH(means)().template get<T>();
  for_rows(shape.N, shape.V, [=](int64_t i) {
    const double smoothing = shape.label_smoothing;
    const T* x = logits + i * shape.V;
    const auto [top, total] = terms(x, shape.V);
    norms[2 * i] = top, norms[2 * i + 1] = total;
    loss[i] = 0;
    if (targets[i] == shape.ignore_index) return;
    double below = static_cast<double>(top) - static_cast<double>(x[targets[i]]);
    // Of a uniform target: top - mean(x).
    if (smoothing != 0) below = (1 - smoothing) * below + smoothing * (top - mean(x, shape.V));
    loss[i] = static_cast<T>(below + std::log(total));
  });
}

template <class T>
void cross_entropy_backward(const CrossEntropy& shape, const T* logits, const int64_t* targets, const double* norms,
                            T scale, T* dlogits) {
  const T less = static_cast<T>(static_cast<double>(scale) * shape.label_smoothing / static_cast<double>(shape.V));
  const T hit = static_cast<T>(static_cast<double>(scale) * (1 - shape.label_smoothing));
  const auto weighted_exp = HWY_DYNAMIC_DISPATCH(weighted_exps)().template get<T>();
  for_rows(shape.N, shape.V, [=](int64_t i) {
    T* dx = dlogits + i * shape.V;
    if (targets[i] == shape.ignore_index) {
      std::fill_n(dx, shape.V, T(0));
      return;
    }
    const double top = norms[2 * i], total = norms[2 * i + 1];
    weighted_exp(logits + i * shape.V, static_cast<T>(top), static_cast<T>(scale / total), less, dx, shape.V);
    dx[targets[i]] -= hit;
  });
}

HEED_FOR_BOTH(softmax)
HEED_FOR_BOTH(softmax_backward)
HEED_FOR_BOTH(logsumexp)
HEED_FOR_BOTH(cross_entropy)
HEED_FOR_BOTH(cross_entropy_backward)

}  // namespace heed::kernels
#endif

// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/softmax.h>

#include <cmath>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/functions-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class Real>
void softmax_row(const Real* x, Real* y, int64_t n) {
  using V = Vec<Real>;
  // With the largest element subtracted exp cannot overflow.
  const V m = constant<V>(largest(x, n));
  const double total = sum<Real>(n, [=](auto at) HWY_ATTR {
    const V e = exp_small(hn::Sub(at(x), m));
    at.store(e, y);
    return e;
  });
  const V scale = constant<V>(1 / total);
  map(y, y, n, [=](V e) HWY_ATTR { return hn::Mul(e, scale); });
}

template <class Real>
void log_softmax_row(const Real* x, Real* y, int64_t n) {
  using V = Vec<Real>;
  // (x - max) - log(sum), each small where y is: x - (max + log(sum)) would lose the digits that a large max rounds
  // away.
  const V shift = constant<V>(largest(x, n));
  const double total = sum<Real>(n, [=](auto at) HWY_ATTR { return exp_small(hn::Sub(at(x), shift)); });
  const V rest = constant<V>(std::log(total));
  map(x, y, n, [=](V v) HWY_ATTR { return hn::Sub(hn::Sub(v, shift), rest); });
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

auto softmax_rows() { return Both{softmax_row<float>, softmax_row<double>}; }
auto log_softmax_rows() { return Both{log_softmax_row<float>, log_softmax_row<double>}; }
auto softmax_backward_rows() { return Both{softmax_backward_row<float>, softmax_backward_row<double>}; }
auto log_softmax_backward_rows() { return Both{log_softmax_backward_row<float>, log_softmax_backward_row<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(softmax_rows);
HWY_EXPORT(log_softmax_rows);
HWY_EXPORT(softmax_backward_rows);
HWY_EXPORT(log_softmax_backward_rows);

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

HEED_FOR_BOTH(softmax)
HEED_FOR_BOTH(softmax_backward)

}  // namespace heed::kernels
#endif

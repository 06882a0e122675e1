// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/norm.h>

#include <algorithm>
#include <cmath>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// With a null mean x is not centered, as an RMS norm has it.
template <class Real>
void norm_row(const Real* x, const Real* weight, const Real* bias, double eps, Real* y, Real* mean, Real* rstd,
              int64_t C) {
  using V = Vec<Real>;
  if (mean) *mean = static_cast<Real>(mean_of(x, C));
  const V m = constant<V>(mean ? *mean : 0);
  const double squares = sum<Real>(C, [=](auto at) HWY_ATTR {
    const V d = hn::Sub(at(x), m);
    return hn::Mul(d, d);
  });
  *rstd = static_cast<Real>(1 / std::sqrt(squares / static_cast<double>(C) + eps));
  for_vectors<Real>(C, [=, s = constant<V>(*rstd)](auto at) HWY_ATTR {
    V h = hn::Mul(hn::Sub(at(x), m), s);
    if (weight) h = hn::Mul(h, at(weight));
    if (bias) h = hn::Add(h, at(bias));
    at.store(h, y);
  });
}

/// With h = (x - mean) rstd and q = g weight: dx = rstd (q - mean(q) - h mean(q h)). An RMS norm does not center: its
/// mean is the constant 0, and mean(q) falls out. Adds g h to dweight and g to dbias.
template <class Real>
void norm_backward_row(const Real* g, const Real* x, const Real* weight, Real mean, Real rstd, bool centered, Real* dx,
                       Real* dweight, Real* dbias, int64_t C) {
  using V = Vec<Real>;
  const V m = constant<V>(mean), s = constant<V>(rstd);
  double totals[2];  // of q and q h
  sums<Real>(
      C,
      [=](auto at, V(&terms)[2]) HWY_ATTR {
        terms[0] = weight ? hn::Mul(at(g), at(weight)) : at(g);
        terms[1] = hn::Mul(terms[0], hn::Mul(hn::Sub(at(x), m), s));
      },
      totals);
  const V mean_q = constant<V>(centered ? totals[0] / static_cast<double>(C) : 0);
  const V mean_qh = constant<V>(totals[1] / static_cast<double>(C));
  for_vectors<Real>(C, [=](auto at) HWY_ATTR {
    const V d = at(g), h = hn::Mul(hn::Sub(at(x), m), s);
    const V q = weight ? hn::Mul(d, at(weight)) : d;
    if (dweight) at.store(hn::MulAdd(d, h, at(dweight)), dweight);
    if (dbias) at.store(hn::Add(d, at(dbias)), dbias);
    if (dx) at.store(hn::Mul(s, hn::NegMulAdd(h, mean_qh, hn::Sub(q, mean_q))), dx);
  });
}

auto norm_rows() { return Both{norm_row<float>, norm_row<double>}; }
auto norm_backward_rows() { return Both{norm_backward_row<float>, norm_backward_row<double>}; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(norm_rows);
HWY_EXPORT(norm_backward_rows);

template <class T>
void norm(const T* x, const T* weight, const T* bias, double eps, T* y, T* mean, T* rstd, int64_t rows, int64_t C) {
  const auto row = HWY_DYNAMIC_DISPATCH(norm_rows)().template get<T>();
  for_rows(rows, C,
           [=](int64_t r) { row(x + r * C, weight, bias, eps, y + r * C, mean ? mean + r : nullptr, rstd + r, C); });
}

template <class T>
void norm_backward(const T* g, const T* x, const T* weight, const T* mean, const T* rstd, T* dx, T* dweight, T* dbias,
                   int64_t rows, int64_t C) {
  const auto row = HWY_DYNAMIC_DISPATCH(norm_backward_rows)().template get<T>();
  const auto run = [=](int64_t r, T* dw, T* db) {
    if (all_zero(g + r * C, C)) {
      if (dx) std::fill_n(dx + r * C, C, T(0));
      return;
    }
    row(g + r * C, x + r * C, weight, mean ? mean[r] : T(0), rstd[r], mean != nullptr, dx ? dx + r * C : nullptr, dw,
        db, C);
  };
  if (!dweight && !dbias) return for_rows(rows, C, [=](int64_t r) { run(r, nullptr, nullptr); });
  RowSums<T> sums(rows, 2 * C);  // of dweight and dbias
  const T* total = sums.run([=](int64_t begin, int64_t end, T* partial) {
    std::fill_n(partial, 2 * C, T(0));
    for (int64_t r = begin; r < end; ++r) run(r, dweight ? partial : nullptr, dbias ? partial + C : nullptr);
  });
  if (dweight) std::copy_n(total, C, dweight);
  if (dbias) std::copy_n(total + C, C, dbias);
}

HEED_FOR_BOTH(norm)
HEED_FOR_BOTH(norm_backward)

}  // namespace heed::kernels
#endif

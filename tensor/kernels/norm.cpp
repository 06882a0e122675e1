// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/norm.h>

#include <algorithm>
#include <cmath>

#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/parallel.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels {
namespace HWY_NAMESPACE {

// One row each, as the f64 twins below spell them out.

void normalize_row(const float* x, const float* weight, const float* bias, float mean, float rstd, float* y, size_t C) {
  const V m = constant(mean), s = constant(rstd);
  for_vectors(C, [=](auto at) HWY_ATTR {
    V h = hn::Mul(hn::Sub(at(x), m), s);
    if (weight) h = hn::Mul(h, at(weight));
    if (bias) h = hn::Add(h, at(bias));
    at.store(h, y);
  });
}

void layer_norm_row(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean,
                    float* rstd, size_t C) {
  *mean = static_cast<float>(sum(C, [=](auto at) HWY_ATTR { return at(x); }) / static_cast<double>(C));
  const V m = constant(*mean);
  const double squares = sum(C, [=](auto at) HWY_ATTR {
    const V d = hn::Sub(at(x), m);
    return hn::Mul(d, d);
  });
  *rstd = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(C) + eps));
  normalize_row(x, weight, bias, *mean, *rstd, y, C);
}

void rms_norm_row(const float* x, const float* weight, double eps, float* y, float* rrms, size_t C) {
  const double squares = sum(C, [=](auto at) HWY_ATTR { return hn::Mul(at(x), at(x)); });
  *rrms = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(C) + eps));
  normalize_row(x, weight, nullptr, 0, *rrms, y, C);
}

void norm_backward_row(const float* g, const float* x, const float* weight, float mean, float rstd, bool centered,
                       float* dx, float* dweight, float* dbias, size_t C) {
  const V m = constant(mean), s = constant(rstd);
  double totals[2];  // of q and q h
  sums(
      C,
      [=](auto at, V(&terms)[2]) HWY_ATTR {
        terms[0] = weight ? hn::Mul(at(g), at(weight)) : at(g);
        terms[1] = hn::Mul(terms[0], hn::Mul(hn::Sub(at(x), m), s));
      },
      totals);
  const V mean_q = constant(centered ? static_cast<float>(totals[0] / static_cast<double>(C)) : 0.0f);
  const V mean_qh = constant(static_cast<float>(totals[1] / static_cast<double>(C)));
  for_vectors(C, [=](auto at) HWY_ATTR {
    const V d = at(g), h = hn::Mul(hn::Sub(at(x), m), s);
    const V q = weight ? hn::Mul(d, at(weight)) : d;
    if (dweight) at.store(hn::MulAdd(d, h, at(dweight)), dweight);
    if (dbias) at.store(hn::Add(d, at(dbias)), dbias);
    if (dx) at.store(hn::Mul(s, hn::NegMulAdd(h, mean_qh, hn::Sub(q, mean_q))), dx);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace heed::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(layer_norm_row);
HWY_EXPORT(rms_norm_row);
HWY_EXPORT(norm_backward_row);

void normalize_row(const double* x, const double* weight, const double* bias, double mean, double rstd, double* y,
                   size_t C) {
  for (size_t j = 0; j < C; ++j) y[j] = (x[j] - mean) * rstd * (weight ? weight[j] : 1) + (bias ? bias[j] : 0);
}

void layer_norm_row(const double* x, const double* weight, const double* bias, double eps, double* y, double* mean,
                    double* rstd, size_t C) {
  double total = 0, squares = 0;
  for (size_t j = 0; j < C; ++j) total += x[j];
  *mean = total / static_cast<double>(C);
  for (size_t j = 0; j < C; ++j) squares += (x[j] - *mean) * (x[j] - *mean);
  *rstd = 1 / std::sqrt(squares / static_cast<double>(C) + eps);
  normalize_row(x, weight, bias, *mean, *rstd, y, C);
}

void rms_norm_row(const double* x, const double* weight, double eps, double* y, double* rrms, size_t C) {
  double squares = 0;
  for (size_t j = 0; j < C; ++j) squares += x[j] * x[j];
  *rrms = 1 / std::sqrt(squares / static_cast<double>(C) + eps);
  normalize_row(x, weight, nullptr, 0, *rrms, y, C);
}

/// With h = (x - mean) rstd and q = g weight: dx = rstd (q - mean(q) - h mean(q h)). An RMS norm does not center: its mean
/// is the constant 0, and mean(q) falls out. Adds g h to dweight and g to dbias.
void norm_backward_row(const double* g, const double* x, const double* weight, double mean, double rstd, bool centered,
                       double* dx, double* dweight, double* dbias, size_t C) {
  double q_total = 0, qh_total = 0;
  for (size_t j = 0; j < C; ++j) {
    const double q = g[j] * (weight ? weight[j] : 1);
    q_total += q;
    qh_total += q * (x[j] - mean) * rstd;
  }
  const double mean_q = centered ? q_total / static_cast<double>(C) : 0, mean_qh = qh_total / static_cast<double>(C);
  for (size_t j = 0; j < C; ++j) {
    const double d = g[j], h = (x[j] - mean) * rstd, q = d * (weight ? weight[j] : 1);
    if (dweight) dweight[j] += d * h;
    if (dbias) dbias[j] += d;
    if (dx) dx[j] = rstd * (q - mean_q - h * mean_qh);
  }
}

// And in f32.

void layer_norm_row(const float* x, const float* weight, const float* bias, double eps, float* y, float* mean,
                    float* rstd, size_t C) {
  HWY_DYNAMIC_DISPATCH(layer_norm_row)(x, weight, bias, eps, y, mean, rstd, C);
}

void rms_norm_row(const float* x, const float* weight, double eps, float* y, float* rrms, size_t C) {
  HWY_DYNAMIC_DISPATCH(rms_norm_row)(x, weight, eps, y, rrms, C);
}

void norm_backward_row(const float* g, const float* x, const float* weight, float mean, float rstd, bool centered,
                       float* dx, float* dweight, float* dbias, size_t C) {
  HWY_DYNAMIC_DISPATCH(norm_backward_row)(g, x, weight, mean, rstd, centered, dx, dweight, dbias, C);
}

/// Calls f(row) for every row, in parallel when there are elements enough.
template <class Function>
void for_rows(int64_t rows, int64_t C, Function f) {
  parallel_for(rows, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, C)), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) f(r);
  });
}

/// Both norms' gradients; mean is null for an RMS norm.
template <class T>
void norm_backward(const T* g, const T* x, const T* weight, const T* mean, const T* rstd, T* dx, T* dweight, T* dbias,
                   int64_t rows, int64_t C) {
  const auto run = [=](int64_t r, T* dw, T* db) {
    norm_backward_row(g + r * C, x + r * C, weight, mean ? mean[r] : T(0), rstd[r], mean != nullptr,
                      dx ? dx + r * C : nullptr, dw, db, static_cast<size_t>(C));
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

}  // namespace

template <class T>
void layer_norm(const T* x, const T* weight, const T* bias, double eps, T* y, T* mean, T* rstd, int64_t rows,
                int64_t C) {
  for_rows(rows, C, [=](int64_t r) {
    layer_norm_row(x + r * C, weight, bias, eps, y + r * C, mean + r, rstd + r, static_cast<size_t>(C));
  });
}

template <class T>
void layer_norm_backward(const T* g, const T* x, const T* weight, const T* mean, const T* rstd, T* dx, T* dweight,
                         T* dbias, int64_t rows, int64_t C) {
  norm_backward(g, x, weight, mean, rstd, dx, dweight, dbias, rows, C);
}

template <class T>
void rms_norm(const T* x, const T* weight, double eps, T* y, T* rrms, int64_t rows, int64_t C) {
  for_rows(rows, C,
           [=](int64_t r) { rms_norm_row(x + r * C, weight, eps, y + r * C, rrms + r, static_cast<size_t>(C)); });
}

template <class T>
void rms_norm_backward(const T* g, const T* x, const T* weight, const T* rrms, T* dx, T* dweight, int64_t rows,
                       int64_t C) {
  norm_backward<T>(g, x, weight, nullptr, rrms, dx, dweight, nullptr, rows, C);
}

template void layer_norm(const float*, const float*, const float*, double, float*, float*, float*, int64_t, int64_t);
template void layer_norm(const double*, const double*, const double*, double, double*, double*, double*, int64_t,
                         int64_t);
template void layer_norm_backward(const float*, const float*, const float*, const float*, const float*, float*, float*,
                                  float*, int64_t, int64_t);
template void layer_norm_backward(const double*, const double*, const double*, const double*, const double*, double*,
                                  double*, double*, int64_t, int64_t);
template void rms_norm(const float*, const float*, double, float*, float*, int64_t, int64_t);
template void rms_norm(const double*, const double*, double, double*, double*, int64_t, int64_t);
template void rms_norm_backward(const float*, const float*, const float*, const float*, float*, float*, int64_t,
                                int64_t);
template void rms_norm_backward(const double*, const double*, const double*, const double*, double*, double*, int64_t,
                                int64_t);

}  // namespace heed::kernels
#endif

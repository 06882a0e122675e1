#include "tensor/kernels/norm.h"

#include <algorithm>
#include <cmath>

#include "tensor/parallel.h"

namespace heed::kernels {
namespace {

template <class F>
void for_rows(int64_t rows, int64_t C, F f) {
  parallel_for(rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, C)), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) f(r);
  });
}

template <class T> T at(const T* weight, int64_t j, T absent) { return weight ? weight[j] : absent; }

}  // namespace

template <class T>
void layer_norm(const T* x, const T* weight, const T* bias, double eps, T* y, T* mean, T* rstd, int64_t rows, int64_t C) {
  for_rows(rows, C, [=](int64_t r) {
    const T* a = x + r * C;
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < C; ++j) sum += a[j];
    const double m = sum / double(C);
    for (int64_t j = 0; j < C; ++j) squares += (a[j] - m) * (a[j] - m);
    const double s = 1 / std::sqrt(squares / double(C) + eps);
    for (int64_t j = 0; j < C; ++j) y[r * C + j] = T((a[j] - m) * s) * at(weight, j, T(1)) + at(bias, j, T(0));
    mean[r] = T(m);
    rstd[r] = T(s);
  });
}

template <class T>
void layer_norm_backward(const T* g, const T* x, const T* weight, const T* mean, const T* rstd, T* dx, T* dweight,
                         T* dbias, int64_t rows, int64_t C) {
  for (int64_t j = 0; j < C; ++j) {
    double dw = 0, db = 0;
    for (int64_t r = 0; r < rows; ++r) {
      dw += g[r * C + j] * (x[r * C + j] - mean[r]) * rstd[r];
      db += g[r * C + j];
    }
    if (dweight) dweight[j] = T(dw);
    if (dbias) dbias[j] = T(db);
  }
  if (!dx) return;
  // With h = (x - mean) rstd and q = g weight: dx = rstd (q - mean(q) - h mean(q h)).
  for_rows(rows, C, [=](int64_t r) {
    const T *a = x + r * C, *b = g + r * C;
    double sum = 0, dot = 0;
    for (int64_t j = 0; j < C; ++j) {
      const T q = b[j] * at(weight, j, T(1));
      sum += q;
      dot += q * (a[j] - mean[r]) * rstd[r];
    }
    const T mean_q = T(sum / double(C)), mean_qh = T(dot / double(C));
    for (int64_t j = 0; j < C; ++j)
      dx[r * C + j] = rstd[r] * (b[j] * at(weight, j, T(1)) - mean_q - (a[j] - mean[r]) * rstd[r] * mean_qh);
  });
}

template <class T>
void rms_norm(const T* x, const T* weight, double eps, T* y, T* rrms, int64_t rows, int64_t C) {
  for_rows(rows, C, [=](int64_t r) {
    double squares = 0;
    for (int64_t j = 0; j < C; ++j) squares += double(x[r * C + j]) * x[r * C + j];
    const T s = T(1 / std::sqrt(squares / double(C) + eps));
    for (int64_t j = 0; j < C; ++j) y[r * C + j] = x[r * C + j] * s * at(weight, j, T(1));
    rrms[r] = s;
  });
}

template <class T>
void rms_norm_backward(const T* g, const T* x, const T* weight, const T* rrms, T* dx, T* dweight, int64_t rows,
                       int64_t C) {
  for (int64_t j = 0; dweight && j < C; ++j) {
    double dw = 0;
    for (int64_t r = 0; r < rows; ++r) dw += g[r * C + j] * x[r * C + j] * rrms[r];
    dweight[j] = T(dw);
  }
  if (!dx) return;
  // With h = x rrms and q = g weight: dx = rrms (q - h mean(q h)).
  for_rows(rows, C, [=](int64_t r) {
    double dot = 0;
    for (int64_t j = 0; j < C; ++j) dot += g[r * C + j] * at(weight, j, T(1)) * x[r * C + j] * rrms[r];
    const T mean_qh = T(dot / double(C));
    for (int64_t j = 0; j < C; ++j)
      dx[r * C + j] = rrms[r] * (g[r * C + j] * at(weight, j, T(1)) - x[r * C + j] * rrms[r] * mean_qh);
  });
}

template void layer_norm(const float*, const float*, const float*, double, float*, float*, float*, int64_t, int64_t);
template void layer_norm(const double*, const double*, const double*, double, double*, double*, double*, int64_t, int64_t);
template void layer_norm_backward(const float*, const float*, const float*, const float*, const float*, float*, float*,
                                  float*, int64_t, int64_t);
template void layer_norm_backward(const double*, const double*, const double*, const double*, const double*, double*,
                                  double*, double*, int64_t, int64_t);
template void rms_norm(const float*, const float*, double, float*, float*, int64_t, int64_t);
template void rms_norm(const double*, const double*, double, double*, double*, int64_t, int64_t);
template void rms_norm_backward(const float*, const float*, const float*, const float*, float*, float*, int64_t, int64_t);
template void rms_norm_backward(const double*, const double*, const double*, const double*, double*, double*, int64_t,
                                int64_t);

}  // namespace heed::kernels

#include "tensor/kernels/fused.h"

#include <algorithm>

#include "tensor/kernels/sums.h"
#include "tensor/kernels/unary.h"
#include "tensor/parallel.h"

namespace heed::kernels {
namespace {

constexpr int64_t kGrain = 16384;

int64_t rows_per_range(int64_t n) { return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, n)); }

}  // namespace

template <class T> void add(const T* a, const T* b, T* y, int64_t n) {
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = a[i] + b[i];
  });
}

template <class T> void add_bias(T* x, const T* bias, int64_t rows, int64_t n) {
  parallel_for(rows, rows_per_range(n), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t j = 0; j < n; ++j) x[r * n + j] += bias[j];
  });
}

template <class T> void bias_gelu(T* u, const T* bias, T* y, int64_t rows, int64_t n, bool tanh_form) {
  add_bias(u, bias, rows, n);
  tanh_form ? gelu_tanh(u, y, rows * n) : gelu(u, y, rows * n);
}

template <class T> void bias_gelu_backward(const T* g, const T* u, T* du, T* dbias, int64_t rows, int64_t n, bool tanh_form) {
  tanh_form ? gelu_tanh_backward(g, u, du, rows * n) : gelu_backward(g, u, du, rows * n);
  if (dbias) sum_rows(du, dbias, rows, n);
}

template <class T> void dropout(const T* x, const bool* keep, T scale, T* y, int64_t n) {
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = keep[i] ? x[i] * scale : T(0);
  });
}

template <class T> void gather_rows(const T* weight, const int64_t* index, T* y, int64_t n, int64_t C) {
  parallel_for(n, rows_per_range(C), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) std::copy_n(weight + index[i] * C, C, y + i * C);
  });
}

template <class T> void scatter_add_rows(const T* g, const int64_t* index, T* dweight, int64_t n, int64_t C) {
  // Each thread takes some columns of every row: no two meet, and each adds in the order of i.
  parallel_for(C, std::max<int64_t>(64, kGrain / std::max<int64_t>(1, n)), [=](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < n; ++i) {
      T* to = dweight + index[i] * C;
      for (int64_t j = begin; j < end; ++j) to[j] += g[i * C + j];
    }
  });
}

template void add(const float*, const float*, float*, int64_t);
template void add(const double*, const double*, double*, int64_t);
template void add_bias(float*, const float*, int64_t, int64_t);
template void add_bias(double*, const double*, int64_t, int64_t);
template void bias_gelu(float*, const float*, float*, int64_t, int64_t, bool);
template void bias_gelu(double*, const double*, double*, int64_t, int64_t, bool);
template void bias_gelu_backward(const float*, const float*, float*, float*, int64_t, int64_t, bool);
template void bias_gelu_backward(const double*, const double*, double*, double*, int64_t, int64_t, bool);
template void dropout(const float*, const bool*, float, float*, int64_t);
template void dropout(const double*, const bool*, double, double*, int64_t);
template void gather_rows(const float*, const int64_t*, float*, int64_t, int64_t);
template void gather_rows(const double*, const int64_t*, double*, int64_t, int64_t);
template void scatter_add_rows(const float*, const int64_t*, float*, int64_t, int64_t);
template void scatter_add_rows(const double*, const int64_t*, double*, int64_t, int64_t);

}  // namespace heed::kernels

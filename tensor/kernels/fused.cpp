// Compiled once for each instruction set: the part before HWY_ONCE.
#include "tensor/kernels/fused.h"

#include <algorithm>

#include "tensor/kernels/row_blocks.h"
#include "tensor/kernels/simd_targets.h"
#include "tensor/kernels/unary.h"
#include "tensor/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/fused.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tensor/kernels/gates-inl.h"
#include "tensor/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels {
namespace HWY_NAMESPACE {

void add_part(const float* a, const float* b, float* y, size_t n) {
  map(a, b, y, n, [](V u, V v) HWY_ATTR { return hn::Add(u, v); });
}

/// u += bias and y = gelu(u), for one row.
void bias_gelu_row(float* u, const float* bias, float* y, size_t n, bool tanh_form) {
  const auto run = [=](auto gelu_of) HWY_ATTR {
    for_vectors(n, [=](auto at) HWY_ATTR {
      const V v = hn::Add(at(u), at(bias));
      at.store(v, u);
      at.store(gelu_of(v), y);
    });
  };
  if (tanh_form) run([](V v) HWY_ATTR { return gelu_tanh(v); });
  else run([](V v) HWY_ATTR { return gelu(v); });
}

/// du = g gelu'(u), and dbias += du, for one row.
void bias_gelu_backward_row(const float* g, const float* u, float* du, float* dbias, size_t n, bool tanh_form) {
  const auto run = [=](auto slope_of) HWY_ATTR {
    for_vectors(n, [=](auto at) HWY_ATTR {
      const V d = hn::Mul(at(g), slope_of(at(u)));
      at.store(d, du);
      at.store(hn::Add(d, at(dbias)), dbias);
    });
  };
  if (tanh_form) run([](V v) HWY_ATTR { return gelu_tanh_slope(v); });
  else run([](V v) HWY_ATTR { return gelu_slope(v); });
}

void dropout_part(const float* x, const bool* keep, float scale, float* y, size_t n) {
  const hn::Rebind<uint8_t, F> bytes;
  const V factor = constant(scale);
  const size_t lanes = hn::Lanes(F());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto kept = hn::PromoteTo(I(), hn::LoadU(bytes, reinterpret_cast<const uint8_t*>(keep) + i));
    const Whole at{i};
    at.store(hn::IfThenElseZero(hn::RebindMask(F(), hn::Ne(kept, hn::Zero(I()))), hn::Mul(at(x), factor)), y);
  }
  for (; i < n; ++i) y[i] = keep[i] ? x[i] * scale : 0.0f;
}

/// For each i in order: row index[i] of y += row i of g, columns begin .. end of C.
void scatter_add_columns(const float* g, const int64_t* index, float* y, int64_t n, int64_t C, int64_t begin, int64_t end) {
  for (int64_t i = 0; i < n; ++i) {
    float* to = y + index[i] * C + begin;
    add_part(to, g + i * C + begin, to, static_cast<size_t>(end - begin));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace heed::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(add_part);
HWY_EXPORT(bias_gelu_row);
HWY_EXPORT(bias_gelu_backward_row);
HWY_EXPORT(dropout_part);
HWY_EXPORT(scatter_add_columns);

constexpr int64_t kGrain = 32768;  // elements of arithmetic as cheap as a sum, some 4 us

int64_t rows_per_range(int64_t n, int64_t grain = kGrain) { return std::max<int64_t>(1, grain / std::max<int64_t>(1, n)); }

void add_part(const double* a, const double* b, double* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
}

void bias_gelu_row(double* u, const double* bias, double* y, size_t n, bool tanh_form) {
  add_part(u, bias, u, n);
  tanh_form ? gelu_tanh(u, y, static_cast<int64_t>(n)) : gelu(u, y, static_cast<int64_t>(n));
}

void bias_gelu_backward_row(const double* g, const double* u, double* du, double* dbias, size_t n, bool tanh_form) {
  tanh_form ? gelu_tanh_backward(g, u, du, static_cast<int64_t>(n)) : gelu_backward(g, u, du, static_cast<int64_t>(n));
  add_part(dbias, du, dbias, n);
}

void dropout_part(const double* x, const bool* keep, double scale, double* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = keep[i] ? x[i] * scale : 0.0;
}

void scatter_add_columns(const double* g, const int64_t* index, double* y, int64_t n, int64_t C, int64_t begin, int64_t end) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = begin; j < end; ++j) y[index[i] * C + j] += g[i * C + j];
}

// And in f32.

void add_part(const float* a, const float* b, float* y, size_t n) { HWY_DYNAMIC_DISPATCH(add_part)(a, b, y, n); }
void bias_gelu_row(float* u, const float* bias, float* y, size_t n, bool tanh_form) {
  HWY_DYNAMIC_DISPATCH(bias_gelu_row)(u, bias, y, n, tanh_form);
}
void bias_gelu_backward_row(const float* g, const float* u, float* du, float* dbias, size_t n, bool tanh_form) {
  HWY_DYNAMIC_DISPATCH(bias_gelu_backward_row)(g, u, du, dbias, n, tanh_form);
}
void dropout_part(const float* x, const bool* keep, float scale, float* y, size_t n) {
  HWY_DYNAMIC_DISPATCH(dropout_part)(x, keep, scale, y, n);
}
void scatter_add_columns(const float* g, const int64_t* index, float* y, int64_t n, int64_t C, int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(scatter_add_columns)(g, index, y, n, C, begin, end);
}

}  // namespace

template <class T> void add(const T* a, const T* b, T* y, int64_t n) {
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) {
    add_part(a + begin, b + begin, y + begin, static_cast<size_t>(end - begin));
  });
}

template <class T> void add_bias(T* x, const T* bias, int64_t rows, int64_t n) {
  parallel_for(rows, rows_per_range(n), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) add_part(x + r * n, bias, x + r * n, static_cast<size_t>(n));
  });
}

template <class T> void bias_gelu(T* u, const T* bias, T* y, int64_t rows, int64_t n, bool tanh_form) {
  parallel_for(rows, rows_per_range(n, kGrain / 2), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) bias_gelu_row(u + r * n, bias, y + r * n, static_cast<size_t>(n), tanh_form);
  });
}

template <class T> void bias_gelu_backward(const T* g, const T* u, T* du, T* dbias, int64_t rows, int64_t n, bool tanh_form) {
  if (!dbias) return tanh_form ? gelu_tanh_backward(g, u, du, rows * n) : gelu_backward(g, u, du, rows * n);
  RowSums<T> sums(rows, n);
  const T* total = sums.run([=](int64_t begin, int64_t end, T* partial) {
    std::fill_n(partial, n, T(0));
    for (int64_t r = begin; r < end; ++r)
      bias_gelu_backward_row(g + r * n, u + r * n, du + r * n, partial, static_cast<size_t>(n), tanh_form);
  });
  std::copy_n(total, n, dbias);
}

template <class T> void dropout(const T* x, const bool* keep, T scale, T* y, int64_t n) {
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) {
    dropout_part(x + begin, keep + begin, scale, y + begin, static_cast<size_t>(end - begin));
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
    scatter_add_columns(g, index, dweight, n, C, begin, end);
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
#endif

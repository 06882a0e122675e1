// Compiled once for each instruction set: the part before HWY_ONCE.
#include <heed/tensor/kernels/fused.h>

#include <algorithm>

#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/parallel.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/fused.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <heed/tensor/kernels/simd-inl.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels {
namespace HWY_NAMESPACE {

void add_part(const float* a, const float* b, float* y, size_t n) {
  map(a, b, y, n, [](V u, V v) HWY_ATTR { return hn::Add(u, v); });
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

}  // namespace HWY_NAMESPACE
}  // namespace heed::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(add_part);
HWY_EXPORT(dropout_part);

constexpr int64_t kGrain = 32768;  // elements of arithmetic as cheap as a sum, some 4 us

void add_part(const double* a, const double* b, double* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
}

void dropout_part(const double* x, const bool* keep, double scale, double* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = keep[i] ? x[i] * scale : 0.0;
}

// And in f32.

void add_part(const float* a, const float* b, float* y, size_t n) { HWY_DYNAMIC_DISPATCH(add_part)(a, b, y, n); }
void dropout_part(const float* x, const bool* keep, float scale, float* y, size_t n) {
  HWY_DYNAMIC_DISPATCH(dropout_part)(x, keep, scale, y, n);
}

}  // namespace

template <class T>
void add_bias(T* x, const T* bias, int64_t rows, int64_t n) {
  parallel_for(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, n)), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) add_part(x + r * n, bias, x + r * n, static_cast<size_t>(n));
  });
}

template <class T>
void dropout(const T* x, const bool* keep, T scale, T* y, int64_t n) {
  parallel_for(n, kGrain, [=](int64_t begin, int64_t end) {
    dropout_part(x + begin, keep + begin, scale, y + begin, static_cast<size_t>(end - begin));
  });
}

template void add_bias(float*, const float*, int64_t, int64_t);
template void add_bias(double*, const double*, int64_t, int64_t);
template void dropout(const float*, const bool*, float, float*, int64_t);
template void dropout(const double*, const bool*, double, double*, int64_t);

}  // namespace heed::kernels
#endif

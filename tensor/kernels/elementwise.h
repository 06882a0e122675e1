// Maps over one, two or three tensors, any strides in, contiguous out.
#pragma once

#include <algorithm>
#include <concepts>

#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/nest.h>

namespace heed::kernels {

/// Whether elements along the innermost axis lie a line of cache apart each, and another axis has them side by side: a
/// copy, which goes by blocks, costs less than reading them so.
inline bool crosses_lines(const Tensor& x, int64_t inner_stride) {
  constexpr int64_t kFar = 16;
  return inner_stride >= kFar && std::ranges::count(x.strides(), 1) > 0 && std::ranges::count(x.strides(), 0) == 0;
}

/// f of one number or two, which of integers wraps around.
constexpr auto wrapping(auto f) {
  return [f]<class T>(T a, std::same_as<T> auto... b) -> T {
    if constexpr (std::is_same_v<T, int64_t>)
      return static_cast<T>(f(static_cast<uint64_t>(a), static_cast<uint64_t>(b)...));
    else return f(a, b...);
  };
}

/// y[i] = f(x[i]): a contiguous tensor of elements of type Out.
template <class In, class Out, class F>
Tensor map_as(const Tensor& x, F f) {
  Tensor y = empty(x.shape(), dtype_of<Out>());
  Out* out = y.mutable_data<Out>();
  const In* in = x.data<In>();
  const Nest<2> nest(x.shape(), {&y.strides(), &x.strides()});
  const int64_t step = nest.inner_stride(1);
  if (crosses_lines(x, step)) return map_as<In, Out>(copy(x), f);
  nest.for_runs([&](const std::array<int64_t, 2>& at, int64_t n) {
    Out* po = out + at[0];
    const In* pi = in + at[1];
    if (step == 1)
      for (int64_t i = 0; i < n; ++i) po[i] = static_cast<Out>(f(pi[i]));
    else
      for (int64_t i = 0; i < n; ++i) po[i] = static_cast<Out>(f(pi[i * step]));
  });
  return y;
}

/// y[i] = f(a[i], b[i]); equal shapes.
template <class In, class Out, class F>
Tensor map2_as(const Tensor& a, const Tensor& b, F f) {
  Tensor y = empty(a.shape(), dtype_of<Out>());
  Out* out = y.mutable_data<Out>();
  const In *pa0 = a.data<In>(), *pb0 = b.data<In>();
  const Nest<3> nest(a.shape(), {&y.strides(), &a.strides(), &b.strides()});
  const int64_t sa = nest.inner_stride(1), sb = nest.inner_stride(2);
  if (const bool ca = crosses_lines(a, sa), cb = crosses_lines(b, sb); ca || cb)
    return map2_as<In, Out>(ca ? copy(a) : a, cb ? copy(b) : b, f);
  nest.for_runs([&](const std::array<int64_t, 3>& at, int64_t n) {
    Out* po = out + at[0];
    const In *pa = pa0 + at[1], *pb = pb0 + at[2];
    if (sa == 1 && sb == 1)
      for (int64_t i = 0; i < n; ++i) po[i] = static_cast<Out>(f(pa[i], pb[i]));
    else if (sa == 1 && sb == 0)
      for (int64_t i = 0; i < n; ++i) po[i] = static_cast<Out>(f(pa[i], pb[0]));
    else if (sa == 0 && sb == 1)
      for (int64_t i = 0; i < n; ++i) po[i] = static_cast<Out>(f(pa[0], pb[i]));
    else
      for (int64_t i = 0; i < n; ++i) po[i] = static_cast<Out>(f(pa[i * sa], pb[i * sb]));
  });
  return y;
}

/// f over f32 or f64.
template <class F>
Tensor map(const Tensor& x, F f) {
  return dispatch_floating(x.dtype(), [&]<class T>() { return map_as<T, T>(x, f); });
}
template <class F>
Tensor map2(const Tensor& a, const Tensor& b, F f) {
  return dispatch_floating(a.dtype(), [&]<class T>() { return map2_as<T, T>(a, b, f); });
}

/// f over f32, f64 or i64.
template <class F>
Tensor map_numbers(const Tensor& x, F f) {
  return x.dtype() == i64 ? map_as<int64_t, int64_t>(x, f) : map(x, f);
}
template <class F>
Tensor map2_numbers(const Tensor& a, const Tensor& b, F f) {
  return a.dtype() == i64 ? map2_as<int64_t, int64_t>(a, b, f) : map2(a, b, f);
}

/// boolean results over any dtype.
template <class F>
Tensor compare(const Tensor& a, const Tensor& b, F f) {
  return dispatch(a.dtype(), [&]<class T>() { return map2_as<T, bool>(a, b, f); });
}

/// condition[i] ? a[i] : b[i], any dtype; equal shapes.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);

}  // namespace heed::kernels

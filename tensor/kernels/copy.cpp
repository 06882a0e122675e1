#include <heed/tensor/kernels/copy.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <heed/tensor/kernels/elementwise.h>

namespace heed::kernels {

Tensor copy(const Tensor& x) {
  Tensor y = empty(x.shape(), x.dtype());
  copy_into(x, y);
  return y;
}

Tensor contiguous(const Tensor& x) {
  if (!x.is_contiguous()) return copy(x);
  Tensor y = x;
  y.set_node(nullptr);
  return y;
}

namespace {

/// f(to, from, n, to's step, from's step) over runs of y and x.
template <class T, class F>
void for_pairs(const Tensor& x, Tensor& y, F f) {
  const T* in = x.data<T>();
  T* out = y.mutable_data<T>();
  const Nest<2> nest(x.shape(), {y.strides(), x.strides()});
  nest.for_runs([&, to = nest.inner_stride(0), from = nest.inner_stride(1)](const auto& at, int64_t n) {
    f(out + at[0], in + at[1], n, to, from);
  });
}

}  // namespace

void copy_into(const Tensor& x, Tensor y) {
  dispatch(x.dtype(), [&]<class T>() {
    for_pairs<T>(x, y, [](T* po, const T* pi, int64_t n, int64_t to, int64_t from) {
      if (to == 1 && from == 1) std::memcpy(po, pi, static_cast<size_t>(n) * sizeof(T));
      else
        for (int64_t i = 0; i < n; ++i) po[i * to] = pi[i * from];
    });
  });
}

void add_into(const Tensor& x, Tensor y) {
  dispatch_floating(x.dtype(), [&]<class T>() {
    for_pairs<T>(x, y, [](T* po, const T* pi, int64_t n, int64_t to, int64_t from) {
      if (to == 1 && from == 1)
        for (int64_t i = 0; i < n; ++i) po[i] += pi[i];
      else
        for (int64_t i = 0; i < n; ++i) po[i * to] += pi[i * from];
    });
  });
}

Tensor cast(const Tensor& x, DType dtype) {
  return dispatch(x.dtype(), [&]<class In>() {
    return dispatch(dtype, [&]<class Out>() { return map_as<In, Out>(x, [](In v) { return static_cast<Out>(v); }); });
  });
}

void fill(Tensor y, double value) {
  dispatch(y.dtype(), [&]<class T>() {
    T* out = y.mutable_data<T>();
    const T v = static_cast<T>(value);
    const Nest<1> nest(y.shape(), {y.strides()});
    const int64_t step = nest.inner_stride(0);
    nest.for_runs([&](const std::array<int64_t, 1>& at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) out[at[0] + i * step] = v;
    });
  });
}

namespace {

/// first ? a : b by masks, not by a branch that a random condition would mislead.
template <class T>
T choose_bits(bool first, T a, T b) {
  using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint8_t>>;
  const Bits mask = static_cast<Bits>(Bits(0) - Bits(first));
  return std::bit_cast<T>(static_cast<Bits>((std::bit_cast<Bits>(a) & mask) | (std::bit_cast<Bits>(b) & ~mask)));
}

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  Tensor y = empty(a.shape(), a.dtype());
  dispatch(a.dtype(), [&]<class T>() {
    T* out = y.mutable_data<T>();
    const bool* pc = condition.data<bool>();
    const T *pa = a.data<T>(), *pb = b.data<T>();
    const Nest<4> nest(a.shape(), {y.strides(), condition.strides(), a.strides(), b.strides()});
    const int64_t sc = nest.inner_stride(1), sa = nest.inner_stride(2), sb = nest.inner_stride(3);
    nest.for_runs([=](const std::array<int64_t, 4>& at, int64_t n) {
      T* po = out + at[0];
      const auto choose = [=](int64_t step_a, int64_t step_b, int64_t step_c) {
        for (int64_t i = 0; i < n; ++i)
          po[i] = choose_bits(pc[at[1] + i * step_c], pa[at[2] + i * step_a], pb[at[3] + i * step_b]);
      };
      if (sa == 1 && sb == 1 && sc == 1) choose(1, 1, 1);
      else if (sa == 0 && sb == 1 && sc == 1) choose(0, 1, 1);
      else if (sa == 1 && sb == 0 && sc == 1) choose(1, 0, 1);
      else choose(sa, sb, sc);
    });
  });
  return y;
}

}  // namespace heed::kernels

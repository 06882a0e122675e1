#include <heed/tensor/kernels/copy.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include <heed/tensor/kernels/elementwise.h>
#include <heed/tensor/parallel.h>

namespace heed::kernels {
namespace {

/// v as an Out. NaN and what an i64 cannot hold give its lowest number, as x86 has it and C++ leaves open.
template <class Out, class In>
Out converted(In v) {
  if constexpr (std::is_floating_point_v<In> && std::is_same_v<Out, int64_t>)
    if (!(v >= In(-0x1p63) && v < In(0x1p63))) return std::numeric_limits<int64_t>::min();
  return static_cast<Out>(v);
}

}  // namespace

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
  const Nest<2> nest(x.shape(), {&y.strides(), &x.strides()});
  nest.for_runs([&, to = nest.inner_stride(0), from = nest.inner_stride(1)](const auto& at, int64_t n) {
    f(out + at[0], in + at[1], n, to, from);
  });
}

template <size_t bytes>
using Bits = std::conditional_t<bytes == 8, uint64_t, std::conditional_t<bytes == 4, uint32_t, uint8_t>>;

/// Of two vectors of 16 bytes, the lower halves or the upper ones, number by number in turn.
template <bool upper, class V>
V interleave(V a, V b) {
  if constexpr (sizeof(a[0]) == 8)
    return upper ? __builtin_shufflevector(a, b, 1, 3) : __builtin_shufflevector(a, b, 0, 2);
  else return upper ? __builtin_shufflevector(a, b, 2, 6, 3, 7) : __builtin_shufflevector(a, b, 0, 4, 1, 5);
}

/// A square of 16 bytes by 16, from rows of x to columns of y.
template <class T>
void transpose_square(const T* x, int64_t x_step, T* y, int64_t y_step) {
  using V [[gnu::vector_size(16)]] = T;
  using Pairs [[gnu::vector_size(16)]] = uint64_t;
  constexpr int64_t kSide = 16 / sizeof(T);
  V rows[kSide], columns[kSide];
  for (int64_t i = 0; i < kSide; ++i) std::memcpy(&rows[i], x + i * x_step, 16);
  if constexpr (sizeof(T) == 1) {
    for (int64_t i = 0; i < kSide; ++i)
      for (int64_t j = 0; j < kSide; ++j) columns[j][i] = rows[i][j];
  } else if constexpr (sizeof(T) == 8) {
    columns[0] = interleave<false>(rows[0], rows[1]), columns[1] = interleave<true>(rows[0], rows[1]);
  } else {
    const auto low = std::bit_cast<Pairs>(interleave<false>(rows[0], rows[1]));
    const auto high = std::bit_cast<Pairs>(interleave<true>(rows[0], rows[1]));
    const auto low2 = std::bit_cast<Pairs>(interleave<false>(rows[2], rows[3]));
    const auto high2 = std::bit_cast<Pairs>(interleave<true>(rows[2], rows[3]));
    columns[0] = std::bit_cast<V>(interleave<false>(low, low2));
    columns[1] = std::bit_cast<V>(interleave<true>(low, low2));
    columns[2] = std::bit_cast<V>(interleave<false>(high, high2));
    columns[3] = std::bit_cast<V>(interleave<true>(high, high2));
  }
  for (int64_t j = 0; j < kSide; ++j) std::memcpy(y + j * y_step, &columns[j], 16);
}

/// A matrix whose rows lie close in x, as one whose columns lie close in y. In tiles, so that each line of the cache
/// is read and written once.
template <class T>
void transpose(const T* x, int64_t x_step, T* y, int64_t y_step, int64_t rows, int64_t columns) {
  constexpr int64_t kSide = 16 / sizeof(T), kTile = 16;
  const int64_t whole_rows = rows / kSide * kSide, whole_columns = columns / kSide * kSide;
  for (int64_t j0 = 0; j0 < columns; j0 += kTile)
    for (int64_t i0 = 0; i0 < rows; i0 += kTile) {
      const int64_t i_end = std::min(i0 + kTile, rows), j_end = std::min(j0 + kTile, columns);
      for (int64_t j = j0; j < std::min(j_end, whole_columns); j += kSide)
        for (int64_t i = i0; i < std::min(i_end, whole_rows); i += kSide)
          transpose_square(x + i * x_step + j, x_step, y + j * y_step + i, y_step);
      for (int64_t j = j0; j < j_end; ++j)
        for (int64_t i = j < whole_columns ? std::max(i0, whole_rows) : i0; i < i_end; ++i)
          y[j * y_step + i] = x[i * x_step + j];
    }
}

/// The axis along which x lies close, where y lies close along the last one instead: there a walk by y's rows would
/// read a line of the cache for every number.
std::optional<int> crossed_axis(const Nest<2>& nest) {
  if (nest.inner_stride(0) != 1 || nest.inner_stride(1) == 1) return {};
  for (int axis = 0; axis < nest.rank - 1; ++axis)
    if (nest.strides[1][size_t(axis)] == 1) return axis;
  return {};
}

template <class T>
void copy_crossed(const T* x, T* y, const Nest<2>& nest, int crossed) {
  constexpr int64_t kStrip = 64;  // columns of one task
  const int64_t columns = nest.sizes[size_t(crossed)], y_step = nest.strides[0][size_t(crossed)];
  const int64_t rows = nest.inner(), x_step = nest.inner_stride(1);
  Nest<2> others = nest;  // the matrices: both axes of a matrix are walked inside
  others.sizes[size_t(crossed)] = 1;
  const int64_t strips = (columns + kStrip - 1) / kStrip;
  for_rows(others.rows() * strips, rows * std::min(columns, kStrip), [&](int64_t i) {
    others.for_rows(i / strips, i / strips + 1, [&](const std::array<int64_t, 2>& at, int64_t) {
      const int64_t first = i % strips * kStrip;
      transpose(x + at[1] + first, x_step, y + at[0] + first * y_step, y_step, rows, std::min(kStrip, columns - first));
    });
  });
}

}  // namespace

void copy_into(const Tensor& x, Tensor y) {
  if (x.numel() == 0) return;
  dispatch(x.dtype(), [&]<class T>() {
    if (const Nest<2> nest(x.shape(), {&y.strides(), &x.strides()}); const auto crossed = crossed_axis(nest)) {
      using B = Bits<sizeof(T)>;
      return copy_crossed(reinterpret_cast<const B*>(x.data<T>()), reinterpret_cast<B*>(y.mutable_data<T>()), nest,
                          *crossed);
    }
    for_pairs<T>(x, y, [](T* po, const T* pi, int64_t n, int64_t to, int64_t from) {
      if (to == 1 && from == 1) std::memcpy(po, pi, static_cast<size_t>(n) * sizeof(T));
      else if (to == 1 && from == -1) std::reverse_copy(pi - (n - 1), pi + 1, po);
      else
        for (int64_t i = 0; i < n; ++i) po[i * to] = pi[i * from];
    });
  });
}

Tensor flip(const Tensor& x, int axis) {
  Strides backwards = x.strides();
  const int64_t last = std::max<int64_t>(x.shape()[axis] - 1, 0) * backwards[axis];
  backwards[axis] = -backwards[axis];
  return copy(Tensor(x.storage(), x.shape(), backwards, x.offset() + last, x.dtype()));
}

void add_into(const Tensor& x, Tensor& y) {
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
    return dispatch(dtype, [&]<class Out>() { return map_as<In, Out>(x, [](In v) { return converted<Out>(v); }); });
  });
}

void fill(Tensor& y, Scalar value) {
  dispatch(y.dtype(), [&]<class T>() {
    T* out = y.mutable_data<T>();
    const T v =
        std::is_same_v<T, int64_t> && value.is_integer ? static_cast<T>(value.integer) : converted<T>(value.value);
    const Nest<1> nest(y.shape(), {&y.strides()});
    const int64_t step = nest.inner_stride(0);
    const bool zeros = step == 1 && value.value == 0 && !std::signbit(value.value);
    nest.for_runs([&](const std::array<int64_t, 1>& at, int64_t n) {
      if (zeros) std::memset(out + at[0], 0, static_cast<size_t>(n) * sizeof(T));
      else
        for (int64_t i = 0; i < n; ++i) out[at[0] + i * step] = v;
    });
  });
}

namespace {

/// first ? a : b by masks, not by a branch that a random condition would mislead; of a byte, as GCC makes no vectors of
/// bool.
template <class T>
T choose_bits(uint8_t first, T a, T b) {
  using B = Bits<sizeof(T)>;
  const B mask = static_cast<B>(B(0) - B(first));
  return std::bit_cast<T>(static_cast<B>((std::bit_cast<B>(a) & mask) | (std::bit_cast<B>(b) & ~mask)));
}

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  Tensor y = empty(a.shape(), a.dtype());
  const Nest<4> nest(a.shape(), {&y.strides(), &condition.strides(), &a.strides(), &b.strides()});
  const int64_t sc = nest.inner_stride(1), sa = nest.inner_stride(2), sb = nest.inner_stride(3);
  if (const bool cc = crosses_lines(condition, sc), ca = crosses_lines(a, sa), cb = crosses_lines(b, sb); cc | ca | cb)
    return where(cc ? copy(condition) : condition, ca ? copy(a) : a, cb ? copy(b) : b);
  dispatch(a.dtype(), [&]<class T>() {
    T* out = y.mutable_data<T>();
    const auto* pc = reinterpret_cast<const uint8_t*>(condition.data<bool>());
    const T *pa = a.data<T>(), *pb = b.data<T>();
    nest.for_runs([=](const std::array<int64_t, 4>& at, int64_t n) {
      T* po = out + at[0];
      const auto choose = [=](int64_t step_a, int64_t step_b, int64_t step_c) {
        for (int64_t i = 0; i < n; ++i)
          po[i] = choose_bits(pc[at[1] + i * step_c], pa[at[2] + i * step_a], pb[at[3] + i * step_b]);
      };
      if (sc == 0 && (pc[at[1]] ? sa : sb) == 1) std::copy_n(pc[at[1]] ? pa + at[2] : pb + at[3], n, po);
      else if (sa == 1 && sb == 1 && sc == 1) choose(1, 1, 1);
      else if (sa == 0 && sb == 1 && sc == 1) choose(0, 1, 1);
      else if (sa == 1 && sb == 0 && sc == 1) choose(1, 0, 1);
      else choose(sa, sb, sc);
    });
  });
  return y;
}

}  // namespace heed::kernels

// Compiled once for each instruction set: the part before HWY_ONCE. Its loops are plain, for the compiler's vectors.
#include <heed/tensor/kernels/reduce.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

#include <heed/tensor/kernels/binary.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/elementwise.h>
#include <heed/tensor/kernels/nest.h>
#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/parallel.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/reduce.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// The same elements with the kept axes first and the reduced ones last.
struct Split {
  Shape kept, reduced;
  Strides kept_strides, reduced_strides;

  Split(const Tensor& x, const Shape& axes) {
    for (int i = 0, k = 0; i < x.rank(); ++i) {
      const bool is_reduced = k < axes.rank() && axes[k] == i;
      (is_reduced ? reduced : kept).push_back(x.shape()[i]);
      (is_reduced ? reduced_strides : kept_strides).push_back(x.strides()[i]);
      k += is_reduced;
    }
  }
};

// Independent accumulators, which the compiler keeps in vectors: sums, and those of powers in f64, add in this many
// chains; where the order is all one, as of a maximum, more of them hide how long each takes.
constexpr int kSums = 8, kPowers = 16, kExtremes = 32;

/// f64 for floating numbers, else i64: what sums and products are made in.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;

/// What a reduction begins with, what it takes of an element, and how it puts two together.
template <class Acc, class Of, class Combine>
struct Fold {
  using Result = Acc;
  Acc initial;
  Of of;
  Combine combine;
};
template <class Acc, class Of, class Combine>
Fold(Acc, Of, Combine) -> Fold<Acc, Of, Combine>;

/// One row, in an order that depends on n alone.
template <int kLanes, class T, class F>
typename F::Result reduce_row(const T* x, int64_t n, int64_t stride, F fold) {
  using Acc = typename F::Result;
  Acc acc = fold.initial;
  if (stride != 1 || n < 2 * kLanes) {
    for (int64_t i = 0; i < n; ++i) acc = fold.combine(acc, fold.of(x[i * stride]));
    return acc;
  }
  Acc lanes[kLanes];
  for (Acc& lane : lanes) lane = fold.initial;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int l = 0; l < kLanes; ++l) lanes[l] = fold.combine(lanes[l], fold.of(x[i + l]));
  for (const Acc& lane : lanes) acc = fold.combine(acc, lane);
  for (; i < n; ++i) acc = fold.combine(acc, fold.of(x[i]));
  return acc;
}

/// Each kept element for itself: right where the reduced axes lie close in memory.
template <int kLanes, class T, class Out, class F>
void reduce_rows(const T* x, Out* out, const Nest<1>& kept, const Nest<1>& reduced, F fold) {
  using Acc = typename F::Result;
  const int64_t inner = kept.inner(), step = kept.inner_stride(0);
  const int64_t n = reduced.inner(), stride = reduced.inner_stride(0), reduced_rows = reduced.rows();
  const auto one = [=, &reduced](const T* px) {
    if (reduced_rows == 1) return reduce_row<kLanes>(px, n, stride, fold);
    Acc acc = fold.initial;
    reduced.for_rows(0, reduced_rows, [&](const std::array<int64_t, 1>& at, int64_t) {
      acc = fold.combine(acc, reduce_row<kLanes>(px + at[0], n, stride, fold));
    });
    return acc;
  };
  const int64_t blocks = (n + kGrain - 1) / kGrain;
  if (kept.rows() * inner * reduced_rows == 1 && blocks > 1) {  // one row to one number: by blocks, cut by n alone
    const auto partial = std::make_unique<Acc[]>(size_t(blocks));
    for_rows(blocks, kGrain, [&](int64_t i) {
      partial[size_t(i)] = reduce_row<kLanes>(x + i * kGrain * stride, std::min(kGrain, n - i * kGrain), stride, fold);
    });
    Acc acc = fold.initial;
    for (int64_t i = 0; i < blocks; ++i) acc = fold.combine(acc, partial[size_t(i)]);
    out[0] = static_cast<Out>(acc);
    return;
  }
  parallel_for(kept.rows() * inner, row_grain(reduced_rows * n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      const int64_t first = i % inner, last = std::min(inner, first + end - i);
      Out* po = out + i - first;
      kept.for_rows(i / inner, i / inner + 1, [=, &one](const std::array<int64_t, 1>& at, int64_t) {
        for (int64_t j = first; j < last; ++j) po[j] = static_cast<Out>(one(x + at[0] + j * step));
      });
      i += last - first;
    }
  });
}

/// acc[j], with n rows of `width` elements.
template <class Acc, class T, class F>
void reduce_block(const T* x, int64_t n, int64_t stride, Acc* __restrict acc, int64_t width, F fold) {
  for (int64_t i = 0; i < n; ++i, x += stride)
    for (int64_t j = 0; j < width; ++j) acc[j] = fold.combine(acc[j], fold.of(x[j]));
}

/// Blocks of neighbouring kept elements together: right where the kept axes lie close in memory (sums over leading
/// axes).
template <class T, class Out, class F>
void reduce_columns(const T* x, Out* out, const Nest<1>& kept, const Nest<1>& reduced, F fold) {
  constexpr int64_t kBlock = 128;
  const int64_t inner = kept.inner(), blocks = (inner + kBlock - 1) / kBlock;
  const int64_t n = reduced.inner(), stride = reduced.inner_stride(0), reduced_rows = reduced.rows();
  for_rows(kept.rows() * blocks, kBlock * reduced_rows * n, [&](int64_t i) {
    const int64_t row = i / blocks, first = (i % blocks) * kBlock, width = std::min(kBlock, inner - first);
    typename F::Result acc[kBlock];
    for (int64_t j = 0; j < width; ++j) acc[j] = fold.initial;
    kept.for_rows(row, row + 1, [&](const std::array<int64_t, 1>& base, int64_t) {
      reduced.for_rows(0, reduced_rows, [=, &base, &acc](const std::array<int64_t, 1>& at, int64_t) {
        reduce_block(x + base[0] + first + at[0], n, stride, acc, width, fold);
      });
    });
    for (int64_t j = 0; j < width; ++j) out[row * inner + first + j] = static_cast<Out>(acc[j]);
  });
}

template <int kLanes, class T, class Out, class F>
void reduce(const Tensor& x, Out* out, const Shape& axes, F fold) {
  const Split split(x, axes);
  if (split.kept.numel() == 0) return;
  if (split.reduced.numel() == 0) {
    for (int64_t i = 0; i < split.kept.numel(); ++i) out[i] = static_cast<Out>(fold.initial);
    return;
  }
  const Nest<1> kept(split.kept, {&split.kept_strides});
  const Nest<1> reduced(split.reduced, {&split.reduced_strides});
  const bool columns = kept.inner_stride(0) == 1 && kept.inner() > 1 && reduced.inner_stride(0) != 1;
  if (columns) reduce_columns(x.data<T>(), out, kept, reduced, fold);
  else reduce_rows<kLanes>(x.data<T>(), out, kept, reduced, fold);
}

/// The one of two numbers that is less by `less`, or a NaN.
template <class Less>
auto extreme_of(Less less) {
  return [less](auto a, auto b) { return ((a != a) | less(a, b)) ? a : b; };  // |: no branch
}

/// From what every number is at least as extreme as.
template <class T, class Less>
auto extreme_fold(Less less) {
  using Limits = std::numeric_limits<T>;
  const T high = Limits::has_infinity ? Limits::infinity() : Limits::max();
  const T low = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  return Fold{less(T(0), T(1)) ? high : low, [](T v) { return v; }, extreme_of(less)};
}

template <class Less>
Tensor extreme(const Tensor& x, const Shape& axes, bool keepdim, Less less) {
  Tensor y = empty(reduced_shape(x.shape(), axes, keepdim), x.dtype());
  dispatch(x.dtype(), [&]<class T>() { reduce<kExtremes, T>(x, y.mutable_data<T>(), axes, extreme_fold<T>(less)); });
  return y;
}

/// The first of n numbers that is `best`, where that is one of them; the first NaN if it is NaN.
template <class T>
int64_t first_place(const T* x, int64_t n, T best) {
  constexpr int64_t kBlock = 64;  // without a branch inside, so that the compiler compares whole vectors
  const auto is_it = [best](T v) { return (v == best) | ((v != v) & (best != best)); };
  int64_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    int found = 0;
    for (int64_t k = 0; k < kBlock; ++k) found |= is_it(x[i + k]);
    if (found) break;
  }
  while (i < n && !is_it(x[i])) ++i;
  return i;
}

/// The places of the extremes of `width` neighbouring columns.
template <class T, class Less>
void first_places(const T* x, int64_t n, int64_t stride, int64_t* place, int64_t width, Less less) {
  std::fill_n(place, width, 0);
  for (int64_t i = 1; i < n; ++i)
    for (int64_t j = 0; j < width; ++j) {
      const T v = x[i * stride + j], top = x[place[j] * stride + j];
      if (top == top && (v != v || less(v, top))) place[j] = i;
    }
}

template <class Less>
Tensor arg_extreme(const Tensor& x, int axis, bool keepdim, Less less) {
  Tensor y = empty(reduced_shape(x.shape(), {axis}, keepdim), i64);
  const Split split(x, {axis});
  const int64_t n = split.reduced[0], stride = split.reduced_strides[0];
  const Nest<1> kept(split.kept, {&split.kept_strides});
  dispatch(x.dtype(), [&]<class T>() {
    const T* px = x.data<T>();
    int64_t* out = y.mutable_data<int64_t>();
    const int64_t inner = kept.inner(), step = kept.inner_stride(0);
    if (y.numel() == 0) return;
    parallel_for(kept.rows(), row_grain(inner * n), [&](int64_t begin, int64_t end) {
      kept.for_rows(begin, end, [&, row = begin](const std::array<int64_t, 1>& at, int64_t m) mutable {
        int64_t* places = out + row++ * inner;
        if (stride != 1 || n == 1) {
          for (int64_t j = 0; j < m; j += step == 1 ? m : 1)
            first_places(px + at[0] + j * step, n, stride, places + j, step == 1 ? m : 1, less);
          return;
        }
        for (int64_t j = 0; j < m; ++j) {
          const T* p = px + at[0] + j * step;
          places[j] = first_place(p, n, reduce_row<kExtremes>(p, n, 1, extreme_fold<T>(less)));
        }
      });
    });
  });
  return y;
}

constexpr int64_t kColumns = 256, kRows = 4;  // that run along the axis together

/// f(first, width, step) for lines along the axis, at most kColumns: element i of line j is at
/// first + i * inner + j * step.
template <class F>
void for_lines(const Around& in, F f) {
  if (in.inner == 1) {
    for_rows((in.outer + kRows - 1) / kRows, std::min(kRows, in.outer) * in.n,
             [&](int64_t block) { f(block * kRows * in.n, std::min(kRows, in.outer - block * kRows), in.n); });
    return;
  }
  const int64_t blocks = (in.inner + kColumns - 1) / kColumns;
  for_rows(in.outer * blocks, std::min(kColumns, in.inner) * in.n, [&](int64_t block) {
    const int64_t column = block % blocks * kColumns;
    f(block / blocks * in.n * in.inner + column, std::min(kColumns, in.inner - column),
      std::integral_constant<int64_t, 1>());
  });
}

/// What `combine` makes of the elements up to each, from `initial` on; of floating numbers in f64.
template <class Combine>
Tensor running(const Tensor& x0, int axis, int initial, Combine combine) {
  const Tensor x = contiguous(x0);
  Tensor y = empty(x.shape(), x.dtype());
  const Around in(x.shape(), axis);
  dispatch(x.dtype(), [&]<class T>() {
    using Acc = Wide<T>;
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    for_lines(in, [&](int64_t first, int64_t width, auto) {
      if (in.inner == 1) {  // one after another, each with its sum in a register
        for (int64_t i = first; i < first + width * in.n;) {
          Acc acc = initial;
          for (const int64_t end = i + in.n; i < end; ++i) {
            acc = combine(acc, static_cast<Acc>(px[i]));
            py[i] = static_cast<T>(acc);
          }
        }
        return;
      }
      Acc accs[kColumns];
      std::fill_n(accs, width, initial);
      for (int64_t row = first; row < first + in.n * in.inner; row += in.inner)
        for (int64_t j = 0; j < width; ++j) {
          accs[j] = combine(accs[j], static_cast<Acc>(px[row + j]));
          py[row + j] = static_cast<T>(accs[j]);
        }
    });
  });
  return y;
}

/// Of floating numbers in their dtype, else in i64.
template <class Combine>
Tensor accumulated(const Tensor& x, const Shape& axes, bool keepdim, int initial, Combine combine) {
  Tensor y = empty(reduced_shape(x.shape(), axes, keepdim), is_floating(x.dtype()) ? x.dtype() : i64);
  dispatch(x.dtype(), [&]<class T>() {
    using Acc = Wide<T>;
    using Out = std::conditional_t<std::is_floating_point_v<T>, T, int64_t>;
    reduce<kSums, T>(x, y.mutable_data<Out>(), axes,
                     Fold{Acc(initial), [](T v) { return static_cast<Acc>(v); }, wrapping(combine)});
  });
  return y;
}

Tensor sum(const Tensor& x, const Shape& axes, bool keepdim) { return accumulated(x, axes, keepdim, 0, std::plus<>{}); }
Tensor prod(const Tensor& x, const Shape& axes, bool keepdim) {
  return accumulated(x, axes, keepdim, 1, std::multiplies<>{});
}

Tensor sum_of_powers(const Tensor& x, double p, const Shape& axes, bool keepdim) {
  Tensor y = empty(reduced_shape(x.shape(), axes, keepdim), f64);
  dispatch_floating(x.dtype(), [&]<class T>() {
    const auto sum_of = [&](auto of) {
      reduce<kPowers, T>(x, y.mutable_data<double>(), axes, Fold{0.0, of, std::plus<>{}});
    };
    if (p == 2) sum_of([](T v) { return static_cast<double>(v) * static_cast<double>(v); });
    else if (p == 1) sum_of([](T v) { return std::abs(static_cast<double>(v)); });
    else if (p == 3) sum_of([](T v) { return std::abs(static_cast<double>(v) * v * v); });
    else sum_of([p](T v) { return std::pow(std::abs(static_cast<double>(v)), p); });
  });
  return y;
}

Tensor amax(const Tensor& x, const Shape& axes, bool keepdim) {
  return extreme(x, axes, keepdim, [](auto a, auto b) { return a > b; });
}
Tensor amin(const Tensor& x, const Shape& axes, bool keepdim) {
  return extreme(x, axes, keepdim, [](auto a, auto b) { return a < b; });
}
Tensor argmax(const Tensor& x, int axis, bool keepdim) {
  return arg_extreme(x, axis, keepdim, [](auto a, auto b) { return a > b; });
}
Tensor argmin(const Tensor& x, int axis, bool keepdim) {
  return arg_extreme(x, axis, keepdim, [](auto a, auto b) { return a < b; });
}

Tensor cumsum(const Tensor& x, int axis) { return running(x, axis, 0, wrapping(std::plus<>{})); }
Tensor cumprod(const Tensor& x, int axis) { return running(x, axis, 1, wrapping(std::multiplies<>{})); }

Tensor cumprod_backward(const Tensor& g0, const Tensor& x0, int axis) {
  const Tensor g = contiguous(g0), x = contiguous(x0);
  Tensor dx = empty(x.shape(), x.dtype());
  const Around in(x.shape(), axis);
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T *pg = g.data<T>(), *px = x.data<T>();
    T* out = dx.mutable_data<T>();
    const auto product = [](double f, double s) { return s == 0 || (f == 0 && std::isinf(s)) ? 0 : f * s; };
    for_lines(in, [&](int64_t first, int64_t width, auto step) {
      double few[kColumns];
      const Scratch<double> many(in.n * width > kColumns ? in.n * width : 0);
      double* s = many.storage ? many.data() : few;  // s_i = g_i + x_{i+1} s_{i+1}
      for (int64_t i = in.n - 1; i >= 0; --i)
        for (int64_t j = 0; j < width; ++j) {
          const int64_t at = first + i * in.inner + j * step, here = i * width + j;
          const double next = i + 1 < in.n ? s[here + width] : 0;
          s[here] = pg[at] + (next == 0 ? 0 : product(px[at + in.inner], next));
        }
      double before[kColumns];
      std::fill_n(before, width, 1);
      for (int64_t i = 0; i < in.n; ++i)
        for (int64_t j = 0; j < width; ++j) {
          const int64_t at = first + i * in.inner + j * step, here = i * width + j;
          out[at] = static_cast<T>(product(before[j], s[here]));
          before[j] *= px[at];
        }
    });
  });
  return dx;
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(sum);
HWY_EXPORT(prod);
HWY_EXPORT(sum_of_powers);
HWY_EXPORT(amax);
HWY_EXPORT(amin);
HWY_EXPORT(argmax);
HWY_EXPORT(argmin);
HWY_EXPORT(cumsum);
HWY_EXPORT(cumprod);
HWY_EXPORT(cumprod_backward);

Shape reduced_shape(const Shape& shape, const Shape& axes, bool keepdim) {
  Shape result;
  for (int i = 0, k = 0; i < shape.rank(); ++i) {
    const bool is_reduced = k < axes.rank() && axes[k] == i;
    k += is_reduced;
    if (!is_reduced) result.push_back(shape[i]);
    else if (keepdim) result.push_back(1);
  }
  return result;
}

Tensor sum(const Tensor& x, const Shape& axes, bool keepdim) { return HWY_DYNAMIC_DISPATCH(sum)(x, axes, keepdim); }
Tensor prod(const Tensor& x, const Shape& axes, bool keepdim) { return HWY_DYNAMIC_DISPATCH(prod)(x, axes, keepdim); }
Tensor sum_of_powers(const Tensor& x, double p, const Shape& axes, bool keepdim) {
  if (x.dtype() == f32 && p != 1 && p != 2 && p != 3) return sum(powers(x, p), axes, keepdim);
  return HWY_DYNAMIC_DISPATCH(sum_of_powers)(x, p, axes, keepdim);
}
Tensor amax(const Tensor& x, const Shape& axes, bool keepdim) { return HWY_DYNAMIC_DISPATCH(amax)(x, axes, keepdim); }
Tensor amin(const Tensor& x, const Shape& axes, bool keepdim) { return HWY_DYNAMIC_DISPATCH(amin)(x, axes, keepdim); }
Tensor argmax(const Tensor& x, int axis, bool keepdim) { return HWY_DYNAMIC_DISPATCH(argmax)(x, axis, keepdim); }
Tensor argmin(const Tensor& x, int axis, bool keepdim) { return HWY_DYNAMIC_DISPATCH(argmin)(x, axis, keepdim); }
Tensor cumsum(const Tensor& x, int axis) { return HWY_DYNAMIC_DISPATCH(cumsum)(x, axis); }
Tensor cumprod(const Tensor& x, int axis) { return HWY_DYNAMIC_DISPATCH(cumprod)(x, axis); }
Tensor cumprod_backward(const Tensor& g, const Tensor& x, int axis) {
  return HWY_DYNAMIC_DISPATCH(cumprod_backward)(g, x, axis);
}

}  // namespace heed::kernels
#endif

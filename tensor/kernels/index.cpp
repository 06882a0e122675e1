#include <heed/tensor/kernels/index.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <compare>
#include <utility>

#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/elementwise.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/view.h>

namespace heed::kernels {

namespace {

/// Calls f(at_index, at_data) for each element of `index`, where at_data is its place in a contiguous tensor of `shape`
/// with the axis's coordinate replaced by the index; in parallel, if no two write to one place, or none of two rows.
template <class F>
void for_gathered(const Tensor& index, int axis, const Shape& shape, bool parallel, F f) {
  const Strides strides = contiguous_strides(shape), dense = contiguous_strides(index.shape());
  Strides walked = strides;
  walked[axis] = 0;
  const int64_t* pi = index.data<int64_t>();
  const Nest<3> nest(index.shape(), {&dense, &index.strides(), &walked});
  const int64_t step = strides[axis], si = nest.inner_stride(1), sw = nest.inner_stride(2);
  const auto run = [=, &f](const std::array<int64_t, 3>& at, int64_t n) {
    for (int64_t j = 0; j < n; ++j) f(at[0] + j, at[2] + j * sw + pi[at[1] + j * si] * step);
  };
  if (index.numel() == 0) return;
  if (parallel) return nest.for_runs(run);
  const bool rows_apart = sw == 0;  // rows lie along the axis
  parallel_for(nest.rows(), rows_apart ? row_grain(nest.inner()) : nest.rows(),
               [&](int64_t begin, int64_t end) { nest.for_rows(begin, end, run); });
}

/// y, after f(y's elements, from's, at_index, at_data) for each element of `index`.
template <class F>
Tensor walked(const Tensor& from0, const Tensor& index, int axis, const Shape& shape, bool parallel, Tensor y, F f) {
  const Tensor from = contiguous(from0);
  dispatch(y.dtype(), [&]<class T>() {
    const T* in = from.data<T>();
    T* out = y.mutable_data<T>();
    for_gathered(index, axis, shape, parallel, [&](int64_t i, int64_t at) { f(out, in, i, at); });
  });
  return y;
}

template <class T>
using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint8_t>>;

/// Bits that are in order as unsigned numbers where the elements are: NaN last, the zeros equal.
template <class T>
Bits<T> key_of(T v) {
  if constexpr (std::is_same_v<T, bool>) return v;
  else {
    constexpr auto sign = Bits<T>(1) << (8 * sizeof(T) - 1);
    if constexpr (std::is_floating_point_v<T>) {
      if (v != v) return ~Bits<T>(0);
      const auto bits = std::bit_cast<Bits<T>>(v == 0 ? T(0) : v);
      return bits & sign ? ~bits : bits | sign;
    } else return static_cast<Bits<T>>(v) ^ sign;
  }
}

template <class T>
struct Ranked {
  Bits<T> key;
  int64_t place;
  auto operator<=>(const Ranked&) const = default;
};

/// By keys, equals in the order they had: a pass for each byte in which they differ.
template <class T>
void sort_by_digits(std::vector<Ranked<T>>& row, std::vector<Ranked<T>>& room) {
  constexpr size_t kWorthCounting = 8 * sizeof(T);  // below it, comparing costs less
  if (row.size() < kWorthCounting) return std::sort(row.begin(), row.end());
  room.resize(row.size());
  for (size_t shift = 0; shift < 8 * sizeof(T); shift += 8) {
    const auto digit = [shift](const Ranked<T>& r) { return size_t(r.key >> shift & 255); };
    std::array<size_t, 256> end = {};
    for (const Ranked<T>& r : row) ++end[digit(r)];
    if (end[digit(row[0])] == row.size()) continue;
    size_t begin = 0;
    for (size_t& e : end) begin += std::exchange(e, begin);
    for (const Ranked<T>& r : row) room[end[digit(r)]++] = r;
    row.swap(room);
  }
}

}  // namespace

std::optional<int64_t> first_outside(const Tensor& index, int64_t low, int64_t high) {
  const Tensor flat = contiguous(index);
  const int64_t* p = flat.data<int64_t>();
  const auto outside = [=](int64_t i) { return (i < low) | (i >= high); };  // |: no branch
  std::atomic<bool> any = false;
  parallel_for(flat.numel(), kGrain, [&](int64_t begin, int64_t end) {
    bool found = false;
    for (int64_t i = begin; i < end; ++i) found |= outside(p[i]);
    if (found) any = true;
  });
  if (!any) return {};
  return *std::find_if(p, p + flat.numel(), outside);
}

Tensor from_the_start(const Tensor& index, int64_t n) {
  return map_as<int64_t, int64_t>(index, [n](int64_t i) { return i < 0 ? i + n : i; });
}

Tensor true_places(const Tensor& mask0) {
  const Tensor mask = contiguous(mask0);
  const bool* p = mask.data<bool>();
  const int64_t count = std::count(p, p + mask.numel(), true);
  Tensor y = empty({count}, i64);
  int64_t* out = y.mutable_data<int64_t>();
  for (int64_t i = 0, found = 0; found < count; ++i) {  // no branch on what the mask holds
    out[found] = i;
    found += p[i];
  }
  return y;
}

Tensor cat(const std::vector<Tensor>& tensors, int axis) {
  Shape shape = tensors[0].shape();
  shape[axis] = 0;
  for (const Tensor& t : tensors) shape[axis] += t.shape()[axis];
  Tensor y = empty(shape, tensors[0].dtype());
  int64_t start = 0;
  for (const Tensor& t : tensors) {
    copy_into(t, view::narrow({"cat"}, y, axis, start, t.shape()[axis]));
    start += t.shape()[axis];
  }
  return y;
}

Tensor index_select(const Tensor& x0, int axis, const Tensor& index0) {
  const Tensor x = contiguous(x0), index = contiguous(index0);
  Shape shape = x.shape();
  shape[axis] = index.numel();
  Tensor y = empty(shape, x.dtype());
  const Around in(x.shape(), axis);
  const int64_t m = index.numel();
  const int64_t* pi = index.data<int64_t>();
  dispatch(x.dtype(), [&]<class T>() {
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    parallel_for(in.outer * m, row_grain(in.inner), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin, n; i < end; i += n) {  // n of one row of x
        const T* from = px + i / m * in.n * in.inner;
        const int64_t* at = pi + i % m;
        n = std::min(m - i % m, end - i);
        if (in.inner == 1)
          for (int64_t k = 0; k < n; ++k) py[i + k] = from[at[k]];
        else
          for (int64_t k = 0; k < n; ++k) std::copy_n(from + at[k] * in.inner, in.inner, py + (i + k) * in.inner);
      }
    });
  });
  return y;
}

Tensor index_add(Tensor y, int axis, const Tensor& index0, const Tensor& g0) {
  const Tensor g = contiguous(g0), index = contiguous(index0);
  const Around in(g.shape(), axis);
  const int64_t* pi = index.data<int64_t>();
  const int64_t size = y.shape()[axis];
  dispatch_floating(g.dtype(), [&]<class T>() {
    const T* pg = g.data<T>();
    T* py = y.mutable_data<T>();
    const auto add = [=](int64_t o, int64_t begin, int64_t end) {
      for (int64_t i = 0; i < in.n; ++i) {
        const T* from = pg + (o * in.n + i) * in.inner;
        T* to = py + (o * size + pi[i]) * in.inner;
        for (int64_t j = begin; j < end; ++j) to[j] += from[j];
      }
    };
    // Threads share the outer or the inner elements, so that equal indices add up in order.
    if (in.outer > 1) return for_rows(in.outer, in.n * in.inner, [&](int64_t o) { add(o, 0, in.inner); });
    parallel_for(in.inner, std::max<int64_t>(16, row_grain(in.n)),
                 [&](int64_t begin, int64_t end) { add(0, begin, end); });
  });
  return y;
}

Tensor gather(const Tensor& x, int axis, const Tensor& index) {
  return walked(x, index, axis, x.shape(), true, empty(index.shape(), x.dtype()),
                [](auto* y, const auto* from, int64_t i, int64_t at) { y[i] = from[at]; });
}

Tensor scatter_add(const Tensor& y, int axis, const Tensor& index, const Tensor& g) {
  return walked(g, index, axis, y.shape(), false, y,
                [](auto* sum, const auto* from, int64_t i, int64_t at) { sum[at] += from[i]; });
}

Tensor scatter(const Tensor& x, int axis, const Tensor& index, const Tensor& src) {
  return walked(src, index, axis, x.shape(), false, copy(x),
                [](auto* y, const auto* from, int64_t i, int64_t at) { y[at] = from[i]; });
}

Tensor order(const Tensor& x0, int axis, int64_t k, bool descending) {
  const Tensor x = contiguous(x0);
  const Around in(x.shape(), axis);
  Shape shape = x.shape();
  shape[axis] = k;
  Tensor y = empty(shape, i64);
  int64_t* out = y.mutable_data<int64_t>();
  dispatch(x.dtype(), [&]<class T>() {
    const T* px = x.data<T>();
    parallel_for(in.outer * in.inner, row_grain(8 * in.n), [&](int64_t begin, int64_t end) {
      std::vector<Ranked<T>> row(static_cast<size_t>(in.n)), room;
      for (int64_t r = begin; r < end; ++r) {
        const int64_t o = r / in.inner, i = r % in.inner;
        for (int64_t j = 0; j < in.n; ++j) {
          const auto key = key_of(px[(o * in.n + j) * in.inner + i]);
          row[size_t(j)] = {descending ? decltype(key)(~key) : key, j};
        }
        if (k < in.n) std::partial_sort(row.begin(), row.begin() + k, row.end());
        else sort_by_digits(row, room);
        for (int64_t j = 0; j < k; ++j) out[(o * k + j) * in.inner + i] = row[size_t(j)].place;
      }
    });
  });
  return y;
}

Tensor pad_slice(const Tensor& x, int axis, int64_t start, const Shape& shape) {
  Tensor y = empty(shape, x.dtype());
  const int64_t length = x.shape()[axis], end = start + length;
  const Op op{"narrow"};
  if (start > 0) fill(view::narrow(op, y, axis, 0, start), 0);
  copy_into(x, view::narrow(op, y, axis, start, length));
  if (end < shape[axis]) fill(view::narrow(op, y, axis, end, shape[axis] - end), 0);
  return y;
}

Tensor triangle(const Tensor& x, int64_t diagonal, bool lower) {
  Tensor y = copy(x);
  const int64_t rows = x.shape()[x.rank() - 2], columns = x.shape()[x.rank() - 1];
  if (y.numel() == 0) return y;
  diagonal = std::clamp(diagonal, -rows - 1, columns);  // beyond these nothing changes
  dispatch(x.dtype(), [&]<class T>() {
    T* p = y.mutable_data<T>();
    for (int64_t i = 0; i < y.numel() / columns; ++i) {
      const int64_t row = i % rows, edge = std::clamp<int64_t>(row + diagonal + (lower ? 1 : 0), 0, columns);
      T* out = p + i * columns;
      if (lower) std::fill(out + edge, out + columns, T(0));
      else std::fill(out, out + edge, T(0));
    }
  });
  return y;
}

}  // namespace heed::kernels

// What ops share: checks, each of which refuses one kind of wrong input in one sentence, and an input as rows.
#pragma once

#include <limits>

#include <heed/tensor/kernels/recurrent.h>
#include <heed/tensor/tensor.h>

namespace heed::autograd {

inline void check_floating(const Op& op, const Tensor& x, const char* name = "input") {
  check_defined(op, x, name);
  if (!is_floating(x.dtype()))
    fail<DTypeError>(op, "{} is {}; need f32 or f64: cast it with .to(f32)", name, name_of(x.dtype()));
}

inline void check_number(const Op& op, const Tensor& x, const char* name = "input") {
  check_defined(op, x, name);
  if (x.dtype() == boolean)
    fail<DTypeError>(op,
                     "{} is boolean; need f32, f64 or i64: cast it with .to(f32), or write logical_not, logical_and or "
                     "logical_or",
                     name);
}

inline void check_dtype(const Op& op, const Tensor& x, DType dtype, const char* name) {
  check_defined(op, x, name);
  if (x.dtype() == dtype) return;
  if (dtype == boolean) fail<DTypeError>(op, "{} is {}; need boolean: x != 0", name, name_of(x.dtype()));
  fail<DTypeError>(op, "{} is {}; need {}: cast it with .to({})", name, name_of(x.dtype()), name_of(dtype),
                   name_of(dtype));
}

inline void check_same_dtype(const Op& op, const Tensor& a, const Tensor& b) {
  check_defined(op, a, "the first input");
  check_defined(op, b, "the second input");
  if (a.dtype() == b.dtype()) return;
  if (is_floating(a.dtype()) && is_floating(b.dtype()))
    fail<DTypeError>(op, "dtypes differ: {} and {}; need equal dtypes: cast one with .to({}) or the other with .to({})",
                     name_of(a.dtype()), name_of(b.dtype()), name_of(b.dtype()), name_of(a.dtype()));
  const auto width = [](DType d) { return d == boolean ? 0 : d == i64 ? 1 : 2; };
  const bool first = width(a.dtype()) < width(b.dtype());
  fail<DTypeError>(op, "dtypes differ: {} and {}; need equal dtypes: cast the {} with .to({})", name_of(a.dtype()),
                   name_of(b.dtype()), first ? "first" : "second", name_of((first ? b : a).dtype()));
}

inline void check_shape(const Op& op, const Tensor& x, const Shape& shape, DType dtype, const char* name) {
  check_dtype(op, x, dtype, name);
  if (!(x.shape() == shape)) fail<ShapeError>(op, "{} has shape {}; need {}", name, x.shape(), shape);
}

inline void check_same_shape(const Op& op, const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()))
    fail<ShapeError>(op, "shapes {} and {} differ; need equal shapes", a.shape(), b.shape());
}

/// A call of an op of x, which must be defined.
struct OpOf : Op {
  OpOf(const char* function, const Tensor& x, Loc loc) : Op(function, loc) { check_defined(*this, x); }
};

/// The result has one axis more than x.
inline void check_new_axis(const Op& op, const Tensor& x) {
  if (x.rank() == kMaxRank)
    fail<ShapeError>(op, "shape {} has no room for one more axis; need rank {} or less", x.shape(), kMaxRank - 1);
}

inline void check_rank_at_least(const Op& op, const Tensor& x, int rank, const char* name = "input") {
  check_defined(op, x, name);
  if (x.rank() < rank) fail<ShapeError>(op, "{} has shape {}; need rank {} or more", name, x.shape(), rank);
}

/// What every recurrence reads: gates (T, B, G H) and w_hh (G H, H); returns the sizes.
inline kernels::RecurrentShape check_recurrence(const Op& op, kernels::Cell cell, const Tensor& gates,
                                                const Tensor& w_hh, const Tensor& c0) {
  check_floating(op, gates, "gates");
  check_dtype(op, w_hh, gates.dtype(), "w_hh");
  const int64_t G = kernels::gates_of(cell);
  if (w_hh.rank() != 2 || w_hh.size(0) != G * w_hh.size(1))
    fail<ShapeError>(op, "w_hh has shape {}; need ({} H, H)", w_hh.shape(), G);
  const int64_t H = w_hh.size(1);
  if (gates.rank() != 3 || gates.size(2) != G * H)
    fail<ShapeError>(op, "gates have shape {}; need (T, B, {})", gates.shape(), G * H);
  if (c0.defined() && cell != kernels::Cell::lstm)
    fail<ValueError>(op, "c0 is given; need none, as only an LSTM has a cell state");
  return {gates.size(0), gates.size(1), H};
}

/// Weights of the classes, the last axis of x; undefined is none.
inline void check_class_weight(const Op& op, const Tensor& weight, const Tensor& x) {
  if (!weight.defined()) return;
  check_same_dtype(op, x, weight);
  if (!(weight.shape() == Shape{x.shape().back()}))
    fail<ShapeError>(op, "weight has shape {}; need ({}), one for each class", weight.shape(), x.shape().back());
}

/// A mask that broadcasts to `shape` without enlarging it.
inline void check_mask_fits(const Op& op, const Tensor& mask, const Shape& shape) {
  const int extra = shape.rank() - mask.rank();
  bool fits = extra >= 0;
  for (int i = 0; fits && i < mask.rank(); ++i) fits = mask.shape()[i] == 1 || mask.shape()[i] == shape[i + extra];
  if (!fits)
    fail<ShapeError>(op, "the mask {} does not broadcast to {}; need sizes of 1 or equal, aligned at the right",
                     mask.shape(), shape);
}

/// a + b, or the number next to it that int64_t holds: sizes that come from outside.
inline int64_t saturating_sum(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

/// `axis` of x; 0 or -1 of a number, which counts as a vector of one.
inline int axis_of(const Op& op, int64_t axis, const Tensor& x) {
  check_defined(op, x);
  return x.rank() == 0 && (axis == 0 || axis == -1) ? 0 : normalize_axis(op, axis, x.rank());
}
inline Tensor as_vector(const Tensor& x) { return x.defined() && x.rank() == 0 ? x.unsqueeze(0) : x; }

/// y, and a copy where an op with nothing to do left it x or a view: who writes to one does not mean the other.
inline Tensor apart(const Tensor& y, const Tensor& x) { return y.storage() == x.storage() ? y.clone() : y; }

/// g f and g / f, the products that gradients are made of, but 0 where g is: nothing comes of a gradient that is 0, not
/// even through infinity or NaN. See nan.md.
Tensor times(const Tensor& g, const Tensor& f);
Tensor over(const Tensor& g, const Tensor& f);

/// An index of that axis as numbers from 0 on: negative ones count from the end.
Tensor checked_index(const Op& op, const Tensor& index, int axis, const Shape& shape);

/// All axes but the last few, and those with the axes of a matrix behind.
inline Shape leading(const Shape& shape, int dropped) {
  return Shape(std::span<const int64_t>(shape.begin(), size_t(shape.rank() - dropped)));
}
inline Shape with_matrix(Shape batch, int64_t rows, int64_t columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}

/// The elements of a tensor that may be undefined.
template <class T>
const T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}
template <class T>
T* mutable_or_null(Tensor& x) {
  return x.defined() ? x.mutable_data<T>() : nullptr;
}

/// x as rows of its last axis: how many, and how long.
struct Rows {
  int64_t count, size;
  explicit Rows(const Tensor& x) : count(1), size(x.rank() ? x.shape().back() : 1) {
    for (int i = 0; i + 1 < x.rank(); ++i) count *= x.shape()[i];
  }
};

}  // namespace heed::autograd

// Tensor: a value handle on strided elements. Copying it shares the storage.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include <heed/tensor/dtype.h>
#include <heed/tensor/error.h>
#include <heed/tensor/shape.h>
#include <heed/tensor/storage.h>

namespace heed {

class Rng;
namespace autograd {
struct Node;
}  // namespace autograd

/// The axes that a reduction takes: one, several, or for {} all. Negative ones count from the end.
class Axes {
 public:
  Axes() = default;
  /// One, or several.
  template <std::integral Int>
  requires(!std::same_as<Int, bool>) Axes(Int axis) : axes_{static_cast<int64_t>(axis)}, given_(1) {}
  Axes(std::initializer_list<int64_t> axes) : Axes(std::span(axes.begin(), axes.size())) {}
  Axes(const std::vector<int64_t>& axes) : Axes(std::span(axes)) {}
  /// The axes in turn. Throws ShapeError in op's name for more than kMaxRank.
  std::span<const int64_t> of(const Op& op) const {
    if (given_ > kMaxRank) fail<ShapeError>(op, "{} numbers for axes; need at most {}", given_, kMaxRank);
    return {axes_.begin(), axes_.end()};
  }

 private:
  explicit Axes(std::span<const int64_t> axes)
      : axes_(axes.first(std::min<size_t>(axes.size(), kMaxRank))), given_(axes.size()) {}

  Shape axes_;  // the first kMaxRank
  size_t given_ = 0;
};

/// What stands in x[i], and where.
struct Index {
  int64_t at;  ///< negative: from the end
  Loc where;   ///< the caller's line
  Index(std::integral auto i, Loc loc = Loc::current()) : at(static_cast<int64_t>(i)), where(loc) {}
};

/// What stands in x(...) for an axis: `all` of it, a new axis of size 1 (`none`), all the axes that are not named
/// (`ellipsis`). `none` is also the open end of a slice.
enum class All { all };
enum class None { none };
enum class Ellipsis { ellipsis };
using enum All;
using enum None;
using enum Ellipsis;

/// Elements start, start + step, ... before stop of an axis, as in Python: negative ends count from the axis's end, and
/// ends outside the axis are moved to it. The step is at least 1.
struct Slice {
  std::optional<int64_t> start, stop;  ///< none: the axis's end on that side
  int64_t step = 1;                    ///< at least 1
};
/// One end of a slice: a number, or `none`.
struct SliceEnd {
  std::optional<int64_t> at;  ///< none: open
  SliceEnd(std::integral auto i) : at(static_cast<int64_t>(i)) {}
  SliceEnd(None) {}
};
/// Python's slice(stop) and slice(start, stop, step).
inline Slice slice(SliceEnd stop) { return {{}, stop.at}; }
inline Slice slice(SliceEnd start, SliceEnd stop, int64_t step = 1) { return {start.at, stop.at, step}; }
struct Subscript;

/// A number beside a tensor. Tensors keep their dtype, but i64 beside a floating number becomes f32.
struct Scalar {
  double value;     ///< as a floating number
  int64_t integer;  ///< a floating value is cut, infinities at the ends of i64
  bool is_integer;  ///< whether it was given as one
  Scalar(std::integral auto v) : value(static_cast<double>(v)), integer(static_cast<int64_t>(v)), is_integer(true) {}
  Scalar(std::floating_point auto v) : value(v), integer(cut(v)), is_integer(false) {}
  /// The same number with the other sign.
  Scalar operator-() const {
    return is_integer ? Scalar(static_cast<int64_t>(-static_cast<uint64_t>(integer))) : Scalar(-value);
  }

 private:
  static int64_t cut(double v) {
    constexpr double kEnd = 9223372036854775808.0;  // 2^63
    if (!(v > -kEnd && v < kEnd))
      return v > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
    return static_cast<int64_t>(v);
  }
};

class Tensor;

/// Throws Error, which calls x `name`, if x is undefined.
void check_defined(const Op& op, const Tensor& x, const char* name = "input");

/// Elements of one type under a shape: a value handle, whose copies share the elements. A result remembers how it was
/// made, if any of its inputs wants a gradient.
class Tensor {
 public:
  /// Undefined: an absent optional argument. Using it throws.
  Tensor() {}  // "= default" would have zeros written over all of it first
  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) = default;
  /// The handle becomes the other's: elements are written by assign, as in x(0).assign(y), and x(0) = y is an error.
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & = default;
  /// All of a new storage.
  Tensor(const Shape& shape, DType dtype, Loc loc = Loc::current());
  /// A view into `storage`, without history.
  Tensor(std::shared_ptr<Storage> storage, const Shape& shape, const Strides& strides, int64_t offset, DType dtype)
      : storage_(std::move(storage)), shape_(shape), strides_(strides), offset_(offset), dtype_(dtype) {}

  // --- what it is -------------------------------------------------------------------------------------------------
  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  const Strides& strides() const { return strides_; }
  int64_t offset() const { return offset_; }
  DType dtype() const { return dtype_; }
  int rank() const { return shape_.rank(); }
  int64_t numel() const { return shape_.numel(); }
  /// The size of one axis; negative counts from the end.
  int64_t size(int64_t axis, Loc loc = Loc::current()) const {
    const Op op{"size", loc};
    check_defined(op, *this, "the tensor");
    return shape_[normalize_axis(op, axis, rank())];
  }
  /// Whether the elements lie side by side in row-major order.
  bool is_contiguous() const;
  /// The bytes, which other tensors may share.
  const std::shared_ptr<Storage>& storage() const { return storage_; }

  // --- its elements -----------------------------------------------------------------------------------------------
  /// The first element. Throws DTypeError if T is not this dtype. The elements follow by strides().
  template <class T>
  const T* data(Loc loc = Loc::current()) const {
    check_access(dtype_of<T>(), loc);
    return reinterpret_cast<const T*>(storage_->data()) + offset_;
  }
  /// As data, for kernels to write their fresh outputs. Outside of every op it counts as a write, as assign does; a
  /// module that writes in its own op what others may hold takes assign.
  template <class T>
  T* mutable_data(Loc loc = Loc::current()) {
    check_access(dtype_of<T>(), loc);
    if (!Op::current()) storage_->mark_written();
    return reinterpret_cast<T*>(storage_->data()) + offset_;
  }
  /// The only element, converted to T. Throws ShapeError if there are more or none.
  template <class T>
  T item(Loc loc = Loc::current()) const {
    return static_cast<T>(dtype_ == i64 ? static_cast<T>(item_i64(loc)) : static_cast<T>(item_f64(loc)));
  }
  /// One element, converted to T; negative indices count from the end. Throws IndexError.
  template <class T>
  T at(std::initializer_list<int64_t> index, Loc loc = Loc::current()) const {
    return element(index, loc).item<T>(loc);
  }
  /// All elements in row-major order, converted to T.
  template <class T>
  std::vector<T> to_vector(Loc loc = Loc::current()) const;

  /// Copies x's elements over this tensor's, for all who share them. x has this shape and dtype: else ShapeError or
  /// DTypeError. Throws GradError on a tensor that was computed from others with gradients, and for an x with
  /// gradients outside of NoGrad, as none would pass. A recorded op that saved the elements before refuses to run
  /// backward. Throws ValueError where the write would be lost, in a copy that nothing else holds (x(mask),
  /// x.to(f64)), or where elements share a place (expand).
  void assign(const Tensor& x, Loc loc = Loc::current()) const&;
  void assign(const Tensor& x, Loc loc = Loc::current()) const&&;

  // --- its history (autograd/) ------------------------------------------------------------------------------------
  /// Whether gradients flow to it: it is a leaf that asked for them, or was computed from one.
  bool requires_grad() const;
  /// Makes this a leaf whose gradient backward() accumulates; false freezes it, and keeps the gradient that it has.
  /// Copies of a handle share the flag and the gradient, whichever of them sets it. Only for what detach() or a view of
  /// a constant gives, set it before you copy: copies made earlier stay constants.
  /// f32 and f64 only. Returns *this. Throws GradError on a tensor that was computed from others with gradients, and
  /// DTypeError for other dtypes.
  Tensor& set_requires_grad(bool on = true, Loc loc = Loc::current());
  /// The same where handles share the flag; throws GradError too for a const view of a constant.
  const Tensor& set_requires_grad(bool on = true, Loc loc = Loc::current()) const;
  /// The gradient that backward() accumulated; undefined if none.
  const Tensor& grad(Loc loc = Loc::current()) const;
  /// Replaces it; an undefined `g` forgets it. Throws GradError if this is not a leaf, ShapeError if g does not fit.
  void set_grad(const Tensor& g, Loc loc = Loc::current()) const;
  void zero_grad(Loc loc = Loc::current()) const;
  /// Gradients of this scalar, accumulated into every leaf it came from.
  void backward(Loc loc = Loc::current()) const;
  /// The same with a seed of this tensor's shape; `retain_graph` allows a second pass.
  void backward(const Tensor& seed, bool retain_graph = false, Loc loc = Loc::current()) const;
  /// The same values without the history, a tensor of its own that shares the elements; of a temporary, that tensor.
  Tensor detach() const&;
  Tensor detach() &&;
  /// What recorded it, or its leaf if that trains; null for a constant. Defined in autograd/node.h.
  const std::shared_ptr<autograd::Node>& node() const;
  /// Null: forgets the history, as detach() does.
  void set_node(std::shared_ptr<autograd::Node> node) {
    whole_ = whole_ && node;
    node_ = std::move(node);
  }

  // --- differentiable members (autograd/ops/*.cpp); see autograd/ops.h for the rest ----------------------------------
  Tensor to(DType dtype, Loc loc = Loc::current()) const;
  /// Itself if its elements already lie in row-major order, else a copy that does.
  Tensor contiguous(Loc loc = Loc::current()) const;
  /// A contiguous copy in storage of its own.
  Tensor clone(Loc loc = Loc::current()) const;

  /// The same elements in another shape; one size may be -1. A view where strides allow it, else a copy.
  Tensor reshape(const Shape& shape, Loc loc = Loc::current()) const;
  /// Axes first..last merged into one; both may be negative.
  Tensor flatten(int64_t first = 0, int64_t last = -1, Loc loc = Loc::current()) const;
  /// Two axes swapped.
  Tensor transpose(int64_t a, int64_t b, Loc loc = Loc::current()) const;
  /// The last two axes swapped.
  Tensor mT(Loc loc = Loc::current()) const;
  /// All axes in another order.
  Tensor permute(const Shape& axes, Loc loc = Loc::current()) const;
  /// Elements start .. start + length - 1 of one axis; a negative start counts from its end.
  Tensor narrow(int64_t axis, int64_t start, int64_t length, Loc loc = Loc::current()) const;
  /// One index of one axis, which goes.
  Tensor select(int64_t axis, int64_t index, Loc loc = Loc::current()) const;
  /// select(0, index).
  Tensor operator[](Index index) const;
  /// x(all, slice(0, -1)): a part by one subscript an axis, of which trailing ones may be left out: an integer,
  /// slice(start, stop, step), `all`, `none`, `ellipsis`, or a tensor of indices, i64 or boolean; i64 of rank 0 is an
  /// integer. Without tensors it is a view. As PyTorch's: i64 indices broadcast together, and their axes take the place
  /// of the axes that they index, or stand in front if those are apart; a boolean index stands for the places where it
  /// is true, and covers as many axes as it has. Throws IndexError for too many subscripts and for an index out of
  /// range, ShapeError for a boolean index of another shape than the axes it covers, ValueError for a step below 1.
  template <class... Rest>
  Tensor operator()(const Subscript& first, const Rest&... rest) const;
  /// The same from a list.
  Tensor index(const std::vector<Subscript>& subscripts, Loc loc = Loc::current()) const;
  /// Broadcast to `shape` with stride 0; -1 keeps a size.
  Tensor expand(const Shape& shape, Loc loc = Loc::current()) const;
  /// Without axis `axis`; itself if that has another size than 1.
  Tensor squeeze(int64_t axis, Loc loc = Loc::current()) const;
  /// Without any axis of size 1.
  Tensor squeeze(Loc loc = Loc::current()) const;
  /// With a new axis of size 1 at `axis`.
  Tensor unsqueeze(int64_t axis, Loc loc = Loc::current()) const;

  /// Reductions over all elements, one axis, or several; keepdim leaves size 1 in their place. Axis 0 or -1 of a number
  /// is the number itself. f32 accumulates in f64.
  Tensor sum(const Axes& axes = {}, bool keepdim = false, Loc loc = Loc::current()) const;
  Tensor mean(const Axes& axes = {}, bool keepdim = false, Loc loc = Loc::current()) const;
  /// Squared deviations divided by n - correction, and the root of that. PyTorch's `unbiased` is correction true, which
  /// is 1, or false, which is 0. std has gradient 0 where all elements are equal.
  Tensor var(const Axes& axes = {}, double correction = 1, bool keepdim = false, Loc loc = Loc::current()) const;
  Tensor std(const Axes& axes = {}, double correction = 1, bool keepdim = false, Loc loc = Loc::current()) const;
  /// (sum |x|^p)^(1/p); p 0 counts what is not 0, infinity takes the largest |x|, -infinity the smallest. Gradient 0 at
  /// 0.
  Tensor norm(double p = 2, const Axes& axes = {}, bool keepdim = false, Loc loc = Loc::current()) const;
  /// The product, made in f64 from first to last; 1 of no element. Also i64, and boolean as i64.
  Tensor prod(const Axes& axes = {}, bool keepdim = false, Loc loc = Loc::current()) const;
  /// boolean: whether any, or every, element is true or not 0. Of no element: false, and true. Any dtype.
  Tensor any(const Axes& axes = {}, bool keepdim = false, Loc loc = Loc::current()) const;
  Tensor all(const Axes& axes = {}, bool keepdim = false, Loc loc = Loc::current()) const;
  /// The largest and the smallest; NaN counts as both. Equals share the gradient evenly, as in amax and amin.
  Tensor max(const Axes& axes = {}, bool keepdim = false, Loc loc = Loc::current()) const;
  Tensor min(const Axes& axes = {}, bool keepdim = false, Loc loc = Loc::current()) const;
  /// i64; the first of equals, along an axis, or of all elements: the index in row-major order. Not differentiable.
  Tensor argmax(std::optional<int64_t> axis = {}, bool keepdim = false, Loc loc = Loc::current()) const;
  Tensor argmin(std::optional<int64_t> axis = {}, bool keepdim = false, Loc loc = Loc::current()) const;

 private:
  Tensor& own_grad(const Op& op) const;
  const std::shared_ptr<autograd::Node>& history() const { return whole_ && !node_ ? storage_->leaf : node_; }
  [[noreturn]] void refuse_access(DType asked, Loc loc) const;
  void check_access(DType asked, Loc loc) const {
    if (!defined() || asked != dtype_) refuse_access(asked, loc);
    if (const Op* op = Op::current(); op && op->replayed() && storage_->written_since(op->replayed()->id()))
      refuse_stale();
  }
  [[noreturn]] void refuse_stale() const;
  Tensor element(std::span<const int64_t> index, Loc loc) const;
  double item_f64(Loc loc) const;
  int64_t item_i64(Loc loc) const;

  std::shared_ptr<Storage> storage_;
  Shape shape_;
  Strides strides_;
  int64_t offset_ = 0;
  DType dtype_ = f32;
  bool whole_ = false;                    // made with its storage, which then keeps its leaf
  std::shared_ptr<autograd::Node> node_;  // of a result, or the leaf of a view
};

/// What stands between the commas of x(...), and the caller's line.
struct Subscript {
  std::variant<All, None, Ellipsis, int64_t, Slice, Tensor> what;  ///< any of them
  Loc where;                                                       ///< the caller's line
  Subscript(All a, Loc loc = Loc::current()) : what(a), where(loc) {}
  Subscript(None n, Loc loc = Loc::current()) : what(n), where(loc) {}
  Subscript(Ellipsis e, Loc loc = Loc::current()) : what(e), where(loc) {}
  Subscript(const Slice& s, Loc loc = Loc::current()) : what(s), where(loc) {}
  Subscript(const Tensor& t, Loc loc = Loc::current()) : what(t), where(loc) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Subscript(T i, Loc loc = Loc::current())
      : what(static_cast<int64_t>(i)), where(loc) {}
};

inline void check_defined(const Op& op, const Tensor& x, const char* name) {
  if (!x.defined()) fail<Error>(op, "{} is undefined; need a tensor made by a factory or an op", name);
}

template <class... Rest>
Tensor Tensor::operator()(const Subscript& first, const Rest&... rest) const {
  return index({first, Subscript(rest, first.where)...}, first.where);
}

/// Tensors by name, in order.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// Nested braces of numbers: {{1, 2}, {3, 4}}.
class NestedList {
 public:
  NestedList(double value) : number_(value), dtype_(f32) {}
  NestedList(float value) : number_(value), dtype_(f32) {}
  NestedList(std::integral auto value)
      : integer_(static_cast<int64_t>(value)),
        number_(static_cast<double>(value)),
        dtype_(std::same_as<decltype(value), bool> ? boolean : i64) {}
  NestedList(std::initializer_list<NestedList> items) : items_(items), is_list_(true) {}

 private:
  friend Tensor tensor(const NestedList&, std::optional<DType>, Loc);
  Shape shape(const Op& op) const;
  DType common_dtype() const;
  template <class T>
  void write(T*& out) const;

  std::vector<NestedList> items_;
  int64_t integer_ = 0;
  double number_ = 0;
  DType dtype_ = f32;
  bool is_list_ = false;
};

/// tensor({{1., 2.}, {3., 4.}}) has shape (2, 2). Without a dtype: boolean if all are bool, i64 if all are integers,
/// else f32. Throws ShapeError for ragged lists.
Tensor tensor(const NestedList& values, std::optional<DType> dtype = {}, Loc loc = Loc::current());
/// A copy of `values` in row-major order; integers of any width become i64. Throws ShapeError if the count is not
/// shape.numel().
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, Loc loc = Loc::current());
template <std::integral T>
requires(!std::same_as<T, int64_t> && !std::same_as<T, bool>) Tensor
    from_vector(const std::vector<T>& values, const Shape& shape, Loc loc = Loc::current()) {
  return from_vector(std::vector<int64_t>(values.begin(), values.end()), shape, loc);
}

/// Uninitialised elements: for kernels that write every one of them.
Tensor empty(const Shape& shape, DType dtype = f32, Loc loc = Loc::current());
/// One value everywhere.
Tensor zeros(const Shape& shape, DType dtype = f32, Loc loc = Loc::current());
Tensor ones(const Shape& shape, DType dtype = f32, Loc loc = Loc::current());
Tensor full(const Shape& shape, Scalar value, DType dtype = f32, Loc loc = Loc::current());
/// A rank-0 tensor.
Tensor scalar(Scalar value, DType dtype = f32, Loc loc = Loc::current());
/// The same of x's shape and dtype.
Tensor empty_like(const Tensor& x, Loc loc = Loc::current());
Tensor zeros_like(const Tensor& x, Loc loc = Loc::current());
Tensor ones_like(const Tensor& x, Loc loc = Loc::current());
Tensor full_like(const Tensor& x, Scalar value, Loc loc = Loc::current());
/// start, start + step, ... below end (above, for a negative step), shape (n): i64 from integers, else f32. Throws
/// ValueError for step 0, for what is not finite, and for i64 beyond 2^53.
Tensor arange(int64_t end, DType dtype = i64, Loc loc = Loc::current());
Tensor arange(std::floating_point auto end, DType dtype = f32, Loc loc = Loc::current());
Tensor arange(std::integral auto start, std::integral auto end, Loc loc = Loc::current());
Tensor arange(std::integral auto start, std::integral auto end, std::integral auto step, DType dtype = i64,
              Loc loc = Loc::current());
Tensor arange(double start, double end, double step = 1, DType dtype = f32, Loc loc = Loc::current());
/// `steps` numbers from start to end, both included, in equal steps. f32 or f64. Throws ValueError for steps < 0.
Tensor linspace(double start, double end, int64_t steps, DType dtype = f32, Loc loc = Loc::current());
/// Ones on the diagonal of (n, n), else 0.
Tensor eye(int64_t n, DType dtype = f32, Loc loc = Loc::current());

inline Tensor arange(std::floating_point auto end, DType dtype, Loc loc) {
  return arange(0.0, static_cast<double>(end), 1.0, dtype, loc);
}
inline Tensor arange(std::integral auto start, std::integral auto end, Loc loc) {
  return arange(static_cast<double>(start), static_cast<double>(end), 1.0, i64, loc);
}
inline Tensor arange(std::integral auto start, std::integral auto end, std::integral auto step, DType dtype, Loc loc) {
  return arange(static_cast<double>(start), static_cast<double>(end), static_cast<double>(step), dtype, loc);
}

/// Draws in row-major order, as PyTorch does from the same seed. f32 or f64.
Tensor rand(const Shape& shape, Rng& rng, DType dtype = f32, Loc loc = Loc::current());
Tensor randn(const Shape& shape, Rng& rng, DType dtype = f32, Loc loc = Loc::current());
Tensor rand_like(const Tensor& x, Rng& rng, Loc loc = Loc::current());
Tensor randn_like(const Tensor& x, Rng& rng, Loc loc = Loc::current());
/// i64 in [low, high).
Tensor randint(int64_t low, int64_t high, const Shape& shape, Rng& rng, Loc loc = Loc::current());
/// i64 (n): a permutation of 0 .. n - 1.
Tensor randperm(int64_t n, Rng& rng, Loc loc = Loc::current());
/// i64 (..., samples): for each row of weights (..., n) f32 or f64, indices drawn with probability proportional to
/// them; Rng::multinomial row by row. `softmax(logits, -1)` draws the next token.
Tensor multinomial(const Tensor& weights, int64_t samples, Rng& rng, bool replacement = false,
                   Loc loc = Loc::current());

}  // namespace heed

// Views and copies: the same elements in another arrangement; each gradient arranges them back.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/index.h>
#include <heed/tensor/kernels/reduce.h>
#include <heed/tensor/view.h>

namespace heed {

using namespace autograd;

namespace {

/// x at start .. of `axis` among zeros of `shape`: narrow's gradient, as narrow is its own.
Tensor pad_slice(const Tensor& x, int axis, int64_t start, const Shape& shape, Loc loc) {
  return record({"pad_slice", loc}, kernels::pad_slice(x, axis, start, shape),
                {{x, [axis, start, n = x.shape()[axis]](const Tensor& g) { return g.narrow(axis, start, n); }}});
}

}  // namespace

Tensor Tensor::to(DType dtype, Loc loc) const {
  const Op op{"to", loc};
  check_defined(op, *this);
  if (dtype == dtype_) return *this;
  Tensor y = kernels::cast(*this, dtype);
  if (!is_floating(dtype) || !is_floating(dtype_)) return y;
  return record(op, y, {{*this, [from = dtype_](const Tensor& g) { return g.to(from); }}});
}

Tensor Tensor::contiguous(Loc loc) const {
  check_defined({"contiguous", loc}, *this);
  return is_contiguous() ? *this : clone(loc);
}

Tensor Tensor::clone(Loc loc) const {
  const Op op{"clone", loc};
  check_defined(op, *this);
  return record(op, kernels::copy(*this), {{*this, [](const Tensor& g) { return g; }}});
}

Tensor Tensor::reshape(const Shape& asked, Loc loc) const {
  const Op op{"reshape", loc};
  check_defined(op, *this);
  const Shape shape = view::resolve(op, *this, asked);
  if (shape == shape_) return *this;
  Tensor y = view::reshape(*this, shape);
  if (!y.defined()) y = view::reshape(kernels::copy(*this), shape);
  return record(op, y, {{*this, [from = shape_](const Tensor& g) { return g.reshape(from); }}});
}

Tensor Tensor::flatten(int64_t first0, int64_t last0, Loc loc) const {
  const Op op{"flatten", loc};
  check_defined(op, *this);
  if (rank() == 0) return reshape({1}, loc);
  const int first = normalize_axis(op, first0, rank()), last = normalize_axis(op, last0, rank());
  if (first > last) fail<ValueError>(op, "first axis {} comes after last axis {}; need first <= last", first, last);
  Shape shape;
  int64_t merged = 1;
  for (int i = 0; i < rank(); ++i) {
    if (i >= first && i <= last) merged *= shape_[i];
    if (i == last) shape.push_back(merged);
    else if (i < first || i > last) shape.push_back(shape_[i]);
  }
  return reshape(shape, loc);
}

Tensor Tensor::transpose(int64_t a0, int64_t b0, Loc loc) const {
  const Op op{"transpose", loc};
  check_defined(op, *this);
  const int a = normalize_axis(op, a0, rank()), b = normalize_axis(op, b0, rank());
  return record(op, view::transpose(*this, a, b), {{*this, [a, b](const Tensor& g) { return g.transpose(a, b); }}});
}

Tensor Tensor::mT(Loc loc) const {
  check_rank_at_least({"mT", loc}, *this, 2);
  return transpose(-2, -1, loc);
}

Tensor Tensor::permute(const Shape& asked, Loc loc) const {
  const Op op{"permute", loc};
  check_defined(op, *this);
  if (asked.rank() != rank()) fail<ShapeError>(op, "{} axes for shape {}; need {}", asked.rank(), shape_, rank());
  normalize_axes(op, {asked.begin(), size_t(asked.rank())}, rank());
  Shape axes = asked, back = asked;
  for (int i = 0; i < rank(); ++i) axes[i] = normalize_axis(op, asked[i], rank());
  for (int i = 0; i < rank(); ++i) back[int(axes[i])] = i;
  return record(op, view::permute(*this, axes), {{*this, [back](const Tensor& g) { return g.permute(back); }}});
}

Tensor Tensor::narrow(int64_t axis0, int64_t start, int64_t length, Loc loc) const {
  const Op op{"narrow", loc};
  check_defined(op, *this);
  const int axis = normalize_axis(op, axis0, rank());
  return record(
      op, view::narrow(op, *this, axis, start, length),
      {{*this, [axis, start, shape = shape_, loc](const Tensor& g) { return pad_slice(g, axis, start, shape, loc); }}});
}

Tensor Tensor::select(int64_t axis0, int64_t index, Loc loc) const {
  const Op op{"select", loc};
  check_defined(op, *this);
  const int axis = normalize_axis(op, axis0, rank());
  Tensor y = view::select(op, *this, axis, index);
  const int64_t start = index < 0 ? index + shape_[axis] : index;
  return record(op, y, {{*this, [axis, start, shape = shape_, loc](const Tensor& g) {
                           return pad_slice(g.unsqueeze(axis), axis, start, shape, loc);
                         }}});
}

Tensor Tensor::operator[](Index index) const { return select(0, index.at, index.where); }

Tensor Tensor::expand(const Shape& shape, Loc loc) const {
  const Op op{"expand", loc};
  check_defined(op, *this);
  return record(op, view::expand(op, *this, shape),
                {{*this, [from = shape_](const Tensor& g) { return sum_to(g, from); }}});
}

Tensor Tensor::squeeze(int64_t axis0, Loc loc) const {
  const Op op{"squeeze", loc};
  check_defined(op, *this);
  const int axis = normalize_axis(op, axis0, rank());
  if (shape_[axis] != 1) fail<ShapeError>(op, "axis {} of shape {} has size {}; need 1", axis, shape_, shape_[axis]);
  return record(op, view::squeeze(*this, axis), {{*this, [axis](const Tensor& g) { return g.unsqueeze(axis); }}});
}

Tensor Tensor::squeeze(Loc loc) const {
  check_defined({"squeeze", loc}, *this);
  Shape shape;
  for (const int64_t size : shape_)
    if (size != 1) shape.push_back(size);
  return reshape(shape, loc);
}

Tensor Tensor::unsqueeze(int64_t axis0, Loc loc) const {
  const Op op{"unsqueeze", loc};
  check_defined(op, *this);
  check_new_axis(op, *this);
  const int axis = normalize_axis(op, axis0, rank() + 1);
  return record(op, view::unsqueeze(*this, axis), {{*this, [axis](const Tensor& g) { return g.squeeze(axis); }}});
}

Tensor sum_to(const Tensor& x, const Shape& shape, Loc loc) {
  const Op op{"sum_to", loc};
  check_defined(op, x);
  if (x.shape() == shape) return x;
  const int extra = x.rank() - shape.rank();
  Shape axes;
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t size = i < extra ? 1 : shape[i - extra];
    if (extra < 0 || (size != 1 && size != x.shape()[i]))
      fail<ShapeError>(op, "{} was not broadcast from {}; need sizes that are equal or 1, aligned at the right",
                       x.shape(), shape);
    if (i < extra || (size == 1 && x.shape()[i] != 1)) axes.push_back(i);
  }
  Tensor y = kernels::sum(x, axes, true);
  return record(op, view::reshape(y, shape), {{x, [from = x.shape()](const Tensor& g) { return g.expand(from); }}});
}

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis0, Loc loc) {
  const Op op{"split", loc};
  check_defined(op, x);
  const int axis = normalize_axis(op, axis0, x.rank());
  int64_t total = 0;
  for (const int64_t size : sizes) {
    if (size < 0) fail<ValueError>(op, "size {} is negative; need sizes of at least 0", size);
    total += size;
  }
  if (total != x.shape()[axis])
    fail<ShapeError>(op, "sizes add up to {} but axis {} of shape {} has {}; need equal totals", total, axis, x.shape(),
                     x.shape()[axis]);
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (const int64_t size : sizes) {
    parts.push_back(x.narrow(axis, start, size, loc));
    start += size;
  }
  return parts;
}

std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t axis0, Loc loc) {
  const Op op{"split", loc};
  check_defined(op, x);
  const int axis = normalize_axis(op, axis0, x.rank());
  if (size < 1) fail<ValueError>(op, "size {}; need at least 1", size);
  std::vector<int64_t> sizes;
  for (int64_t rest = x.shape()[axis]; rest > 0; rest -= size) sizes.push_back(std::min(size, rest));
  return split(x, sizes, axis, loc);
}

}  // namespace heed

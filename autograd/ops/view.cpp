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
Tensor pad_slice(const Tensor& x, int axis, int64_t start, const Shape& shape) {
  return record({"pad_slice"}, kernels::pad_slice(x, axis, start, shape),
                {{x, [axis, start, n = x.shape()[axis]](const Tensor& g) { return g.narrow(axis, start, n); }}});
}

}  // namespace

Tensor Tensor::to(DType dtype, Loc loc) const {
  const OpOf op{"to", *this, loc};
  if (dtype == dtype_) return *this;
  Tensor y = kernels::cast(*this, dtype);
  if (!is_floating(dtype) || !is_floating(dtype_)) return y;
  return record(op, y, {{*this, [from = dtype_](const Tensor& g) { return g.to(from); }}});
}

Tensor Tensor::contiguous(Loc loc) const {
  const OpOf op{"contiguous", *this, loc};
  return is_contiguous() ? *this : clone();
}

Tensor Tensor::clone(Loc loc) const {
  const OpOf op{"clone", *this, loc};
  return record(op, kernels::copy(*this), {{*this, [](const Tensor& g) { return g; }}});
}

Tensor Tensor::reshape(const Shape& asked, Loc loc) const {
  const OpOf op{"reshape", *this, loc};
  const Shape shape = view::resolve(op, *this, asked);
  if (shape == shape_) return *this;
  Tensor y = view::reshape(*this, shape);
  if (!y.defined()) y = view::reshape(kernels::copy(*this), shape);
  return record(op, y, {{*this, [from = shape_](const Tensor& g) { return g.reshape(from); }}});
}

Tensor Tensor::flatten(int64_t first0, int64_t last0, Loc loc) const {
  const OpOf op{"flatten", *this, loc};
  if (rank() == 0) return reshape({1});
  const int first = normalize_axis(op, first0, rank()), last = normalize_axis(op, last0, rank());
  if (first > last)
    fail<ValueError>(op, "first axis {} comes after last axis {} of shape {}; need them in order", first0, last0,
                     shape_);
  Shape shape;
  int64_t merged = 1;
  for (int i = 0; i < rank(); ++i) {
    if (i >= first && i <= last) merged *= shape_[i];
    if (i == last) shape.push_back(merged);
    else if (i < first || i > last) shape.push_back(shape_[i]);
  }
  return reshape(shape);
}

Tensor Tensor::transpose(int64_t a0, int64_t b0, Loc loc) const {
  const OpOf op{"transpose", *this, loc};
  const int axes = std::max(rank(), 1);  // a scalar has axis 0 here, as in PyTorch
  const int a = normalize_axis(op, a0, axes), b = normalize_axis(op, b0, axes);
  if (rank() == 0) return *this;
  return record(op, view::transpose(*this, a, b), {{*this, [a, b](const Tensor& g) { return g.transpose(a, b); }}});
}

Tensor Tensor::mT(Loc loc) const {
  const Op op{"mT", loc};
  check_rank_at_least(op, *this, 2);
  return transpose(-2, -1);
}

Tensor Tensor::permute(const Shape& asked, Loc loc) const {
  const OpOf op{"permute", *this, loc};
  if (asked.rank() != rank()) fail<ShapeError>(op, "{} axes for shape {}; need {}", asked.rank(), shape_, rank());
  normalize_axes(op, {asked.begin(), size_t(asked.rank())}, rank());
  Shape axes = asked, back = asked;
  for (int i = 0; i < rank(); ++i) axes[i] = normalize_axis(op, asked[i], rank());
  for (int i = 0; i < rank(); ++i) back[int(axes[i])] = i;
  return record(op, view::permute(*this, axes), {{*this, [back](const Tensor& g) { return g.permute(back); }}});
}

Tensor Tensor::narrow(int64_t axis0, int64_t start0, int64_t length, Loc loc) const {
  const OpOf op{"narrow", *this, loc};
  const int axis = normalize_axis(op, axis0, rank());
  Tensor y = view::narrow(op, *this, axis, start0, length);
  const int64_t start = start0 < 0 ? start0 + shape_[axis] : start0;
  return record(op, y,
                {{*this, [axis, start, shape = shape_](const Tensor& g) { return pad_slice(g, axis, start, shape); }}});
}

Tensor Tensor::select(int64_t axis0, int64_t index, Loc loc) const {
  const OpOf op{"select", *this, loc};
  const int axis = normalize_axis(op, axis0, rank());
  Tensor y = view::select(op, *this, axis, index);
  const int64_t start = index < 0 ? index + shape_[axis] : index;
  return record(op, y, {{*this, [axis, start, shape = shape_](const Tensor& g) {
                           return pad_slice(g.unsqueeze(axis), axis, start, shape);
                         }}});
}

Tensor Tensor::operator[](Index index) const { return select(0, index.at, index.where); }

Tensor Tensor::expand(const Shape& shape, Loc loc) const {
  const OpOf op{"expand", *this, loc};
  return record(op, view::expand(op, *this, shape),
                {{*this, [from = shape_](const Tensor& g) { return sum_to(g, from); }}});
}

Tensor Tensor::squeeze(int64_t axis0, Loc loc) const {
  const OpOf op{"squeeze", *this, loc};
  const int axis = normalize_axis(op, axis0, std::max(rank(), 1));  // a scalar has axis 0 here, as in PyTorch
  if (rank() == 0 || shape_[axis] != 1) return *this;
  return record(op, view::select(op, *this, axis, 0), {{*this, [axis](const Tensor& g) { return g.unsqueeze(axis); }}});
}

Tensor Tensor::squeeze(Loc loc) const {
  const OpOf op{"squeeze", *this, loc};
  Shape shape;
  for (const int64_t size : shape_)
    if (size != 1) shape.push_back(size);
  return reshape(shape);
}

Tensor Tensor::unsqueeze(int64_t axis0, Loc loc) const {
  const OpOf op{"unsqueeze", *this, loc};
  check_new_axis(op, *this);
  const int axis = normalize_axis(op, axis0, rank() + 1);
  return record(op, view::unsqueeze(*this, axis), {{*this, [axis](const Tensor& g) { return g.squeeze(axis); }}});
}

Tensor sum_to(const Tensor& x, const Shape& shape, Loc loc) {
  const OpOf op{"sum_to", x, loc};
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
  const OpOf op{"split", x, loc};
  const int axis = normalize_axis(op, axis0, x.rank());
  int64_t total = 0;
  for (const int64_t size : sizes) {
    if (size < 0) fail<ValueError>(op, "size {} is negative; need sizes of at least 0", size);
    total = saturating_sum(total, size);
  }
  if (total != x.shape()[axis])
    fail<ShapeError>(op, "sizes add up to {} but axis {} of shape {} has {}; need equal totals", total, axis, x.shape(),
                     x.shape()[axis]);
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (const int64_t size : sizes) {
    parts.push_back(x.narrow(axis, start, size));
    start += size;
  }
  return parts;
}

std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t axis0, Loc loc) {
  const OpOf op{"split", x, loc};
  const int axis = normalize_axis(op, axis0, x.rank());
  if (size < 1) fail<ValueError>(op, "size {}; need at least 1", size);
  int64_t rest = x.shape()[axis];
  std::vector<int64_t> sizes;
  do sizes.push_back(std::min(size, rest));
  while ((rest -= size) > 0);
  return split(x, sizes, axis);
}

std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t axis0, Loc loc) {
  const OpOf op{"chunk", x, loc};
  const int axis = normalize_axis(op, axis0, x.rank());
  if (chunks < 1) fail<ValueError>(op, "{} chunks; need at least 1", chunks);
  const int64_t n = x.shape()[axis];
  if (n == 0) return std::vector<Tensor>(static_cast<size_t>(chunks), x);
  return split(x, (n - 1) / chunks + 1, axis);
}

Tensor repeat(const Tensor& x, const Shape& repeats, Loc loc) {
  const OpOf op{"repeat", x, loc};
  if (repeats.rank() < x.rank())
    fail<ShapeError>(op, "repeats {} for shape {}; need at least {} numbers", repeats, x.shape(), x.rank());
  for (const int64_t n : repeats)
    if (n < 0) fail<ValueError>(op, "{} repeats in {}; need at least 0", n, repeats);
  Tensor y = x;
  while (y.rank() < repeats.rank()) y = y.unsqueeze(0);
  for (int axis = 0; axis < y.rank(); ++axis) {
    if (repeats[axis] == 1) continue;
    Shape wide = y.shape();
    wide.insert(axis, repeats[axis]);
    y = y.unsqueeze(axis).expand(wide).flatten(axis, axis + 1);
  }
  return apart(y, x);
}

Tensor tile(const Tensor& x, const Shape& repeats, Loc loc) {
  const OpOf op{"tile", x, loc};
  Shape all_axes = repeats;
  while (all_axes.rank() < x.rank()) all_axes.insert(0, 1);
  return repeat(x, all_axes);
}

Tensor roll(const Tensor& x, const Axes& shifts0, const Axes& axes0, Loc loc) {
  const OpOf op{"roll", x, loc};
  const std::span<const int64_t> shifts = shifts0.of(op), axes = axes0.of(op);
  if (axes.empty() && shifts.size() == 1) return roll(x.reshape({-1}), shifts0, 0).reshape(x.shape());
  if (axes.size() != shifts.size())
    fail<ValueError>(op, "{} shifts for {} axes; need one each", shifts.size(), axes.size());
  Tensor y = x;
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = axis_of(op, axes[i], x);
    const int64_t n = x.rank() == 0 ? 0 : x.shape()[axis];
    if (const int64_t up = n == 0 ? 0 : (shifts[i] % n + n) % n; up != 0)
      y = cat({y.narrow(axis, n - up, up), y.narrow(axis, 0, n - up)}, axis);
  }
  return apart(y, x);
}

Tensor pad(const Tensor& x, const std::vector<int64_t>& pads, Scalar value, Loc loc) {
  const OpOf op{"pad", x, loc};
  if (pads.size() % 2 != 0 || static_cast<int>(pads.size()) > 2 * x.rank())
    fail<ValueError>(op, "{} pads for shape {}; need two an axis, for at most {} axes", pads.size(), x.shape(),
                     x.rank());
  Shape shape = x.shape();
  for (size_t i = 0; i < pads.size(); i += 2) {
    const int axis = x.rank() - 1 - static_cast<int>(i / 2);
    const int64_t n = x.shape()[axis];
    shape[axis] = saturating_sum(saturating_sum(n, pads[i]), pads[i + 1]);
    if (shape[axis] < 0 || pads[i] < -n || pads[i + 1] < -n)
      fail<ValueError>(op, "pads {} and {} take more than axis {} of shape {} has; need at least {} together", pads[i],
                       pads[i + 1], axis, x.shape(), -n);
  }
  Tensor y = full(shape, value, x.dtype()), from = x.detach(), to = y;
  std::vector<int64_t> back;
  for (size_t i = 0; i < pads.size(); i += 2) {
    const int axis = x.rank() - 1 - static_cast<int>(i / 2);
    const int64_t length = x.shape()[axis] + std::min<int64_t>(0, pads[i]) + std::min<int64_t>(0, pads[i + 1]);
    from = view::narrow(op, from, axis, std::max<int64_t>(0, -pads[i]), length);
    to = view::narrow(op, to, axis, std::max<int64_t>(0, pads[i]), length);
    back.insert(back.end(), {-pads[i], -pads[i + 1]});
  }
  kernels::copy_into(from, to);
  return record(op, y, {{x, [back](const Tensor& g) { return pad(g, back); }}});
}

}  // namespace heed

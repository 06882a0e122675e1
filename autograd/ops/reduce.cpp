// Reductions over axes and running sums.
#include <cmath>

#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/kernels/elementwise.h>
#include <heed/tensor/kernels/reduce.h>

namespace heed {

using namespace autograd;

namespace {

/// y with the reduced axes back in place, as size 1.
Tensor keep(const Tensor& y, const Shape& shape, const Shape& axes) {
  return y.reshape(kernels::reduced_shape(shape, axes, true));
}

int64_t count(const Shape& shape, const Shape& axes) {
  int64_t n = 1;
  for (const int64_t axis : axes) n *= shape[int(axis)];
  return n;
}

void check_not_empty(const Op& op, const Tensor& x, const Shape& axes) {
  if (count(x.shape(), axes) == 0)
    fail<ShapeError>(op, "shape {} has no elements to reduce; need at least 1", x.shape());
}

Tensor sum(const Op& op, const Tensor& x, const Shape& axes, bool keepdim) {
  return record(op, kernels::sum(x, axes, keepdim),
                {{x, [shape = x.shape(), axes](const Tensor& g) { return keep(g, shape, axes).expand(shape); }}});
}

Tensor mean(const Op& op, const Tensor& x, const Shape& axes, bool keepdim) {
  check_floating(op, x);
  return div(sum(op, x, axes, keepdim), static_cast<double>(count(x.shape(), axes)), op.where);
}

Tensor var(const Op& op, const Tensor& x, const Shape& axes, bool keepdim, bool unbiased) {
  check_floating(op, x);
  const Tensor centred = x - mean(op, x, axes, true);
  const int64_t n = std::max<int64_t>(0, count(x.shape(), axes) - (unbiased ? 1 : 0));  // 0: NaN
  return div(sum(op, centred * centred, axes, keepdim), static_cast<double>(n), op.where);
}

Tensor extreme(const Op& op, const Tensor& x, const Shape& axes, bool keepdim,
               Tensor (*kernel)(const Tensor&, const Shape&, bool)) {
  check_not_empty(op, x, axes);
  return record(op, kernel(x, axes, keepdim), {{x, [x, axes](const Tensor& g, const Tensor& y) {
                                                  const Tensor hits =
                                                      eq(x.detach(), keep(y.detach(), x.shape(), axes)).to(x.dtype());
                                                  const Tensor ties = kernels::sum(hits, axes, true);
                                                  return keep(g, x.shape(), axes) * (hits / ties);
                                                }}});
}

/// The first extreme element along one axis takes the whole gradient, as an index would pick it.
Tensor picked(const Op& op, const Tensor& x, int axis, bool keepdim, Tensor (*kernel)(const Tensor&, int, bool)) {
  check_not_empty(op, x, {axis});
  const Tensor y = gather(x, axis, kernel(x.detach(), axis, true), op.where);
  return keepdim ? y : y.squeeze(axis);
}

Tensor index_of(const Op& op, const Tensor& x, const Shape& axis, bool keepdim,
                Tensor (*kernel)(const Tensor&, int, bool)) {
  check_not_empty(op, x, axis);
  return kernel(x.detach(), int(axis[0]), keepdim);
}

Tensor index_of_all(const Op& op, const Tensor& x, Tensor (*kernel)(const Tensor&, int, bool)) {
  check_defined(op, x);
  check_not_empty(op, x, normalize_axes(op, {}, x.rank()));
  return kernel(x.detach().reshape({-1}), 0, false);
}

Shape all_axes(const Op& op, const Tensor& x) {
  check_defined(op, x);
  return normalize_axes(op, {}, x.rank());
}
Shape one_axis(const Op& op, int64_t axis, const Tensor& x) {
  check_defined(op, x);
  return {normalize_axis(op, axis, x.rank())};
}
Shape some_axes(const Op& op, Axes axes, const Tensor& x) {
  check_defined(op, x);
  return normalize_axes(op, {axes.begin(), axes.size()}, x.rank());
}

}  // namespace

Tensor Tensor::sum(Loc loc) const { return heed::sum({"sum", loc}, *this, all_axes({"sum", loc}, *this), false); }
Tensor Tensor::sum(int64_t axis, bool keepdim, Loc loc) const {
  return heed::sum({"sum", loc}, *this, one_axis({"sum", loc}, axis, *this), keepdim);
}
Tensor Tensor::sum(Axes axes, bool keepdim, Loc loc) const {
  return heed::sum({"sum", loc}, *this, some_axes({"sum", loc}, axes, *this), keepdim);
}
Tensor Tensor::mean(Loc loc) const { return heed::mean({"mean", loc}, *this, all_axes({"mean", loc}, *this), false); }
Tensor Tensor::mean(int64_t axis, bool keepdim, Loc loc) const {
  return heed::mean({"mean", loc}, *this, one_axis({"mean", loc}, axis, *this), keepdim);
}
Tensor Tensor::mean(Axes axes, bool keepdim, Loc loc) const {
  return heed::mean({"mean", loc}, *this, some_axes({"mean", loc}, axes, *this), keepdim);
}
Tensor Tensor::var(Loc loc) const { return heed::var({"var", loc}, *this, all_axes({"var", loc}, *this), false, true); }
Tensor Tensor::var(int64_t axis, bool keepdim, bool unbiased, Loc loc) const {
  return heed::var({"var", loc}, *this, one_axis({"var", loc}, axis, *this), keepdim, unbiased);
}
Tensor Tensor::max(Loc loc) const {
  return extreme({"max", loc}, *this, all_axes({"max", loc}, *this), false, kernels::amax);
}
Tensor Tensor::min(Loc loc) const {
  return extreme({"min", loc}, *this, all_axes({"min", loc}, *this), false, kernels::amin);
}
Tensor Tensor::max(int64_t axis, bool keepdim, Loc loc) const {
  const Op op{"max", loc};
  return picked(op, *this, int(one_axis(op, axis, *this)[0]), keepdim, kernels::argmax);
}
Tensor Tensor::min(int64_t axis, bool keepdim, Loc loc) const {
  const Op op{"min", loc};
  return picked(op, *this, int(one_axis(op, axis, *this)[0]), keepdim, kernels::argmin);
}
Tensor Tensor::argmax(Loc loc) const { return index_of_all({"argmax", loc}, *this, kernels::argmax); }
Tensor Tensor::argmin(Loc loc) const { return index_of_all({"argmin", loc}, *this, kernels::argmin); }
Tensor Tensor::argmax(int64_t axis, bool keepdim, Loc loc) const {
  const Op op{"argmax", loc};
  return index_of(op, *this, one_axis(op, axis, *this), keepdim, kernels::argmax);
}
Tensor Tensor::argmin(int64_t axis, bool keepdim, Loc loc) const {
  const Op op{"argmin", loc};
  return index_of(op, *this, one_axis(op, axis, *this), keepdim, kernels::argmin);
}

Tensor amax(const Tensor& x, const std::vector<int64_t>& axes, bool keepdim, Loc loc) {
  const Op op{"amax", loc};
  check_number(op, x);
  return extreme(op, x, normalize_axes(op, axes, x.rank()), keepdim, kernels::amax);
}
Tensor amin(const Tensor& x, const std::vector<int64_t>& axes, bool keepdim, Loc loc) {
  const Op op{"amin", loc};
  check_number(op, x);
  return extreme(op, x, normalize_axes(op, axes, x.rank()), keepdim, kernels::amin);
}

Tensor logsumexp(const Tensor& x, int64_t axis0, bool keepdim, Loc loc) {
  const Op op{"logsumexp", loc};
  check_floating(op, x);
  const Shape axes = one_axis(op, axis0, x);
  // Subtract the maximum so that exp cannot overflow; an infinite one stays in place, or inf - inf would be NaN.
  const Tensor top = x.size(axis0) == 0 ? zeros(kernels::reduced_shape(x.shape(), axes, true), x.dtype())
                                        : kernels::map(kernels::amax(x, axes, true), [](auto v) {
                                            return std::abs(v) == INFINITY ? decltype(v)(0) : v;
                                          });
  const Tensor shifted = kernels::map2(x, top.expand(x.shape()), [](auto v, auto m) { return std::exp(v - m); });
  const Tensor total = kernels::sum(shifted, axes, true);
  const Tensor y = kernels::map2(total, top, [](auto s, auto m) { return std::log(s) + m; });
  return record(op, keepdim ? y : y.reshape(kernels::reduced_shape(x.shape(), axes, false)),
                {{x, [x, axes](const Tensor& g, const Tensor& value) {
                    const Tensor z = keep(value, x.shape(), axes);
                    const Tensor empty_rows =
                        eq(z.detach(), -INFINITY);  // exp(-inf - 0) = 0: such a row gets no gradient
                    return keep(g, x.shape(), axes) * heed::exp(x - masked_fill(z, empty_rows, 0));
                  }}});
}

Tensor cumsum(const Tensor& x, int64_t axis0, Loc loc) {
  const Op op{"cumsum", loc};
  check_number(op, x);
  const int axis = normalize_axis(op, axis0, x.rank());
  return record(op, kernels::cumsum(x, axis),
                {{x, [axis](const Tensor& g) { return flip(cumsum(flip(g, axis), axis), axis); }}});
}

}  // namespace heed

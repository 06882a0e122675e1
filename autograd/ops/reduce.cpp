// Reductions over axes and running sums.
#include <algorithm>
#include <cmath>
#include <limits>

#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/elementwise.h>
#include <heed/tensor/kernels/index.h>
#include <heed/tensor/kernels/reduce.h>
#include <heed/tensor/kernels/softmax.h>

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

/// x with the reduced axes merged into one, the last.
Tensor reduced_last(const Tensor& x, const Shape& axes) {
  Shape order, rows = kernels::reduced_shape(x.shape(), axes, false);
  for (int i = 0; i < x.rank(); ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
  for (const int64_t axis : axes) order.push_back(axis);
  rows.push_back(count(x.shape(), axes));
  return x.permute(order).reshape(rows);
}

void check_not_empty(const Op& op, const Tensor& x, const Shape& axes) {
  if (count(x.shape(), axes) == 0)
    fail<ShapeError>(op, "shape {} has no elements to reduce to shape {}; need at least 1 on every reduced axis",
                     x.shape(), kernels::reduced_shape(x.shape(), axes, false));
}

Tensor sum(const Op& op, const Tensor& x, const Shape& axes, bool keepdim) {
  return record(op, kernels::sum(x, axes, keepdim),
                {{x, [shape = x.shape(), axes](const Tensor& g) { return keep(g, shape, axes).expand(shape); }}});
}

Tensor mean(const Op& op, const Tensor& x, const Shape& axes, bool keepdim) {
  check_floating(op, x);
  return sum(op, x, axes, keepdim) / count(x.shape(), axes);
}

/// What the sum of squared deviations is divided by; 0 gives NaN.
double freedom(const Tensor& x, const Shape& axes, double correction) {
  return std::max(0.0, static_cast<double>(count(x.shape(), axes)) - correction);
}

Tensor var(const Op& op, const Tensor& x, const Shape& axes, double correction, bool keepdim) {
  check_floating(op, x);
  const double n = freedom(x, axes, correction);
  const auto centred = [axes](const Tensor& from) { return from - mean({"var"}, from, axes, true); };
  const Tensor c = centred(x.detach());
  return record(
      op, kernels::sum(c * c, axes, keepdim) / n,
      {{x, [x, axes, n, centred](const Tensor& g) { return times(keep(g, x.shape(), axes) * (2 / n), centred(x)); }}});
}

/// x / y, and 0 where y is, in its derivatives too.
Tensor ratio_of(const Tensor& x, const Tensor& y) {
  const Tensor none = eq(y, 0);
  return masked_fill(x, none, 0) / masked_fill(y, none, 1);
}

/// g, but 0 where y is: an infinite one would make NaN of that.
Tensor beside_zeros(const Tensor& g, const Tensor& y) { return masked_fill(g, eq(y, 0), 0); }

Tensor extreme(const Op& op, const Tensor& x, const Shape& axes, bool keepdim,
               Tensor (*kernel)(const Tensor&, const Shape&, bool)) {
  check_not_empty(op, x, axes);
  return record(op, kernel(x, axes, keepdim),
                {{x, [x, axes](const Tensor& g, const Tensor& y) {
                    const Tensor best = keep(y.detach(), x.shape(), axes).expand(x.shape());
                    const Tensor hits = kernels::map2(
                        x.detach(), best, [](auto u, auto v) { return decltype(u)((u == v) | ((u != u) & (v != v))); });
                    return times(hits, keep(g, x.shape(), axes) / kernels::sum(hits, axes, true));
                  }}});
}

using IndexKernel = Tensor (*)(const Tensor&, int, bool);

/// Axis 0 or -1 of a number is the number itself.
Shape some_axes(const Op& op, const Axes& given, const Tensor& x) {
  check_defined(op, x);
  const std::span<const int64_t> axes = given.of(op);
  return x.rank() == 0 && axes.size() == 1 && (axes[0] == 0 || axes[0] == -1) ? Shape()
                                                                              : normalize_axes(op, axes, x.rank());
}

/// Along an axis, or of all elements in row-major order.
Tensor index_of(const Op& op, const Tensor& x, std::optional<int64_t> axis, bool keepdim, IndexKernel kernel) {
  const Shape axes = some_axes(op, axis ? Axes(*axis) : Axes(), x);
  check_not_empty(op, x, axes);
  if (axis && x.rank() > 0) return kernel(x.detach(), int(axes[0]), keepdim);
  const Tensor y = kernel(x.detach().reshape({-1}), 0, false);
  return keepdim ? keep(y, x.shape(), axes) : y;
}

}  // namespace

Tensor Tensor::sum(const Axes& axes, bool keepdim, Loc loc) const {
  const Op op{"sum", loc};
  return heed::sum(op, *this, some_axes(op, axes, *this), keepdim);
}
Tensor Tensor::mean(const Axes& axes, bool keepdim, Loc loc) const {
  const Op op{"mean", loc};
  return heed::mean(op, *this, some_axes(op, axes, *this), keepdim);
}
Tensor Tensor::var(const Axes& axes, double correction, bool keepdim, Loc loc) const {
  const Op op{"var", loc};
  return heed::var(op, *this, some_axes(op, axes, *this), correction, keepdim);
}

Tensor Tensor::std(const Axes& axes0, double correction, bool keepdim, Loc loc) const {
  const Op op{"std", loc};
  const Tensor& x = *this;
  check_floating(op, x);
  const Shape axes = some_axes(op, axes0, x);
  const auto root = [](auto v) { return std::sqrt(v); };
  // In f64, where the squares of all that f32 holds are numbers.
  return record(op, kernels::map(heed::var(op, x.detach().to(f64), axes, correction, keepdim), root).to(x.dtype()),
                {{x, [x, axes, n = freedom(x, axes, correction)](const Tensor& g, const Tensor& y) {
                    // (x - mean) / (n y), and 0 where all are equal.
                    const Tensor centred = x - heed::mean({"std"}, x, axes, true), z = keep(y, x.shape(), axes);
                    return times(beside_zeros(keep(g, x.shape(), axes) / n, z), ratio_of(centred, z));
                  }}});
}

Tensor Tensor::norm(double p, const Axes& axes0, bool keepdim, Loc loc) const {
  const Op op{"norm", loc};
  const Tensor& x = *this;
  check_floating(op, x);
  if (std::isnan(p)) fail<ValueError>(op, "p is {}; need a number", p);
  const Shape axes = some_axes(op, axes0, x);
  if (std::isinf(p)) return extreme(op, abs(x), axes, keepdim, p > 0 ? kernels::amax : kernels::amin);
  if (p == 0)
    return record(op, kernels::sum(ne(x, 0), axes, keepdim).to(x.dtype()),
                  {{x, [x](const Tensor&) { return zeros_like(x); }}});
  const auto root = [p](double v) { return p == 2 ? std::sqrt(v) : p == 1 ? v : std::pow(v, 1 / p); };
  // In f64, where the squares of all that f32 holds are numbers.
  const Tensor powers = kernels::sum_of_powers(x, p, axes, keepdim);
  return record(op, kernels::map_as<double, double>(powers, root).to(x.dtype()),
                {{x, [x, p, axes](const Tensor& g, const Tensor& y0) {
                    // sign(x) (|x| / y)^(p - 1), and 0 where x or y is.
                    if (p == 1) return times(sign(x), keep(g, x.shape(), axes));
                    const Tensor y = keep(y0, x.shape(), axes), ratio = ratio_of(x, y);
                    const Tensor dx =
                        p == 2 ? ratio : sign(ratio) * pow(masked_fill(abs(ratio), eq(ratio, 0), 1), p - 1);
                    return times(beside_zeros(keep(g, x.shape(), axes), y), dx);
                  }}});
}

Tensor Tensor::prod(const Axes& axes0, bool keepdim, Loc loc) const {
  const Op op{"prod", loc};
  const Tensor& x = *this;
  const Shape axes = some_axes(op, axes0, x);
  if (axes.rank() != 1) {
    const Tensor y = reduced_last(x, axes).prod(-1);
    return keepdim ? keep(y, x.shape(), axes) : y;
  }
  const int axis = int(axes[0]);
  return fused(
      op, kernels::prod(x, axes, keepdim), {x},
      [x = x.detach(), axes, axis](const Tensor& g, Needs) -> Gradients {
        if (x.numel() == 0) return {zeros_like(x)};
        // y / x where y has all its digits, as the others' product may leave even f64's range on its way; else that.
        const double least = x.dtype() == f32 ? std::numeric_limits<float>::min() : std::numeric_limits<double>::min();
        const Tensor y = kernels::prod(x, axes, true), whole = logical_and(ge(abs(y), least), isfinite(y));
        const Tensor kept = keep(g, x.shape(), axes), dx = times(kept, over(where(whole, y, 0), x));
        if (whole.all().item<bool>()) return {dx};
        const Tensor at_last = kernels::pad_slice(kept, axis, x.size(axis) - 1, x.shape());
        return {where(whole, dx, kernels::cumprod_backward(at_last, x, axis))};
      },
      [axis, keepdim, n = x.size(axis)](Inputs in) {
        const Tensor y = n == 0 ? in[0].sum(axis, true) + 1 : reference::cumprod(in[0], axis).narrow(axis, n - 1, 1);
        return keepdim ? y : y.squeeze(axis);
      });
}

Tensor Tensor::any(const Axes& axes, bool keepdim, Loc loc) const {
  const Op op{"any", loc};
  const Shape reduced = some_axes(op, axes, *this);
  return kernels::amax(dtype() == boolean ? *this : ne(*this, 0), reduced, keepdim);
}
Tensor Tensor::all(const Axes& axes, bool keepdim, Loc loc) const {
  const Op op{"all", loc};
  const Shape reduced = some_axes(op, axes, *this);
  return kernels::amin(dtype() == boolean ? *this : ne(*this, 0), reduced, keepdim);
}

Tensor Tensor::max(const Axes& axes, bool keepdim, Loc loc) const {
  const Op op{"max", loc};
  return extreme(op, *this, some_axes(op, axes, *this), keepdim, kernels::amax);
}
Tensor Tensor::min(const Axes& axes, bool keepdim, Loc loc) const {
  const Op op{"min", loc};
  return extreme(op, *this, some_axes(op, axes, *this), keepdim, kernels::amin);
}
Tensor Tensor::argmax(std::optional<int64_t> axis, bool keepdim, Loc loc) const {
  return index_of({"argmax", loc}, *this, axis, keepdim, kernels::argmax);
}
Tensor Tensor::argmin(std::optional<int64_t> axis, bool keepdim, Loc loc) const {
  return index_of({"argmin", loc}, *this, axis, keepdim, kernels::argmin);
}

Tensor amax(const Tensor& x, const Axes& axes, bool keepdim, Loc loc) {
  const Op op{"amax", loc};
  check_number(op, x);
  return extreme(op, x, some_axes(op, axes, x), keepdim, kernels::amax);
}
Tensor amin(const Tensor& x, const Axes& axes, bool keepdim, Loc loc) {
  const Op op{"amin", loc};
  check_number(op, x);
  return extreme(op, x, some_axes(op, axes, x), keepdim, kernels::amin);
}

Tensor logsumexp(const Tensor& x, const Axes& axes0, bool keepdim, Loc loc) {
  const Op op{"logsumexp", loc};
  check_floating(op, x);
  const Shape axes = some_axes(op, axes0, x);
  const Tensor rows = kernels::contiguous(reduced_last(x.detach(), axes));
  Tensor y = empty(kernels::reduced_shape(x.shape(), axes, keepdim), x.dtype());
  dispatch_floating(
      x.dtype(), [&]<class T>() { kernels::logsumexp(rows.data<T>(), y.mutable_data<T>(), y.numel(), rows.size(-1)); });
  return record(op, y, {{x, [x, axes](const Tensor& g, const Tensor& value) {
                           const Tensor z = keep(value, x.shape(), axes);
                           const Tensor empty_rows =
                               eq(z.detach(), -INFINITY);  // exp(-inf - 0) = 0: such a row gets no gradient
                           return times(keep(g, x.shape(), axes), heed::exp(x - masked_fill(z, empty_rows, 0)));
                         }}});
}

Tensor cumsum(const Tensor& x, int64_t axis0, Loc loc) {
  const Op op{"cumsum", loc};
  check_number(op, x);
  const int axis = axis_of(op, axis0, x);
  if (x.rank() == 0) return x.clone();
  return record(op, kernels::cumsum(x, axis),
                {{x, [axis](const Tensor& g) { return flip(cumsum(flip(g, axis), axis), axis); }}});
}

Tensor cumprod(const Tensor& x, int64_t axis0, Loc loc) {
  const Op op{"cumprod", loc};
  check_number(op, x);
  const int axis = axis_of(op, axis0, x);
  if (x.rank() == 0) return x.clone();
  return fused(
      op, kernels::cumprod(x, axis), {x},
      [x = x.detach(), axis](const Tensor& g, Needs) -> Gradients { return {kernels::cumprod_backward(g, x, axis)}; },
      [axis](Inputs in) { return reference::cumprod(in[0], axis); });
}

}  // namespace heed

// Reductions over axes and running sums.
#pragma once

#include <heed/tensor/tensor.h>

namespace heed::kernels {

/// `x.shape()` without `axes` (sorted), or with 1 in their places.
Shape reduced_shape(const Shape& shape, const Shape& axes, bool keepdim);

/// Sum or product over `axes` (sorted, distinct). f32 accumulates in f64 along an axis, i64 in i64, where it wraps;
/// boolean counts into i64.
Tensor sum(const Tensor& x, const Shape& axes, bool keepdim);
Tensor prod(const Tensor& x, const Shape& axes, bool keepdim);
/// f64: the sum of |x|^p.
Tensor sum_of_powers(const Tensor& x, double p, const Shape& axes, bool keepdim);
/// Maximum (minimum) over `axes`; NaN wins. The reduced axes must not be empty.
Tensor amax(const Tensor& x, const Shape& axes, bool keepdim);
Tensor amin(const Tensor& x, const Shape& axes, bool keepdim);
/// i64: where along `axis` the first maximum (minimum) is; the first NaN wins. The axis must not be empty.
Tensor argmax(const Tensor& x, int axis, bool keepdim);
Tensor argmin(const Tensor& x, int axis, bool keepdim);
/// Running sums and products along `axis`; f32 accumulates in f64.
Tensor cumsum(const Tensor& x, int axis);
Tensor cumprod(const Tensor& x, int axis);
/// dx_k = (product of all before k) (sum over i >= k of g_i times the product of those between): exact beside zeros.
Tensor cumprod_backward(const Tensor& g, const Tensor& x, int axis);

}  // namespace heed::kernels

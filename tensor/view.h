// Views without history: the same storage under other shapes and strides. Every function checks and names `op`.
#pragma once

#include <heed/tensor/tensor.h>

namespace heed::view {

/// Undefined if the strides cannot express `shape`, which must have x's element count.
Tensor reshape(const Tensor& x, const Shape& shape);
/// `shape` with its -1, if any, resolved for x. Throws ShapeError.
Shape resolve(const Op& op, const Tensor& x, const Shape& shape);
Tensor transpose(const Tensor& x, int a, int b);
Tensor permute(const Tensor& x, const Shape& axes);
/// A negative start or index counts from the end.
Tensor narrow(const Op& op, const Tensor& x, int axis, int64_t start, int64_t length);
Tensor select(const Op& op, const Tensor& x, int axis, int64_t index);
Tensor expand(const Op& op, const Tensor& x, const Shape& shape);
Tensor unsqueeze(const Tensor& x, int axis);

}  // namespace heed::view

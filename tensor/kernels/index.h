// Picking and adding by index, joining, triangles, reversal. Indices have been checked by the op.
#pragma once

#include <optional>
#include <vector>

#include <heed/tensor/tensor.h>

namespace heed::kernels {

/// The first element of `index` (i64) outside [low, high), if any.
std::optional<int64_t> first_outside(const Tensor& index, int64_t low, int64_t high);
/// `index` with n added to its negative elements.
Tensor from_the_start(const Tensor& index, int64_t n);
/// Where among its elements in row-major order a boolean tensor's true ones are: i64 (count).
Tensor true_places(const Tensor& mask);

Tensor cat(const std::vector<Tensor>& tensors, int axis);
Tensor index_select(const Tensor& x, int axis, const Tensor& index);
Tensor gather(const Tensor& x, int axis, const Tensor& index);
/// y itself (contiguous) with g's slices added at index, or its elements where gather would take them; equal indices
/// add up, in order.
Tensor index_add(Tensor y, int axis, const Tensor& index, const Tensor& g);
Tensor scatter_add(const Tensor& y, int axis, const Tensor& index, const Tensor& g);
/// A copy of x with src's elements where gather would take them; src has index's shape.
Tensor scatter(const Tensor& x, int axis, const Tensor& index, const Tensor& src);
/// i64: the indices of the first k elements along an axis in ascending or descending order. Equal elements stand in the
/// order of their indices; NaN counts as the largest.
Tensor order(const Tensor& x, int axis, int64_t k, bool descending);
/// Zeros of `shape`, with x at start .. on `axis`.
Tensor pad_slice(const Tensor& x, int axis, int64_t start, const Shape& shape);
/// Keeps column - row <= diagonal (lower) or >= diagonal (upper) of the last two axes; zeros elsewhere.
Tensor triangle(const Tensor& x, int64_t diagonal, bool lower);

}  // namespace heed::kernels

// Copies, casts, fills.
#pragma once

#include <heed/tensor/tensor.h>

namespace heed::kernels {

/// A contiguous copy in storage of its own.
Tensor copy(const Tensor& x);
/// x itself if contiguous, else a contiguous copy.
Tensor contiguous(const Tensor& x);
/// Writes x over y; equal shapes and dtypes, any strides.
void copy_into(const Tensor& x, Tensor y);
/// y += x, element by element; equal shapes, f32 or f64, any strides. y must not share memory within itself.
void add_into(const Tensor& x, Tensor& y);
/// A contiguous copy with the order along an axis reversed.
Tensor flip(const Tensor& x, int axis);
/// x as another dtype. To i64 fractions are cut off, and what it cannot hold, or NaN, gives its lowest; anything to
/// boolean is != 0.
Tensor cast(const Tensor& x, DType dtype);
void fill(Tensor& y, Scalar value);
inline void fill(Tensor&& view, Scalar value) { fill(view, value); }

}  // namespace heed::kernels

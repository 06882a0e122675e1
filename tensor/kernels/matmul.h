// Products of stacks of matrices with any strides, over gemm.
#pragma once

#include <heed/tensor/tensor.h>

namespace heed::kernels {

/// a (..., m, k) x b (..., k, n) -> (..., m, n), with equal leading axes (stride 0 allowed). f32 or f64.
Tensor matmul(const Tensor& a, const Tensor& b);

}  // namespace heed::kernels

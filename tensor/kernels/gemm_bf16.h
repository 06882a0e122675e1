// Matrix products of operands that are rounded to bf16.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// As gemm of float, with each element of A and B rounded to the nearest bf16 while it is packed, and sums in f32.
/// Needs has_bf16() (tensor/precision.h). Each element of C is summed in an order that k alone decides: the same bits
/// at any number of threads, inside a parallel_for too.
void gemm_bf16(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
               int64_t ldb, float beta, float* c, int64_t ldc);

}  // namespace heed::kernels

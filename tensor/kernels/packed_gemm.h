// Matrix products of packed operands.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// As gemm, where m, n and k are at least 1. Element: Real, or Bf16Pair where Real is float: each element of A and B is
/// rounded to the nearest bf16 while it is packed, and sums are in f32; needs has_bf16() (tensor/precision.h). Each
/// element of C is summed in an order that k alone decides: the same bits at any number of threads, inside a
/// parallel_for too.
template <class Element, class Real>
void packed_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const Real* a, int64_t lda, const Real* b,
                 int64_t ldb, Real beta, Real* c, int64_t ldc);

}  // namespace heed::kernels

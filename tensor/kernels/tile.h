// Products of packed operands: pieces of f32 and of f64 as one thread makes them on the machine's vectors, and all.
#pragma once

#include <heed/tensor/kernels/pack.h>

namespace heed::kernels {

/// Packs a transposed A in units across, into room for rows_size(m, k) elements. Real: float, double.
template <class Real>
Rows<Real> pack_rows(const Source<Real>& a, int64_t m, int64_t k, Real* to);

/// Panel i of B, whole_lines(width) * k elements.
template <class Real>
void pack_panel(const Source<Real>& b, const Panels<Real>& panels, int64_t i, int64_t k, Real* to);

/// C (m, n) = A B + beta C of a packed A, or one as it lies, and of one panel of B; beta = 0 never reads C. An
/// element's sum runs along k, the same in every place.
template <class Real>
void multiply(int64_t m, int64_t n, int64_t k, const Rows<Real>& a, const Columns<Real>& b, Real beta, Real* c,
              int64_t ldc);

/// c (n) += the sum over k of a[p * step] b[p * ldb + j], for j < n.
template <class Real>
void add_rows(int64_t n, int64_t k, const Real* a, int64_t step, const Real* b, int64_t ldb, Real* c);

/// As gemm, where m, n and k are at least 1. Element: Real, or Bf16Pair where Real is float: each element of A and B is
/// rounded to the nearest bf16 while it is packed, and sums are in f32; needs has_bf16() (tensor/precision.h). Each
/// element of C is summed in an order that k alone decides: the same bits at any number of threads, inside a
/// parallel_for too.
template <class Element, class Real>
void packed_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const Real* a, int64_t lda, const Real* b,
                 int64_t ldb, Real beta, Real* c, int64_t ldc);

}  // namespace heed::kernels

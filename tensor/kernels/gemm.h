// Matrix products on raw row-major arrays. gemm.cpp is the only file that knows OpenBLAS.
#pragma once

#include <cstdint>
#include <string>

namespace heed::kernels {

/// C = op(A) op(B) + beta * C, with op(A) (m, k), op(B) (k, n), C (m, n), all row-major with leading dimensions
/// lda, ldb, ldc; op transposes where the flag says so. beta = 0 never reads C. k = 0 scales C by beta.
/// Split over the thread pool by rows or columns of C; inside a parallel_for it runs on the calling thread.
/// T: float, double.
template <class T>
void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
          T beta, T* c, int64_t ldc);

/// The same on the calling thread alone.
template <class T>
void gemm_serial(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
                 int64_t ldb, T beta, T* c, int64_t ldc);

/// `batch` products of one size: the i-th reads a + i * stride_a and b + i * stride_b and overwrites c + i * stride_c.
/// Strides of a and b may be 0. The products are shared out among the threads, one product to a thread.
template <class T>
void gemm_batched(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda,
                  int64_t stride_a, const T* b, int64_t ldb, int64_t stride_b, T* c, int64_t ldc, int64_t stride_c,
                  int64_t batch);

/// The BLAS library and the kernels it chose for this machine: "OpenBLAS 0.3.21 (pthreads build), kernels for
/// SkylakeX".
std::string blas_report();

}  // namespace heed::kernels

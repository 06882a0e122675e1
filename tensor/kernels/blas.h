// What gemm.cpp asks of a BLAS, products on the calling thread: OpenBLAS's, or plain ones of heed's own in builds with
// -DHEED_BLAS=portable.
#pragma once

#include <cstdint>
#include <string>

namespace heed::kernels {

// Each has:
//
//   gemm     C = op(A) op(B) + beta * C as kernels::gemm. Sizes of 0 are fine. T: float, double.
//   gemv     y = op(A) x + beta * y with op(A) (rows, columns); x and y have so many elements from one to the next.
//   report   The library and what it chose for this machine.
#define HEED_DECLARE_BLAS(NAME)                                                                                     \
  namespace NAME {                                                                                                  \
  template <class T>                                                                                                \
  void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,       \
            int64_t ldb, T beta, T* c, int64_t ldc);                                                                \
  template <class T>                                                                                                \
  void gemv(bool trans, int64_t rows, int64_t columns, const T* a, int64_t lda, const T* x, int64_t step_x, T beta, \
            T* y, int64_t step_y);                                                                                  \
  std::string report();                                                                                             \
  }
HEED_DECLARE_BLAS(openblas)
HEED_DECLARE_BLAS(portable)
#undef HEED_DECLARE_BLAS

#ifdef HEED_PORTABLE_BLAS
namespace blas = portable;
#else
namespace blas = openblas;
#endif

}  // namespace heed::kernels

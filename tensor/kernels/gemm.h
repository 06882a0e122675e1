// Matrix products.
#pragma once

#include <atomic>
#include <cstdint>

#include <heed/tensor/tensor.h>

namespace heed::kernels {

/// So few rows read the other operand once each in less time than a product takes to pack it (1536 x 384, f32: 0.10
/// against 0.24 ms for one row, 0.22 against 0.24 for four).
constexpr int64_t kFewRows = 4;
/// And so few are faster where each weight is read along its row, which thin_product does.
constexpr int64_t kThinRows = 16;

/// The floating-point operations of matrix products, for profiles.
inline std::atomic<int64_t> flop_counter{0};

/// A multiplication and an addition count as two. Called by kernels, once a product.
inline void count_flops(int64_t n) { flop_counter.fetch_add(n, std::memory_order_relaxed); }
/// All counted since the start, over all threads.
inline int64_t flops() { return flop_counter.load(std::memory_order_relaxed); }

/// C = op(A) op(B) + beta * C, with op(A) (m, k), op(B) (k, n), C (m, n), raw arrays, all row-major with leading
/// dimensions lda, ldb, ldc; op transposes where the flag says so. beta = 0 never reads C. k = 0 scales C by beta.
/// Split over the thread pool; the order of a product's sums depends on its sizes alone: the same bits at any number of
/// threads. Inside a parallel_for it runs on the calling thread. Reads floats as tensor/precision.h says. T: float,
/// double.
template <class T>
void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
          T beta, T* c, int64_t ldc);

/// a (..., m, k) x b (..., k, n) -> (..., m, n), with equal leading axes (stride 0 allowed). f32 or f64. Many products,
/// and small ones, are shared out whole among the threads.
Tensor matmul(const Tensor& a, const Tensor& b);

/// What the threads make of one large product, the best of a few, read as tensor/precision.h says: the peak that whole
/// steps are measured against. Takes about a tenth of a second.
double gemm_gflop_per_s(DType dtype = f32);
/// What one thread makes of it, by its own time on a core: the same beside busy neighbours.
double gemm_gflop_per_cpu_second(DType dtype = f32);

}  // namespace heed::kernels

#include <heed/tensor/kernels/gemm.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include <heed/tensor/kernels/blas.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/gemm_bf16.h>
#include <heed/tensor/kernels/nest.h>
#include <heed/tensor/kernels/thin_product.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/precision.h>
#include <heed/tensor/storage.h>

namespace heed::kernels {
namespace {

// Multiply-adds that are worth a thread's while.
constexpr int64_t kWorkPerBlock = 1 << 19;
// Every block packs the other operand anew, which costs as much as some 12 rows of product: long blocks give away 3 %.
constexpr int64_t kLongBlock = 384;
// Four blocks are for two or four threads; shorter ones than this cost more than that is worth (the step of
// bench_step's `cpu` 1 % for two instead of four below it, measured in processor time).
constexpr int64_t kShortBlock = 192;
constexpr int64_t kMostBlocks = 64;
// So many products of a batch give every thread some: they stay whole.
constexpr int64_t kManyProducts = 16;
// Reading an element of a matrix takes as long as this many multiply-adds: thin products wait for memory.
constexpr int64_t kReadCost = 8;

/// Into how many blocks of rows or columns C is cut, where each reads k elements and meets `width` others. How
/// a BLAS adds depends on the size of what it is given: so the blocks depend on sizes alone, and a product has the
/// same bits on any number of threads.
int64_t blocks_of(int64_t length, int64_t width, int64_t k) {
  const int64_t work = std::max<int64_t>(1, k * std::max(width, kReadCost));
  const int64_t worth = length / std::max<int64_t>(1, kWorkPerBlock / work);
  const int64_t most = length < 4 * kShortBlock ? 2 : std::clamp<int64_t>(length / kLongBlock, 4, kMostBlocks);
  const int64_t count = std::min(worth, most), even = count < 4 ? 2 : 4;
  return std::max<int64_t>(1, count / even * even);
}

/// How gemm may read the last two axes of a tensor: as they lie, or transposed.
struct Layout {
  bool transposed;
  int64_t leading;
};

std::optional<Layout> layout_of(const Tensor& x) {
  const int r = x.rank();
  const int64_t rows = x.shape()[r - 2], columns = x.shape()[r - 1];
  const int64_t down = x.strides()[r - 2], across = x.strides()[r - 1];
  if ((across == 1 || columns == 1) && (down >= columns || rows == 1))
    return Layout{false, std::max<int64_t>({1, columns, rows == 1 ? 1 : down})};
  if ((down == 1 || rows == 1) && (across >= rows || columns == 1))
    return Layout{true, std::max<int64_t>({1, rows, columns == 1 ? 1 : across})};
  return {};
}

Shape without_matrix(const Shape& shape) {
  return Shape(std::span<const int64_t>(shape.begin(), size_t(shape.rank() - 2)));
}

}  // namespace

template <class T>
void gemm_serial(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
                 int64_t ldb, T beta, T* c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  count_flops(2 * m * n * k);
  if (m <= kFewRows && k > 0) {
    for (int64_t i = 0; i < m; ++i)
      blas::gemv(!trans_b, n, k, b, ldb, a + i * (trans_a ? 1 : lda), trans_a ? lda : 1, beta, c + i * ldc, 1);
    return;
  }
  if (n == 1 && k > 0) return blas::gemv(trans_a, m, k, a, lda, b, trans_b ? 1 : ldb, beta, c, ldc);
  blas::gemm(trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

template <class T>
void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
          T beta, T* c, int64_t ldc) {
  gemm_batched(trans_a, trans_b, m, n, k, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);
}

template <class T>
void gemm_batched(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda,
                  int64_t stride_a, const T* b, int64_t ldb, int64_t stride_b, T beta, T* c, int64_t ldc,
                  int64_t stride_c, int64_t batch) {
  if constexpr (std::is_same_v<T, float>)
    if (products() == Products::bf16 && std::min(m, n) > kFewRows && k > 0) {
      count_flops(2 * m * n * k * batch);
      return parallel_for(batch, batch >= kManyProducts ? 1 : batch, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i)
          gemm_bf16(trans_a, trans_b, m, n, k, a + i * stride_a, lda, b + i * stride_b, ldb, beta, c + i * stride_c,
                    ldc);
      });
    }
  if (!trans_a && trans_b && m <= kThinRows && m < n && batch == 1)
    return thin_product(m, n, k, a, lda, b, ldb, beta, c, ldc);
  const bool by_rows = m >= n;
  const int64_t length = by_rows ? m : n;
  const int64_t blocks = batch >= kManyProducts ? 1 : blocks_of(length, by_rows ? n : m, k);
  const int64_t work = m * n * k / blocks;
  parallel_for(batch * blocks, std::max<int64_t>(1, kWorkPerBlock / std::max<int64_t>(1, work)),
               [&](int64_t first, int64_t last) {
                 for (int64_t i = first; i < last; ++i) {
                   const int64_t product = i / blocks, block = i % blocks;
                   const int64_t begin = length * block / blocks, end = length * (block + 1) / blocks;
                   const T *pa = a + product * stride_a, *pb = b + product * stride_b;
                   T* pc = c + product * stride_c;
                   if (by_rows)
                     gemm_serial(trans_a, trans_b, end - begin, n, k, pa + begin * (trans_a ? 1 : lda), lda, pb, ldb,
                                 beta, pc + begin * ldc, ldc);
                   else
                     gemm_serial(trans_a, trans_b, m, end - begin, k, pa, lda, pb + begin * (trans_b ? ldb : 1), ldb,
                                 beta, pc + begin, ldc);
                 }
               });
}

Tensor matmul(const Tensor& a0, const Tensor& b0) {
  const Tensor a = layout_of(a0) ? a0 : copy(a0), b = layout_of(b0) ? b0 : copy(b0);
  const Layout la = *layout_of(a), lb = *layout_of(b);
  const int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
  Shape shape = a.shape();
  shape[shape.rank() - 1] = n;
  Tensor y = empty(shape, a.dtype());
  const Shape batch = without_matrix(shape);
  if (y.numel() == 0) return y;
  const Nest<3> nest(batch, {&y.strides(), &a.strides(), &b.strides()});
  dispatch_floating(a.dtype(), [&]<class T>() {
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* py = y.mutable_data<T>();
    if (nest.rank == 1)
      gemm_batched<T>(la.transposed, lb.transposed, m, n, k, pa, la.leading, nest.inner_stride(1), pb, lb.leading,
                      nest.inner_stride(2), T(0), py, n, nest.inner_stride(0), nest.inner());
    else
      nest.for_rows(0, nest.rows(), [&](const std::array<int64_t, 3>& at, int64_t count) {
        gemm_batched<T>(la.transposed, lb.transposed, m, n, k, pa + at[1], la.leading, nest.inner_stride(1), pb + at[2],
                        lb.leading, nest.inner_stride(2), T(0), py + at[0], n, nest.inner_stride(0), count);
      });
  });
  return y;
}

namespace {

/// The best of several products by `gemm`, in operations a nanosecond of a clock.
template <class Gemm>
double best_speed(Gemm gemm, clockid_t clock) {
  constexpr int64_t n = 1536;
  const auto now = [clock] {
    timespec time{};
    clock_gettime(clock, &time);
    return double(time.tv_sec) * 1e9 + double(time.tv_nsec);
  };
  const Tensor a = full({n, n}, 1), b = full({n, n}, 1);
  Tensor c = empty({n, n});
  double best = 0;
  const double first = now();
  for (int i = 0; i < 3 || (i < 12 && now() - first < 2e8); ++i) {
    const double start = now();
    gemm(false, true, n, n, n, a.data<float>(), n, b.data<float>(), n, 0, c.mutable_data<float>(), n);
    best = std::max(best, double(2 * n * n * n) / (now() - start));
  }
  return best;
}

}  // namespace

std::string blas_report() { return blas::report(); }

double bf16_gflop_per_s() {
  const Precision precision(Products::bf16);
  return best_speed(gemm<float>, CLOCK_MONOTONIC);
}
double sgemm_gflop_per_s() {
  const Precision precision(Products::f32);
  return best_speed(gemm<float>, CLOCK_MONOTONIC);
}
double sgemm_gflop_per_cpu_second() { return best_speed(gemm_serial<float>, CLOCK_THREAD_CPUTIME_ID); }

template decltype(gemm_serial<float>) gemm_serial<float>;
template decltype(gemm_serial<double>) gemm_serial<double>;
template decltype(gemm<float>) gemm<float>;
template decltype(gemm<double>) gemm<double>;
template decltype(gemm_batched<float>) gemm_batched<float>;
template decltype(gemm_batched<double>) gemm_batched<double>;

}  // namespace heed::kernels

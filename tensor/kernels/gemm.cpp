#include <heed/tensor/kernels/gemm.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/nest.h>
#include <heed/tensor/kernels/row_blocks.h>
#include <heed/tensor/kernels/simd_targets.h>
#include <heed/tensor/kernels/thin_product.h>
#include <heed/tensor/kernels/tile.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/precision.h>
#include <heed/tensor/storage.h>

namespace heed::kernels {
namespace {

// Multiply-adds that are worth a thread's while.
constexpr int64_t kWorkPerRange = 1 << 19;
// Products of a batch are shared out whole where they are smaller, or so many.
constexpr int64_t kSmallProduct = 1 << 21, kProductsPerThread = 4;
// Lines of a few rows' other operand that are worth a thread's while.
constexpr int64_t kReadPerRange = 1 << 11;
// Products that few rows add up one after the other: of more, sums of so many, so that rounding does not add up too.
constexpr int64_t kSummed = 1 << 10;

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

/// C (m, n) times beta; beta = 0 never reads C.
template <class T>
void scale(int64_t m, int64_t n, T beta, T* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = beta == 0 ? T(0) : beta * c[i * ldc + j];
}

}  // namespace

template <class T>
void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
          T beta, T* c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scale(m, n, beta, c, ldc);
  if (n == 1 && m > 1 && ldc == 1) return gemm(!trans_b, !trans_a, n, m, k, b, ldb, a, lda, beta, c, m);
  if constexpr (std::is_same_v<T, float>)
    if (products() == Products::bf16 && std::min(m, n) > kFewRows) {
      count_flops(2 * m * n * k);
      return packed_gemm<Bf16Pair>(trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
    }
  if (trans_b && m <= kThinRows && m <= n) {  // both along k
    const Scratch<T> rows(trans_a ? m * k : 0);
    for (int64_t i = 0; trans_a && i < m; ++i)
      for (int64_t p = 0; p < k; ++p) rows.data()[i * k + p] = a[p * lda + i];
    return thin_product(m, n, k, trans_a ? rows.data() : a, trans_a ? k : lda, b, ldb, beta, c, ldc);
  }
  count_flops(2 * m * n * k);
  if (m > kFewRows || trans_b) return packed_gemm<T>(trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
  const int64_t lines = (n + kLine<T> - 1) / kLine<T>;
  parallel_for(lines, grain_for(kReadPerRange, k), [&](int64_t first, int64_t last) {
    const int64_t begin = first * kLine<T>, width = std::min(n, last * kLine<T>) - begin, down = trans_a ? lda : 1;
    const Scratch<T> part(k > kSummed ? width : 0);
    const T one = 1;
    for (int64_t i = 0; i < m; ++i) {
      const T* const from = a + i * (trans_a ? 1 : lda);
      T* const row = c + i * ldc + begin;
      scale(1, width, beta, row, ldc);
      add_rows(width, std::min(k, kSummed), from, down, b + begin, ldb, row);
      for (int64_t p = kSummed; p < k; p += kSummed) {
        std::fill_n(part.data(), width, T(0));
        add_rows(width, std::min(k - p, kSummed), from + p * down, down, b + begin + p * ldb, ldb, part.data());
        add_rows(width, 1, &one, 1, part.data(), width, row);
      }
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
  const int64_t work = m * n * k;
  dispatch_floating(a.dtype(), [&]<class T>() {
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* py = y.mutable_data<T>();
    nest.for_rows(0, nest.rows(), [&](const std::array<int64_t, 3>& at, int64_t count) {
      const bool whole = work < kSmallProduct || count >= kProductsPerThread * num_threads();
      parallel_for(count, whole ? grain_for(kWorkPerRange, work) : count, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i)
          gemm<T>(la.transposed, lb.transposed, m, n, k, pa + at[1] + i * nest.inner_stride(1), la.leading,
                  pb + at[2] + i * nest.inner_stride(2), lb.leading, T(0), py + at[0] + i * nest.inner_stride(0), n);
      });
    });
  });
  return y;
}

namespace {

/// The best of several products, in operations a nanosecond of a clock.
double best_speed(DType dtype, clockid_t clock) {
  constexpr int64_t kSize = 1024;
  const auto now = [clock] {
    timespec time{};
    clock_gettime(clock, &time);
    return double(time.tv_sec) * 1e9 + double(time.tv_nsec);
  };
  const Tensor a = full({kSize, kSize}, 1, dtype);
  double best = 0;
  const double first = now();
  for (int i = 0; i < 4 || (i < 40 && now() - first < 1e8); ++i) {
    const double start = now();
    matmul(a, a);
    best = std::max(best, double(2 * kSize * kSize * kSize) / (now() - start));
  }
  return best;
}

}  // namespace

double gemm_gflop_per_s(DType dtype) { return best_speed(dtype, CLOCK_MONOTONIC); }

double gemm_gflop_per_cpu_second(DType dtype) {
  double speed = 0;
  parallel_for(2, 1, [&](int64_t first, int64_t) {  // within it products run on the calling thread alone
    if (first == 0) speed = best_speed(dtype, CLOCK_THREAD_CPUTIME_ID);
  });
  return speed;
}

HEED_FOR_BOTH(gemm)

}  // namespace heed::kernels

#include <heed/tensor/kernels/blas.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include <cblas.h>
#include <dlfcn.h>
#include <fmt/core.h>
#include <sys/resource.h>

#include <heed/tensor/storage.h>

namespace heed::kernels::openblas {
namespace {

/// A product of OpenBLAS on this thread. OpenBLAS must not start threads of its own inside ours; its OpenMP build keeps
/// the setting per thread. Throws as Storage::allocate where a buffer is needed and cannot be had.
class Product {
 public:
  Product() {
    [[maybe_unused]] thread_local const bool ready = prepare();
    lend = buffer != nullptr;
  }
  ~Product() { lend = false; }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  // OpenBLAS takes a buffer of its own for each product that runs at a time, and asks for ever where the system refuses
  // it. So where addresses are limited, each thread lends it one that it has.
  static inline thread_local std::shared_ptr<Storage> buffer;
  static inline thread_local bool lend = false;

 private:
  static bool prepare() {
    constexpr size_t kBytes = size_t{128} << 20;  // OpenBLAS's BUFFER_SIZE on x86-64 and ARM
    openblas_set_num_threads(1);
    rlimit addresses;
    if (getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY)
      buffer = Storage::allocate(kBytes);
    return true;
  }
};

// BLAS wants leading dimensions of at least 1 even where a side is empty.
blasint at_least_1(int64_t leading) { return std::max<blasint>(1, static_cast<blasint>(leading)); }

}  // namespace

template <class T>
void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
          T beta, T* c, int64_t ldc) {
  const Product product;
  const auto ta = trans_a ? CblasTrans : CblasNoTrans, tb = trans_b ? CblasTrans : CblasNoTrans;
  const auto M = static_cast<blasint>(m), N = static_cast<blasint>(n), K = static_cast<blasint>(k);
  const blasint LDA = at_least_1(lda), LDB = at_least_1(ldb), LDC = at_least_1(ldc);
  if constexpr (std::is_same_v<T, float>) cblas_sgemm(CblasRowMajor, ta, tb, M, N, K, 1, a, LDA, b, LDB, beta, c, LDC);
  else cblas_dgemm(CblasRowMajor, ta, tb, M, N, K, 1, a, LDA, b, LDB, beta, c, LDC);
}

template <class T>
void gemv(bool trans, int64_t rows, int64_t columns, const T* a, int64_t lda, const T* x, int64_t step_x, T beta, T* y,
          int64_t step_y) {
  const Product product;
  const auto flag = trans ? CblasTrans : CblasNoTrans;
  const auto M = static_cast<blasint>(trans ? columns : rows), N = static_cast<blasint>(trans ? rows : columns);
  const blasint LDA = at_least_1(lda);
  const auto INCX = static_cast<blasint>(step_x), INCY = static_cast<blasint>(step_y);
  if (beta == 0)
    for (int64_t i = 0; i < rows; ++i) y[i * step_y] = 0;
  if constexpr (std::is_same_v<T, float>) cblas_sgemv(CblasRowMajor, flag, M, N, 1, a, LDA, x, INCX, beta, y, INCY);
  else cblas_dgemv(CblasRowMajor, flag, M, N, 1, a, LDA, x, INCX, beta, y, INCY);
}

std::string report() {
  const std::string_view config = openblas_get_config();  // "OpenBLAS 0.3.21 ..."
  const std::string_view version = config.substr(0, config.find(' ', config.find(' ') + 1));
  const int parallel = openblas_get_parallel();
  const char* build = parallel == 0 ? "serial" : parallel == 1 ? "pthreads" : "OpenMP";
  return fmt::format("{} ({} build), kernels for {}", version, build, openblas_get_corename());
}

template decltype(gemm<float>) gemm<float>;
template decltype(gemm<double>) gemm<double>;
template decltype(gemv<float>) gemv<float>;
template decltype(gemv<double>) gemv<double>;

}  // namespace heed::kernels::openblas

// Three functions of OpenBLAS's own, which its calls find here first. The first says how many threads there are when it
// is loaded: the caller, for others take buffers too.
extern "C" __attribute__((weak)) int openblas_num_threads_env() { return 1; }

extern "C" __attribute__((weak)) void* blas_memory_alloc(int place) {
  static const auto original = reinterpret_cast<void* (*)(int)>(dlsym(RTLD_NEXT, "blas_memory_alloc"));
  using heed::kernels::openblas::Product;
  return std::exchange(Product::lend, false) ? Product::buffer->data() : original(place);
}

extern "C" __attribute__((weak)) void blas_memory_free(void* buffer) {
  static const auto original = reinterpret_cast<void (*)(void*)>(dlsym(RTLD_NEXT, "blas_memory_free"));
  const auto& lent = heed::kernels::openblas::Product::buffer;
  if (!lent || buffer != lent->data()) original(buffer);
}

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/parallel.h>
#include "catch.h"
#include "kernels.h"

using namespace heed;

namespace {

template <class T>
std::vector<T> uniform(int64_t n, uint32_t seed) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<T> draw(-1, 1);
  std::vector<T> values(n);
  for (T& v : values) v = draw(rng);
  return values;
}

/// The definition, summed in f64. Returns the products only: beta is the caller's.
template <class T>
double dot_at(const std::vector<T>& a, bool trans_a, int64_t lda, const std::vector<T>& b, bool trans_b, int64_t ldb,
              int64_t k, int64_t i, int64_t j) {
  double sum = 0;
  for (int64_t p = 0; p < k; ++p)
    sum += double(a[trans_a ? p * lda + i : i * lda + p]) * double(b[trans_b ? j * ldb + p : p * ldb + j]);
  return sum;
}

struct Sizes {
  int64_t m, n, k;
};

/// C = op(A) op(B) + beta C against the definition for every transpose and beta, on all instruction sets or the best,
/// with rows that lie apart and with rows that end where memory does.
template <class T>
void check_gemm(const Sizes& sizes, std::initializer_list<T> betas, bool every_target) {
  const int64_t m = sizes.m, n = sizes.n, k = sizes.k;
  const int64_t step = m * n * k < 4'000'000 ? 1 : 61;  // of a large product some elements, in every row and column
  // Rounding of a k-term sum of values below 1, in units of the last place, with room for any order.
  const double tolerance = 4 * double(k + 1) * std::numeric_limits<T>::epsilon();
  for (const bool trans_a : {false, true})
    for (const bool trans_b : {false, true})
      for (const int64_t apart : {0, 1}) {
        CAPTURE(trans_a, trans_b, m, n, k, apart);
        const int64_t lda = (trans_a ? m : k) + 3 * apart, ldb = (trans_b ? k : n) + 2 * apart, ldc = n + apart;
        const auto a = uniform<T>((trans_a ? k : m) * lda, 1), b = uniform<T>((trans_b ? n : k) * ldb, 2);
        const auto before = uniform<T>(m * ldc, 3);
        std::vector<double> product(size_t(m * n));
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = i % step; j < n; j += step)
            product[i * n + j] = dot_at(a, trans_a, lda, b, trans_b, ldb, k, i, j);
        const auto check = [&] {
          for (const T beta : betas) {
            CAPTURE(beta);
            auto c = before;
            if (beta == 0)
              for (int64_t i = 0; i < m; ++i)
                for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = std::numeric_limits<T>::quiet_NaN();
            kernels::gemm(trans_a, trans_b, m, n, k, a.data(), lda, b.data(), ldb, beta, c.data(), ldc);
            double worst = 0;
            bool padding_kept = true;
            for (int64_t i = 0; i < m; ++i) {
              for (int64_t j = i % step; j < n; j += step) {
                const double expected = product[i * n + j] + (beta == 0 ? 0 : double(beta) * before[i * ldc + j]);
                worst = std::max(worst, std::isnan(c[i * ldc + j]) ? 1e9 : std::abs(expected - c[i * ldc + j]));
              }
              padding_kept &= apart == 0 || c[i * ldc + n] == before[i * ldc + n];
            }
            CHECK(worst <= tolerance);
            CHECK(padding_kept);
          }
        };
        every_target ? on_every_simd_target(check) : check();
      }
}

}  // namespace

TEMPLATE_TEST_CASE("gemm: equals the definition for every transpose, size, beta and instruction set", "[gemm]", float,
                   double) {
  for (const Sizes& sizes : std::vector<Sizes>{{1, 1, 1},
                                               {3, 5, 4},
                                               {4, 5, 6},
                                               {1, 300, 70},
                                               {4, 131, 9},
                                               {2, 2, 70},
                                               {16, 48, 7},
                                               {300, 1, 70},
                                               {17, 33, 0},
                                               {33, 17, 9},
                                               {23, 100, 31},
                                               {200, 130, 65},
                                               {65, 384, 128},
                                               {768, 65, 40},
                                               {50, 40, 1700}})
    check_gemm<TestType>(sizes, {0, 1, -2}, true);
}

TEMPLATE_TEST_CASE("gemm: equals the definition in pieces, more than are packed at once of rows, columns and depth",
                   "[gemm]", float, double) {
  for (const Sizes& sizes : std::vector<Sizes>{{40, 50, 1700},
                                               {4, 3000, 400},
                                               {203, 1041, 519},
                                               {310, 300, 3300},
                                               {300, 310, 3300},
                                               {2150, 2100, 5},
                                               {2100, 2150, 5}})
    check_gemm<TestType>(sizes, {-2}, false);
}

TEST_CASE("gemm: empty sides write nothing", "[gemm]") {
  float c = 7;
  kernels::gemm<float>(false, false, 0, 1, 3, nullptr, 3, nullptr, 1, 0, &c, 1);
  kernels::gemm<float>(false, false, 1, 0, 3, nullptr, 3, nullptr, 0, 0, &c, 0);
  CHECK(c == 7);
}

TEST_CASE("gemm: an empty sum scales C, and reads no operand", "[gemm]") {
  for (const bool trans_a : {false, true})
    for (const bool trans_b : {false, true})
      for (const auto& [m, n] : {std::pair<int64_t, int64_t>{3, 5}, {5, 3}, {3, 1}, {20, 30}}) {
        std::vector<double> c(size_t(m * n), 7);
        kernels::gemm<double>(trans_a, trans_b, m, n, 0, nullptr, trans_a ? m : 1, nullptr, trans_b ? 1 : n, -2,
                              c.data(), n);
        CHECK(c == std::vector<double>(c.size(), -14));
      }
}

TEMPLATE_TEST_CASE("gemm: the same bits in every run and at any number of threads", "[gemm]", float, double) {
  using T = TestType;
  const int before = num_threads();
  std::mt19937 sizes(4);
  int drawn = 0;
  const std::vector<int64_t> lengths = {1, 3, 17, 64, 100, 192, 333, 768, 1600};
  for (int i = 0; i < 60; ++i) {
    const auto any = [&] { return lengths[sizes() % lengths.size()]; };
    const int64_t m = any(), n = any(), k = i % 9 == 0 ? 1700 : std::min<int64_t>(any(), 400),
                  batch = i % 6 == 0 ? 5 : 1;
    const bool trans_a = i % 2, trans_b = i / 2 % 2;
    CAPTURE(m, n, k, batch, trans_a, trans_b);
    const auto random = [&](const Shape& shape) {
      return from_vector(uniform<T>(shape.numel(), uint32_t(++drawn)), shape);
    };
    const Tensor a = trans_a ? random({batch, k, m}).mT() : random({batch, m, k});
    const Tensor b = (trans_b ? random({1, n, k}).mT() : random({1, k, n})).expand({batch, k, n});
    std::vector<T> first;
    for (const int threads : {1, 2, 3, 5, 2}) {
      CAPTURE(threads);
      set_num_threads(threads);
      const std::vector<T> again = kernels::matmul(a, b).to_vector<T>();
      if (threads == 1) first = again;
      REQUIRE(again == first);
    }
  }
  set_num_threads(before);
}

TEMPLATE_TEST_CASE("gemm: an element has the same bits wherever it stands", "[gemm]", float, double) {
  using T = TestType;
  for (const auto& [m, n, k, part_m, part_n] : {std::array<int64_t, 5>{150, 170, 800, 37, 41},
                                                {170, 150, 800, 37, 41},
                                                {150, 170, 800, 41, 37},
                                                {310, 300, 3300, 40, 50}})
    for (const bool trans_a : {false, true})
      for (const bool trans_b : {false, true}) {
        CAPTURE(m, n, k, part_m, part_n, trans_a, trans_b);
        const auto a = uniform<T>(m * k, 1), b = uniform<T>(k * n, 2);
        const int64_t lda = trans_a ? m : k, ldb = trans_b ? k : n;
        std::vector<T> whole(size_t(m * n)), part(size_t(part_m * part_n));
        kernels::gemm<T>(trans_a, trans_b, m, n, k, a.data(), lda, b.data(), ldb, 0, whole.data(), n);
        for (const auto& [i, j] : {std::pair<int64_t, int64_t>{0, 0}, {5, 9}, {m - part_m, n - part_n}}) {
          kernels::gemm<T>(trans_a, trans_b, part_m, part_n, k, a.data() + i * (trans_a ? 1 : lda), lda,
                           b.data() + j * (trans_b ? ldb : 1), ldb, 0, part.data(), part_n);
          bool same = true;
          for (int64_t r = 0; r < part_m; ++r)
            same &= std::equal(&part[r * part_n], &part[r * part_n] + part_n, &whole[(i + r) * n + j]);
          CHECK(same);
        }
      }
}

TEMPLATE_TEST_CASE("gemm: infinity and NaN stay in their row and column", "[gemm][nan]", float, double) {
  using T = TestType;
  const int64_t m = 23, n = 100, k = 31, row = 5, column = 90;
  on_every_simd_target([&] {
    for (const bool trans_a : {false, true})
      for (const bool trans_b : {false, true}) {
        CAPTURE(trans_a, trans_b);
        auto a = uniform<T>(m * k, 1), b = uniform<T>(k * n, 2);
        std::vector<T> finite(size_t(m * n)), c(finite.size());
        const auto product = [&](std::vector<T>& to) {
          kernels::gemm<T>(trans_a, trans_b, m, n, k, a.data(), trans_a ? m : k, b.data(), trans_b ? k : n, 0,
                           to.data(), n);
        };
        product(finite);
        a[trans_a ? 3 * m + row : row * k + 3] = std::numeric_limits<T>::infinity();
        b[trans_b ? column * k + 7 : 7 * n + column] = std::numeric_limits<T>::quiet_NaN();
        product(c);
        bool as_it_should = true;
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j) {
            const T y = c[i * n + j];
            as_it_should &= j == column ? std::isnan(y) : i == row ? std::isinf(y) : y == finite[i * n + j];
          }
        CHECK(as_it_should);
      }
  });
}

TEMPLATE_TEST_CASE("matmul kernel: equals one gemm per product, shared operands included", "[gemm]", float, double) {
  using T = TestType;
  for (const auto& [batch, m, n, k] : {std::array<int64_t, 4>{0, 4, 5, 6},
                                       {1, 4, 5, 6},
                                       {2, 4, 5, 6},
                                       {7, 4, 5, 6},
                                       {20, 64, 64, 64},
                                       {3, 130, 130, 130},
                                       {17, 130, 130, 130}})
    for (const int64_t stride_b : {int64_t{0}, k * n}) {
      CAPTURE(batch, m, n, k, stride_b);
      const auto a = uniform<T>(batch * m * k, 6), b = uniform<T>(stride_b ? batch * k * n : k * n, 7);
      std::vector<T> expected(batch * m * n);
      const Tensor c = kernels::matmul(from_vector(a, {batch, m, k}),
                                       from_vector(b, {stride_b ? batch : 1, k, n}).expand({batch, k, n}));
      for (int64_t i = 0; i < batch; ++i)
        kernels::gemm<T>(false, false, m, n, k, a.data() + i * m * k, k, b.data() + i * stride_b, n, 0,
                         expected.data() + i * m * n, n);
      CHECK(c.template to_vector<T>() == expected);
    }
}

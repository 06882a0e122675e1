#include <memory>

#include "tensor/kernels/fused.h"
#include "tensor/kernels/unary.h"
#include "tensor/parallel.h"
#include "tests/kernels.h"

using namespace heed;

namespace {

template <class T>
constexpr double tolerance() { return std::is_same_v<T, float> ? 2e-6 : 1e-14; }

}  // namespace

TEMPLATE_TEST_CASE("fused kernels: add and add_bias", "[kernels][fused]", float, double) {
  using T = TestType;
  on_every_simd_target([&] {
    for (const int64_t n : kSizes) {
      const auto a = normal<T>(n, 1), b = normal<T>(n, 2);
      std::vector<T> y(n), expected(n);
      for (int64_t i = 0; i < n; ++i) expected[i] = a[i] + b[i];
      kernels::add(a.data(), b.data(), y.data(), n);
      CHECK(y == expected);
      auto rows = normal<T>(5 * n, 3), sums = rows;
      for (int64_t i = 0; i < 5 * n; ++i) sums[i] += b[i % n];
      kernels::add_bias(rows.data(), b.data(), 5, n);
      CHECK(rows == sums);
    }
  });
}

TEMPLATE_TEST_CASE("fused kernels: bias_gelu is add_bias, then gelu, and its gradient that of both", "[kernels][fused]", float,
                   double) {
  using T = TestType;
  on_every_simd_target([&] {
    for (const int64_t rows : {0, 1, 3, 400})
      for (const int64_t n : {1, 16, 33, 200})
        for (const bool tanh_form : {false, true}) {
          CAPTURE(rows, n, tanh_form);
          const auto x = normal<T>(rows * n, 4, 2), bias = normal<T>(n, 5), g = normal<T>(rows * n, 6);
          auto u = x, u_expected = x;
          std::vector<T> y(rows * n), y_expected(rows * n), du(rows * n), du_expected(rows * n), dbias(n, T(7));
          kernels::bias_gelu(u.data(), bias.data(), y.data(), rows, n, tanh_form);
          kernels::add_bias(u_expected.data(), bias.data(), rows, n);
          tanh_form ? kernels::gelu_tanh(u.data(), y_expected.data(), rows * n) : kernels::gelu(u.data(), y_expected.data(), rows * n);
          CHECK(u == u_expected);
          CHECK(y == y_expected);

          kernels::bias_gelu_backward(g.data(), u.data(), du.data(), dbias.data(), rows, n, tanh_form);
          tanh_form ? kernels::gelu_tanh_backward(g.data(), u.data(), du_expected.data(), rows * n)
                    : kernels::gelu_backward(g.data(), u.data(), du_expected.data(), rows * n);
          CHECK(du == du_expected);
          std::vector<double> sums(n);
          for (int64_t i = 0; i < rows * n; ++i) sums[i % n] += double(du[i]);
          CHECK(worst_error(dbias, sums, std::sqrt(double(rows)) + 1) <= tolerance<T>());
          kernels::bias_gelu_backward<T>(g.data(), u.data(), du.data(), nullptr, rows, n, tanh_form);
          CHECK(du == du_expected);
        }
  });
}

TEMPLATE_TEST_CASE("fused kernels: dropout scales what is kept and zeroes the rest, NaN included", "[kernels][fused]", float, double) {
  using T = TestType;
  on_every_simd_target([&] {
    for (const int64_t n : kSizes) {
      auto x = normal<T>(n, 7);
      const auto keep = std::make_unique<bool[]>(n + 1);
      std::vector<T> y(n), expected(n);
      for (int64_t i = 0; i < n; ++i) {
        keep[i] = i * 7 % 3 != 0;
        if (i % 9 == 0) x[i] = std::numeric_limits<T>::quiet_NaN();
        expected[i] = keep[i] ? x[i] * T(1.25) : T(0);
      }
      kernels::dropout(x.data(), keep.get(), T(1.25), y.data(), n);
      CHECK(y == expected);
    }
  });
}

TEMPLATE_TEST_CASE("fused kernels: rows gathered by index, and added back in order", "[kernels][fused]", float, double) {
  using T = TestType;
  const int before = num_threads();
  on_every_simd_target([&] {
    for (const int threads : {1, 2})
      for (const int64_t C : {1, 16, 33, 300}) {
        set_num_threads(threads);
        const int64_t V = 11, n = 2000;
        const auto weight = normal<T>(V * C, 8), g = normal<T>(n * C, 9);
        std::vector<int64_t> index(n);
        for (int64_t i = 0; i < n; ++i) index[i] = i * i % V;
        std::vector<T> y(n * C), dweight = weight, expected = weight;
        kernels::gather_rows(weight.data(), index.data(), y.data(), n, C);
        bool equal = true;
        for (int64_t i = 0; i < n * C; ++i) equal &= y[i] == weight[index[i / C] * C + i % C];
        CHECK(equal);
        kernels::scatter_add_rows(g.data(), index.data(), dweight.data(), n, C);
        for (int64_t i = 0; i < n * C; ++i) expected[index[i / C] * C + i % C] += g[i];
        CHECK(dweight == expected);  // the same order of additions, so the same bits
      }
  });
  set_num_threads(before);
}

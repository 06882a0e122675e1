// Kernels over the rows of an array: softmax and its relatives, cross-entropy, norms, sums.
#include <algorithm>

#include "tensor/kernels/cross_entropy.h"
#include "tensor/kernels/softmax.h"
#include "tests/kernels.h"

using namespace heed;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNaN = std::numeric_limits<double>::quiet_NaN();
// Many roundings of 6e-8, of 1.1e-16: x - max is rounded at sizes up to 40, and e^x passes that on.
constexpr double kF32 = 6e-6, kF64 = 2e-14;

template <class T>
constexpr double tolerance() { return std::is_same_v<T, float> ? kF32 : kF64; }

const std::vector<int64_t> kRowCounts = {0, 1, 3, 70};

template <class T>
std::vector<double> exact(const std::vector<T>& x) { return {x.begin(), x.end()}; }

/// The definition, in f64.
std::vector<double> softmax_of(const std::vector<double>& x, int64_t n) {
  std::vector<double> y(x.size());
  for (size_t r = 0; r < x.size(); r += n) {
    const double m = *std::max_element(x.begin() + r, x.begin() + r + n);
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += y[r + i] = std::exp(x[r + i] - m);
    for (int64_t i = 0; i < n; ++i) y[r + i] /= sum;
  }
  return y;
}

double log_sum_exp_of(const double* x, int64_t n) {
  const double m = n ? *std::max_element(x, x + n) : -kInf;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - m);
  return m + std::log(sum);
}

}  // namespace

TEMPLATE_TEST_CASE("softmax kernels: equal their definitions at every size", "[kernels][softmax]", float, double) {
  using T = TestType;
  on_every_simd_target([&] {
    for (const int64_t rows : kRowCounts)
      for (const int64_t n : {1, 2, 15, 16, 17, 33, 65, 1024, 1025, 3000}) {
        CAPTURE(rows, n);
        const auto x = normal<T>(rows * n, 1, 5), g = normal<T>(rows * n, 2);
        const std::vector<double> xd = exact(x), gd = exact(g), p = softmax_of(xd, n);
        std::vector<T> y(rows * n), ly(rows * n), lse(rows), dx(rows * n), ldx(rows * n);
        kernels::softmax(x.data(), y.data(), rows, n);
        kernels::log_softmax(x.data(), ly.data(), rows, n);
        kernels::logsumexp(x.data(), lse.data(), rows, n);
        kernels::softmax_backward(g.data(), y.data(), dx.data(), rows, n);
        kernels::log_softmax_backward(g.data(), ly.data(), ldx.data(), rows, n);
        std::vector<double> lp(rows * n), lse_exact(rows), dp(rows * n), dlp(rows * n);
        for (int64_t r = 0; r < rows; ++r) {
          lse_exact[r] = log_sum_exp_of(xd.data() + r * n, n);
          double dot = 0, total = 0;
          for (int64_t i = r * n; i < (r + 1) * n; ++i) dot += gd[i] * p[i], total += gd[i];
          for (int64_t i = r * n; i < (r + 1) * n; ++i) {
            lp[i] = xd[i] - lse_exact[r];
            dp[i] = p[i] * (gd[i] - dot);
            dlp[i] = gd[i] - p[i] * total;
          }
        }
        CHECK(worst_error(y, p, 1e-30) <= tolerance<T>());
        CHECK(worst_error(ly, lp, 1) <= tolerance<T>());
        CHECK(worst_error(lse, lse_exact, 1) <= tolerance<T>());
        CHECK(worst_error(dx, dp, 1) <= tolerance<T>());
        CHECK(worst_error(ldx, dlp, 10) <= tolerance<T>());
      }
  });
}

TEMPLATE_TEST_CASE("softmax kernels: infinities, NaN and huge elements", "[kernels][softmax]", float, double) {
  using T = TestType;
  on_every_simd_target([&] {
    for (const int64_t n : {3, 17, 40}) {
      const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
      std::vector<T> x(6 * n, T(1));
      std::fill_n(x.begin(), n, -inf);                              // 0: nothing but -inf
      x[n + 1] = inf;                                               // 1: one +inf
      x[2 * n + 1] = nan;                                           // 2: one NaN
      std::fill_n(x.begin() + 3 * n, n, -inf), x[3 * n + 2] = 5;    // 3: one finite
      x[4 * n + 2] = T(1e30);                                       // 4: one huge
      std::fill_n(x.begin() + 5 * n, n, T(-1e30));                  // 5: all hugely negative
      std::vector<T> y(6 * n), lse(6);
      kernels::softmax(x.data(), y.data(), 6, n);
      kernels::logsumexp(x.data(), lse.data(), 6, n);
      for (int64_t i = 0; i < 3 * n; ++i) CHECK(std::isnan(y[i]));
      for (int64_t i = 3 * n; i < 5 * n; ++i) CHECK(y[i] == T(i % n == 2));
      CHECK(y[5 * n] == Approx(1.0 / double(n)));
      CHECK(worst_error(lse, {-kInf, kInf, kNaN, 5, double(T(1e30)), double(T(-1e30))}, 1) == 0);
    }
  });
  T empty = 0;
  kernels::logsumexp<T>(nullptr, &empty, 1, 0);
  CHECK(empty == -std::numeric_limits<T>::infinity());
}

TEMPLATE_TEST_CASE("cross_entropy kernels: loss and gradient equal their definitions", "[kernels][loss]", float, double) {
  using T = TestType;
  on_every_simd_target([&] {
    for (const int64_t V : {1, 5, 16, 65, 1025, 3000})
      for (const double smoothing : {0.0, 0.1}) {
        const int64_t N = 30;
        CAPTURE(V, smoothing);
        const auto x = normal<T>(N * V, 3, 4);
        const std::vector<double> xd = exact(x), p = softmax_of(xd, V);
        std::vector<int64_t> targets(N);
        for (int64_t i = 0; i < N; ++i) targets[i] = i % 7 == 3 ? -100 : i * 31 % V;
        std::vector<T> loss(N), lse(N), dx(N * V);
        std::vector<double> loss_exact(N), lse_exact(N), dx_exact(N * V);
        const kernels::CrossEntropy shape{.N = N, .V = V, .ignore_index = -100, .label_smoothing = smoothing};
        const double scale = 0.37;
        for (int64_t i = 0; i < N; ++i) {
          lse_exact[i] = log_sum_exp_of(xd.data() + i * V, V);
          if (targets[i] < 0) continue;
          for (int64_t j = 0; j < V; ++j) {
            const double q = smoothing / double(V) + (j == targets[i] ? 1 - smoothing : 0);
            loss_exact[i] += q * (lse_exact[i] - xd[i * V + j]);
            dx_exact[i * V + j] = scale * (p[i * V + j] - q);
          }
        }
        kernels::cross_entropy(shape, x.data(), targets.data(), loss.data(), lse.data());
        kernels::cross_entropy_backward(shape, x.data(), targets.data(), lse.data(), T(scale), dx.data());
        CHECK(worst_error(lse, lse_exact, 1) <= tolerance<T>());
        CHECK(worst_error(loss, loss_exact, 1) <= tolerance<T>());
        CHECK(worst_error(dx, dx_exact, 0.1) <= tolerance<T>());
        auto in_place = x;
        kernels::cross_entropy_backward(shape, in_place.data(), targets.data(), lse.data(), T(scale), in_place.data());
        CHECK(in_place == dx);
      }
  });
}

// Kernels over the rows of an array: softmax and its relatives, cross-entropy, norms, sums.
#include <algorithm>

#include <heed/tensor/kernels/norm.h>
#include <heed/tensor/kernels/reduce.h>
#include <heed/tensor/kernels/softmax.h>
#include <heed/tensor/kernels/unary.h>
#include <heed/tensor/parallel.h>
#include "kernels.h"

using namespace heed;
using kernels::SoftmaxForm;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
// Many roundings of 6e-8, of 1.1e-16: x - max is rounded at sizes up to 40, and e^x passes that on.
constexpr double kF32 = 6e-6, kF64 = 2e-14;

template <class T>
constexpr double tolerance() {
  return std::is_same_v<T, float> ? kF32 : kF64;
}

const std::vector<int64_t> kRowCounts = {0, 1, 3, 70};

template <class T>
std::vector<double> exact(const std::vector<T>& x) {
  return {x.begin(), x.end()};
}

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

TEMPLATE_TEST_CASE("log_softmax: a large maximum takes no digits from small results", "[kernels][softmax]", float,
                   double) {
  using T = TestType;
  on_every_simd_target([&] {
    const std::vector<T> x = {T(1e4), T(1e4 - 10), T(1e4 - 12)};  // whole numbers, exact in f32
    std::vector<T> y(3);
    kernels::softmax(SoftmaxForm::log, x.data(), y.data(), 1, 3);
    const double rest = std::log1p(std::exp(-10.) + std::exp(-12.));
    for (size_t i = 0; i < 3; ++i)
      CHECK(y[i] == Approx(double(x[i] - x[0]) - rest).epsilon(sizeof(T) == 4 ? 4e-3 : 1e-10));
  });
}

TEMPLATE_TEST_CASE("softmax kernels: equal their definitions at every size", "[kernels][softmax]", float, double) {
  using T = TestType;
  on_every_simd_target([&] {
    for (const int64_t rows : kRowCounts)
      for (const int64_t n : {1, 2, 15, 16, 17, 33, 65, 1024, 1025, 3000}) {
        CAPTURE(rows, n);
        const auto x = normal<T>(rows * n, 1, 5), g = normal<T>(rows * n, 2);
        const std::vector<double> xd = exact(x), gd = exact(g), p = softmax_of(xd, n);
        std::vector<T> y(rows * n), ly(rows * n), dx(rows * n), ldx(rows * n), sums(rows);
        kernels::softmax(SoftmaxForm::plain, x.data(), y.data(), rows, n);
        kernels::softmax(SoftmaxForm::log, x.data(), ly.data(), rows, n);
        kernels::softmax_backward(SoftmaxForm::plain, g.data(), y.data(), dx.data(), rows, n);
        kernels::softmax_backward(SoftmaxForm::log, g.data(), ly.data(), ldx.data(), rows, n);
        kernels::logsumexp(x.data(), sums.data(), rows, n);
        std::vector<double> lp(rows * n), dp(rows * n), dlp(rows * n), lses(rows);
        for (int64_t r = 0; r < rows; ++r) {
          const double lse = lses[r] = log_sum_exp_of(xd.data() + r * n, n);
          double dot = 0, total = 0;
          for (int64_t i = r * n; i < (r + 1) * n; ++i) dot += gd[i] * p[i], total += gd[i];
          for (int64_t i = r * n; i < (r + 1) * n; ++i) {
            lp[i] = xd[i] - lse;
            dp[i] = p[i] * (gd[i] - dot);
            dlp[i] = gd[i] - p[i] * total;
          }
        }
        CHECK(worst_error(y, p, 1e-30) <= tolerance<T>());
        CHECK(worst_error(ly, lp, 1) <= tolerance<T>());
        CHECK(worst_error(sums, lses, 1) <= tolerance<T>());
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
      std::fill_n(x.begin(), n, -inf);                            // 0: nothing but -inf
      x[n + 1] = inf;                                             // 1: one +inf
      x[2 * n + 1] = nan;                                         // 2: one NaN
      std::fill_n(x.begin() + 3 * n, n, -inf), x[3 * n + 2] = 5;  // 3: one finite
      x[4 * n + 2] = T(1e30);                                     // 4: one huge
      std::fill_n(x.begin() + 5 * n, n, T(-1e30));                // 5: all hugely negative
      std::vector<T> y(6 * n);
      kernels::softmax(SoftmaxForm::plain, x.data(), y.data(), 6, n);
      for (int64_t i = 0; i < 3 * n; ++i) CHECK(std::isnan(y[i]));
      for (int64_t i = 3 * n; i < 5 * n; ++i) CHECK(y[i] == T(i % n == 2));
      CHECK(y[5 * n] == Approx(1.0 / double(n)));
      x[2 * n] = inf;  // 2: one +inf before the NaN
      std::vector<T> sums(6);
      kernels::logsumexp(x.data(), sums.data(), 6, n);
      CHECK(std::isnan(sums[2]));
      CHECK((sums[0] == -inf && sums[1] == inf && sums[3] == 5 && sums[4] == T(1e30) && sums[5] == T(-1e30)));
      kernels::logsumexp(x.data(), sums.data(), 1, 0);
      CHECK(sums[0] == -inf);
    }
  });
}

TEMPLATE_TEST_CASE("cross_entropy kernels: loss and gradient equal their definitions", "[kernels][loss]", float,
                   double) {
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
        std::vector<T> loss(N), dx(N * V);
        std::vector<double> norms(2 * N), loss_exact(N), lse_exact(N), dx_exact(N * V);
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
        kernels::cross_entropy(shape, x.data(), targets.data(), loss.data(), norms.data());
        kernels::cross_entropy_backward(shape, x.data(), targets.data(), norms.data(), T(scale), dx.data());
        CHECK(worst_error(loss, loss_exact, 1) <= tolerance<T>());
        CHECK(worst_error(dx, dx_exact, 0.1) <= tolerance<T>());
        auto in_place = x;
        kernels::cross_entropy_backward(shape, in_place.data(), targets.data(), norms.data(), T(scale),
                                        in_place.data());
        CHECK(in_place == dx);
      }
  });
}

TEST_CASE("cross_entropy: logits around 1000 and 2^60 keep the digits of loss and gradient", "[kernels][softmax]") {
  const float far = GENERATE(1000.0f, 0x1p60f);
  on_every_simd_target([&] {
    CAPTURE(far);
    const int64_t N = 8, V = 50;
    auto x = normal<float>(N * V, 3, 1);
    for (float& v : x) v += far;
    const std::vector<double> p = softmax_of(exact(x), V);
    std::vector<int64_t> targets(N, 7);
    std::vector<float> loss(N), dx(N * V);
    std::vector<double> norms(2 * N);
    const kernels::CrossEntropy shape{.N = N, .V = V};
    kernels::cross_entropy(shape, x.data(), targets.data(), loss.data(), norms.data());
    kernels::cross_entropy_backward(shape, x.data(), targets.data(), norms.data(), 1.0f, dx.data());
    for (int64_t i = 0; i < N * V; ++i) {
      const double want = p[i] - (i % V == 7 ? 1 : 0);
      CHECK(std::abs(dx[i] - want) <= 1e-6 * std::abs(want));  // a float lse of 1000 is 3e-5 apart from the true one
      CHECK(std::abs(loss[i / V] + std::log(p[i / V * V + 7])) <= 1e-6);
    }
  });
}

namespace {

/// Gradients of f(x) = sum_ij g_ij ((x_ij - m_i) s_i w_j + b_j), from the textbook formulas in f64. m = 0 for an RMS
/// norm.
struct NormGradients {
  std::vector<double> dx, dweight, dbias;
};

NormGradients norm_gradients(const std::vector<double>& g, const std::vector<double>& x, const std::vector<double>& w,
                             const std::vector<double>& mean, const std::vector<double>& rstd, bool centered,
                             int64_t C) {
  NormGradients out{std::vector<double>(x.size()), std::vector<double>(C), std::vector<double>(C)};
  for (size_t r = 0; r < mean.size(); ++r) {
    double q_mean = 0, qh_mean = 0;
    for (int64_t j = 0; j < C; ++j) {
      const double h = (x[r * C + j] - mean[r]) * rstd[r], q = g[r * C + j] * w[j];
      q_mean += q / double(C), qh_mean += q * h / double(C);
      out.dweight[j] += g[r * C + j] * h, out.dbias[j] += g[r * C + j];
    }
    for (int64_t j = 0; j < C; ++j)
      out.dx[r * C + j] =
          rstd[r] * (g[r * C + j] * w[j] - (centered ? q_mean : 0) - (x[r * C + j] - mean[r]) * rstd[r] * qh_mean);
  }
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("norm kernels: values and gradients equal the formulas", "[kernels][norm]", float, double) {
  using T = TestType;
  constexpr double kEps = 1e-5;
  on_every_simd_target([&] {
    for (const int64_t rows : {0, 1, 3, 200})
      for (const int64_t C : {1, 15, 16, 33, 64, 130, 1100}) {
        CAPTURE(rows, C);
        auto x = normal<T>(rows * C, 4, 2), g = normal<T>(rows * C, 5), w = normal<T>(C, 6), b = normal<T>(C, 7);
        for (T& v : x) v += T(0.5);
        const std::vector<double> xd = exact(x), gd = exact(g), wd = exact(w);
        std::vector<double> m(rows), s(rows), rms(rows), y_exact(rows * C), rms_exact(rows * C);
        for (int64_t r = 0; r < rows; ++r) {
          double variance = 0, squares = 0;
          for (int64_t j = 0; j < C; ++j) m[r] += xd[r * C + j] / double(C), squares += xd[r * C + j] * xd[r * C + j];
          for (int64_t j = 0; j < C; ++j) variance += (xd[r * C + j] - m[r]) * (xd[r * C + j] - m[r]) / double(C);
          s[r] = 1 / std::sqrt(variance + kEps), rms[r] = 1 / std::sqrt(squares / double(C) + kEps);
          for (int64_t j = 0; j < C; ++j) {
            y_exact[r * C + j] = (xd[r * C + j] - m[r]) * s[r] * wd[j] + double(b[j]);
            rms_exact[r * C + j] = xd[r * C + j] * rms[r] * wd[j];
          }
        }
        std::vector<T> y(rows * C), mean(rows), rstd(rows), rrms(rows), dx(rows * C), dw(C, T(9)), db(C, T(9));
        kernels::norm(x.data(), w.data(), b.data(), kEps, y.data(), mean.data(), rstd.data(), rows, C);
        CHECK(worst_error(y, y_exact, 1) <= tolerance<T>());
        CHECK(worst_error(mean, m, 1) <= tolerance<T>());
        CHECK(worst_error(rstd, s, 1e-3) <= tolerance<T>());
        // With one column rstd is 316 and x - mean cancels: only its own rounding is left to compare.
        const double floor = C == 1 ? 300 * 300 : std::sqrt(double(rows + 1)) * 2;
        kernels::norm_backward(g.data(), x.data(), w.data(), mean.data(), rstd.data(), dx.data(), dw.data(), db.data(),
                               rows, C);
        const NormGradients expected = norm_gradients(gd, xd, wd, m, s, true, C);
        CHECK(worst_error(dx, expected.dx, floor) <= tolerance<T>());
        CHECK(worst_error(dw, expected.dweight, floor) <= tolerance<T>());
        CHECK(worst_error(db, expected.dbias, floor) <= tolerance<T>());

        kernels::norm<T>(x.data(), w.data(), nullptr, kEps, y.data(), nullptr, rrms.data(), rows, C);
        CHECK(worst_error(y, rms_exact, 1) <= tolerance<T>());
        CHECK(worst_error(rrms, rms, 1e-3) <= tolerance<T>());
        kernels::norm_backward<T>(g.data(), x.data(), w.data(), nullptr, rrms.data(), dx.data(), dw.data(), nullptr,
                                  rows, C);
        const NormGradients rms_expected = norm_gradients(gd, xd, wd, std::vector<double>(rows), rms, false, C);
        CHECK(worst_error(dx, rms_expected.dx, 100 * floor) <= tolerance<T>());
        CHECK(worst_error(dw, rms_expected.dweight, floor) <= tolerance<T>());
      }
  });
}

TEST_CASE("norm kernels: absent weight, bias and gradients are 1, 0 and not written", "[kernels][norm]") {
  const int64_t rows = 70, C = 40;
  const auto x = normal<float>(rows * C, 8), g = normal<float>(rows * C, 9);
  const std::vector<float> ones(C, 1), zeros(C, 0);
  std::vector<float> y(rows * C), y0(rows * C), mean(rows), rstd(rows), dx(rows * C), dx0(rows * C), dw(C), db(C),
      dw0(C), db0(C);
  kernels::norm<float>(x.data(), nullptr, nullptr, 1e-5, y.data(), mean.data(), rstd.data(), rows, C);
  kernels::norm<float>(x.data(), ones.data(), zeros.data(), 1e-5, y0.data(), mean.data(), rstd.data(), rows, C);
  CHECK(y == y0);
  kernels::norm_backward<float>(g.data(), x.data(), nullptr, mean.data(), rstd.data(), dx.data(), dw.data(), db.data(),
                                rows, C);
  kernels::norm_backward<float>(g.data(), x.data(), ones.data(), mean.data(), rstd.data(), dx0.data(), nullptr, nullptr,
                                rows, C);
  CHECK(dx == dx0);
  kernels::norm_backward<float>(g.data(), x.data(), nullptr, mean.data(), rstd.data(), nullptr, dw0.data(), nullptr,
                                rows, C);
  kernels::norm_backward<float>(g.data(), x.data(), nullptr, mean.data(), rstd.data(), nullptr, nullptr, db0.data(),
                                rows, C);
  CHECK(dw == dw0);
  CHECK(db == db0);
}

TEMPLATE_TEST_CASE("norm kernels: without a weight, and at values as small as eps, wide rows equal the formulas",
                   "[kernels][norm]", float, double) {
  using T = TestType;
  constexpr int64_t rows = 5;
  on_every_simd_target([&] {
    for (const int64_t C : {1, 7, 16, 100, 101, 127, 128, 129, 1023, 1025, 2500})
      for (const double size : {1e-3, 1.0}) {  // squares of 1e-6 against an eps of 1e-5: eps decides
        CAPTURE(C, size);
        constexpr double kEps = 1e-5;
        const auto x = normal<T>(rows * C, 4, size);
        auto g = normal<T>(rows * C, 5);
        for (T& v : g) v += T(0.7);  // its mean is not lost among the rest
        const std::vector<double> xd = exact(x), gd = exact(g), ones(C, 1);
        std::vector<double> m(rows), s(rows), rms(rows), y_exact(rows * C), rms_exact(rows * C);
        for (int64_t r = 0; r < rows; ++r) {
          const double* row = xd.data() + r * C;
          double variance = 0, squares = 0;
          for (int64_t j = 0; j < C; ++j) m[r] += row[j] / double(C), squares += row[j] * row[j] / double(C);
          for (int64_t j = 0; j < C; ++j) variance += (row[j] - m[r]) * (row[j] - m[r]) / double(C);
          s[r] = 1 / std::sqrt(variance + kEps), rms[r] = 1 / std::sqrt(squares + kEps);
          for (int64_t j = 0; j < C; ++j)
            y_exact[r * C + j] = (row[j] - m[r]) * s[r], rms_exact[r * C + j] = row[j] * rms[r];
        }
        std::vector<T> y(rows * C), mean(rows), rstd(rows), rrms(rows), dx(rows * C), dw(C), db(C);
        const double room = C == 1 ? 1e-3 : 1;  // of one column x - mean is rounding alone
        kernels::norm<T>(x.data(), nullptr, nullptr, kEps, y.data(), mean.data(), rstd.data(), rows, C);
        CHECK(worst_error(y, y_exact, room) <= 10 * tolerance<T>());
        CHECK(worst_error(rstd, s, 1e-3) <= 10 * tolerance<T>());
        kernels::norm_backward<T>(g.data(), x.data(), nullptr, mean.data(), rstd.data(), dx.data(), dw.data(),
                                  db.data(), rows, C);
        const NormGradients expected = norm_gradients(gd, xd, ones, m, s, true, C);
        const double floor = s[0] * 3;
        CHECK(worst_error(dx, expected.dx, C == 1 ? 1e5 : floor) <= 10 * tolerance<T>());
        CHECK(worst_error(dw, expected.dweight, 10) <= 10 * tolerance<T>());
        CHECK(worst_error(db, expected.dbias, 10) <= 10 * tolerance<T>());

        kernels::norm<T>(x.data(), nullptr, nullptr, kEps, y.data(), nullptr, rrms.data(), rows, C);
        CHECK(worst_error(y, rms_exact, 1e-2) <= 10 * tolerance<T>());
        CHECK(worst_error(rrms, rms, 1e-3) <= 10 * tolerance<T>());
        kernels::norm_backward<T>(g.data(), x.data(), nullptr, nullptr, rrms.data(), dx.data(), dw.data(), nullptr,
                                  rows, C);
        const NormGradients of_rms = norm_gradients(gd, xd, ones, std::vector<double>(rows), rms, false, C);
        CHECK(worst_error(dx, of_rms.dx, rms[0] * 3) <= 10 * tolerance<T>());
        CHECK(worst_error(dw, of_rms.dweight, 10) <= 10 * tolerance<T>());
      }
  });
}

TEST_CASE("norm kernels: constant rows give the bias", "[kernels][norm]") {
  const int64_t C = 50;
  const std::vector<float> x(C, 0.1f), w(C, 3), b(C, 7);
  std::vector<float> y(C);
  float mean, rstd;
  kernels::norm(x.data(), w.data(), b.data(), 1e-5, y.data(), &mean, &rstd, 1, C);
  for (const float v : y) CHECK(v == Approx(7).margin(1e-4));
}

TEMPLATE_TEST_CASE("sums kernels: equal the sum in f64", "[kernels][sums]", float, double) {
  using T = TestType;
  on_every_simd_target([&] {
    const auto sum_of_squares = [](const Tensor& x) {
      return kernels::sum_of_powers(x, 2, {0}, false).template item<double>();
    };
    for (const int64_t n : {0, 1, 15, 16, 17, 33, 1024, 1025, 16384, 16385, 100'000}) {
      CAPTURE(n);
      const auto x = normal<T>(n, 10);
      double squares = 0;
      for (const T v : x) squares += double(v) * double(v);
      CHECK(close(sum_of_squares(from_vector(x, {n})), squares, 1e-12, squares));  // f64 in another order
    }
    CHECK(sum_of_squares(full({100}, 1e30, dtype_of<T>())) == Approx(1e62));
    for (const int64_t rows : {0, 1, 3, 63, 64, 700})
      for (const int64_t n : {1, 16, 31, 129, 300}) {
        CAPTURE(rows, n);
        const auto x = normal<T>(rows * n, 11);
        std::vector<double> expected(n);
        for (int64_t i = 0; i < rows * n; ++i) expected[i % n] += double(x[i]);
        std::vector<T> y(n, T(5));
        kernels::sum_rows(x.data(), y.data(), rows, n);
        CHECK(worst_error(y, expected, std::sqrt(double(rows)) + 1) <= tolerance<T>());
      }
  });
}

TEST_CASE("row kernels: the same bits at any number of threads", "[kernels]") {
  const int before = num_threads();
  const int64_t rows = 3000, C = 96;
  const auto x = normal<float>(rows * C, 12), g = normal<float>(rows * C, 13), w = normal<float>(C, 14);
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    std::vector<float> all, y(rows * C), mean(rows), rstd(rows), dw(C), db(C);
    const auto keep = [&](const std::vector<float>& v) { all.insert(all.end(), v.begin(), v.end()); };
    kernels::norm<float>(x.data(), w.data(), nullptr, 1e-5, y.data(), mean.data(), rstd.data(), rows, C);
    keep(y);
    kernels::norm_backward(g.data(), x.data(), w.data(), mean.data(), rstd.data(), y.data(), dw.data(), db.data(), rows,
                           C);
    keep(y), keep(dw), keep(db);
    kernels::sum_rows(x.data(), db.data(), rows, C);
    keep(db);
    keep({kernels::sum_of_powers(from_vector(x, {rows * C}), 2, {0}, false).item<float>()});
    results.push_back(all);
  }
  set_num_threads(before);
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

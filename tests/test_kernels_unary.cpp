#include <functional>

#include <heed/tensor/kernels/unary.h>
#include <heed/tensor/parallel.h>
#include "kernels.h"

using namespace heed;
using heed::kernels::simd_targets;
using heed::kernels::Unary;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kTolerance = 2e-6;  // what unary.h promises for f32

double sigmoid_at(double x) { return x > 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double cdf_at(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
double gate_at(double x) { return sigmoid_at(2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)); }

struct Case {
  Unary f;
  const char* name;
  std::function<double(double)> exact;
  double floor;  // errors are relative to values of at least this size
  double at_inf, at_minus_inf;
};

// The smallest normal f32 is the floor of functions that pass through 0 by underflow.
constexpr double kTiny = 1.2e-38 / 2e-6;

const std::vector<Case> kCases = {
    {Unary::exp, "exp", [](double x) { return std::exp(x); }, 1e-38, kInf, 0},
    {Unary::log, "log", [](double x) { return std::log(x); }, 0, kInf, kNaN},
    {Unary::log1p, "log1p", [](double x) { return std::log1p(x); }, 1e-44, kInf, kNaN},
    {Unary::expm1, "expm1", [](double x) { return std::expm1(x); }, 1e-44, kInf, -1},
    {Unary::floor, "floor", [](double x) { return std::floor(x); }, 0, kInf, -kInf},
    {Unary::ceil, "ceil", [](double x) { return std::ceil(x); }, 0, kInf, -kInf},
    {Unary::round, "round", [](double x) { return std::nearbyint(x); }, 0, kInf, -kInf},
    {Unary::sqrt, "sqrt", [](double x) { return std::sqrt(x); }, 0, kInf, kNaN},
    {Unary::rsqrt, "rsqrt", [](double x) { return 1 / std::sqrt(x); }, 0, 0, kNaN},
    {Unary::sin, "sin", [](double x) { return std::sin(x); }, 1, kNaN, kNaN},
    {Unary::cos, "cos", [](double x) { return std::cos(x); }, 1, kNaN, kNaN},
    {Unary::tanh, "tanh", [](double x) { return std::tanh(x); }, 0, 1, -1},
    {Unary::erf, "erf", [](double x) { return std::erf(x); }, 1e-38, 1, -1},
    {Unary::sigmoid, "sigmoid", sigmoid_at, kTiny, 1, 0},
    {Unary::softplus, "softplus", [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }, kTiny,
     kInf, 0},
    {Unary::silu, "silu", [](double x) { return x * sigmoid_at(x); }, 100 * kTiny, kInf, 0},
    {Unary::relu2, "relu2", [](double x) { return x < 0 ? 0 : x * x; }, kTiny, kInf, 0},
    {Unary::gelu, "gelu", [](double x) { return x * cdf_at(x); }, 1e-6, kInf, 0},
    {Unary::gelu_tanh, "gelu_tanh", [](double x) { return x * gate_at(x); }, 1e-6, kInf, 0},
};

/// Numbers of every magnitude, dense where the functions bend, and special values.
std::vector<float> hard_numbers() {
  std::vector<float> x = normal<float>(20000, 1, 3);
  for (int e = -149; e < 128; ++e)
    for (const double m : {1.0, 1.2345, 1.9999999})
      for (const double sign : {-1.0, 1.0}) x.push_back(static_cast<float>(sign * std::ldexp(m, e)));
  for (double v = -110; v < 95; v += 0.0371) x.push_back(static_cast<float>(v));
  for (const float v :
       {0.0f, -0.0f, 1.0f, -1.0f, 87.33f, 88.7228f, 88.73f, -87.33f, -103.9f, -104.5f, 9.01f, 9.03f, 39001.0f, 3e38f})
    x.push_back(v);
  return x;
}

}  // namespace

TEST_CASE("unary kernels: f32 is within 2e-6 of the exact value on every instruction set", "[kernels][unary]") {
  const std::vector<float> x = hard_numbers();
  on_every_simd_target([&] {
    for (const Case& c : kCases) {
      CAPTURE(c.name);
      std::vector<float> y(x.size());
      std::vector<double> expected;
      for (const float v : x) {
        const double y64 = c.exact(v);
        expected.push_back(std::isinf(static_cast<float>(y64)) ? static_cast<float>(y64) : y64);
      }
      kernels::unary(c.f, x.data(), y.data(), static_cast<int64_t>(x.size()));
      CHECK(worst_error(y, expected, c.floor) <= kTolerance);
    }
  });
}

TEST_CASE("unary kernels: f64 is as exact as the standard library", "[kernels][unary]") {
  std::vector<double> x = normal<double>(2000, 2, 3);
  for (const double v : {0.0, 1e-300, -1e-300, 700.0, -700.0, 30.0, -30.0}) x.push_back(v);
  for (const Case& c : kCases) {
    CAPTURE(c.name);
    std::vector<double> y(x.size()), expected;
    for (const double v : x) expected.push_back(c.exact(v));
    kernels::unary(c.f, x.data(), y.data(), static_cast<int64_t>(x.size()));
    CHECK(worst_error(y, expected, c.floor >= 1e-6 ? 1 : 1e-30) <= 4e-15);  // some roundings of 1.1e-16 each
  }
}

TEST_CASE("unary kernels: infinities give the limit and NaN gives NaN", "[kernels][unary]") {
  on_every_simd_target([&] {
    for (const Case& c : kCases) {
      CAPTURE(c.name);
      const float x[] = {float(kInf), float(-kInf), float(kNaN)};
      const double xd[] = {kInf, -kInf, kNaN};
      float y[3];
      double yd[3];
      kernels::unary(c.f, x, y, 3);
      kernels::unary(c.f, xd, yd, 3);
      const std::vector<double> expected = {c.at_inf, c.at_minus_inf, kNaN};
      CHECK(worst_error(std::vector<float>(y, y + 3), expected, 0) == 0);
      CHECK(worst_error(std::vector<double>(yd, yd + 3), expected, 0) == 0);
    }
  });
}

TEST_CASE("unary kernels: zero keeps its sign", "[kernels][unary]") {
  on_every_simd_target([&] {
    for (const Unary f : {Unary::log1p, Unary::expm1, Unary::sin, Unary::tanh, Unary::erf}) {
      const float x[] = {-0.0f, 0.0f};
      float y[2];
      kernels::unary(f, x, y, 2);
      CAPTURE(int(f));
      CHECK((y[0] == 0 && std::signbit(y[0])));
      CHECK((y[1] == 0 && !std::signbit(y[1])));
    }
  });
}

TEST_CASE("unary kernels: a value's result depends on neither its place nor the array's size", "[kernels][unary]") {
  set_num_threads(2);
  const std::vector<float> x = normal<float>(100'001, 3, 2);
  on_every_simd_target([&] {
    for (const Case& c : kCases) {
      CAPTURE(c.name);
      std::vector<float> all(x.size());
      kernels::unary(c.f, x.data(), all.data(), static_cast<int64_t>(x.size()));
      for (const int64_t n : kSizes) {
        std::vector<float> part(n + 2, -77);
        kernels::unary(c.f, x.data() + 3, part.data() + 1, n);  // neither is aligned
        CHECK(part.front() == -77);
        CHECK(part.back() == -77);
        bool equal = true;
        for (int64_t i = 0; i < n; ++i)
          equal &= part[i + 1] == all[i + 3] || (std::isnan(part[i + 1]) && std::isnan(all[i + 3]));
        CHECK(equal);
      }
    }
  });
}

namespace {

struct GradientCase {
  Unary f;
  const char* name;
  std::function<double(double)> slope;  // of the kernel's second argument
  double at_inf, at_minus_inf;
};

double pdf_at(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }

const std::vector<GradientCase> kGradients = {
    {Unary::gelu, "gelu", [](double x) { return cdf_at(x) + x * pdf_at(x); }, 1, 0},
    {Unary::gelu_tanh, "gelu_tanh",
     [](double x) {
       const double s = gate_at(x), c = 2 * std::sqrt(2 / M_PI);
       return s + x * s * (1 - s) * c * (1 + 3 * 0.044715 * x * x);
     },
     1, 0},
    {Unary::silu, "silu",
     [](double x) {
       const double s = 1 / (1 + std::exp(-x));
       return s + x * s * (1 - s);
     },
     1, 0},
    {Unary::relu2, "relu2", [](double x) { return 2 * std::max(x, 0.0); }, kInf, 0},
};

}  // namespace

TEST_CASE("unary kernels: gradients equal their formulas at every size", "[kernels][unary]") {
  on_every_simd_target([&] {
    for (const GradientCase& c : kGradients) {
      CAPTURE(c.name);
      for (int64_t n : {0, 1, 15, 16, 17, 33, 40'000}) {
        const auto x = normal<float>(n, 4, 4), g = normal<float>(n, 5);
        std::vector<float> dx(n);
        std::vector<double> expected, expected64, dx64(n);
        kernels::unary_backward(c.f, g.data(), x.data(), dx.data(), n);
        std::vector<double> xd(x.begin(), x.end()), gd(g.begin(), g.end());
        kernels::unary_backward(c.f, gd.data(), xd.data(), dx64.data(), n);
        for (int64_t i = 0; i < n; ++i) expected.push_back(g[i] * c.slope(x[i]));
        // Slopes cancel near their zeros: errors are relative to 1, or a larger slope, times |g|.
        double worst = 0, worst64 = 0;
        for (int64_t i = 0; i < n; ++i) {
          const double size = std::max<double>(std::abs(g[i]), std::abs(expected[i]));
          worst = std::max(worst, std::abs(dx[i] - expected[i]) / size);
          worst64 = std::max(worst64, std::abs(dx64[i] - expected[i]) / size);
        }
        CHECK(worst <= 1e-6);
        CHECK(worst64 <= 1e-14);
      }
    }
  });
}

TEST_CASE("unary kernels: gradients at infinity are those of the straight lines there", "[kernels][unary]") {
  on_every_simd_target([&] {
    for (const GradientCase& c : kGradients) {
      CAPTURE(c.name);
      const double xd[] = {kInf, -kInf, kNaN, 1e30}, gd[] = {2, 2, 2, 2};
      const float x[] = {float(xd[0]), float(xd[1]), float(kNaN)}, g[] = {2, 2, 2};
      float dx[3];
      double dxd[3];
      kernels::unary_backward(c.f, g, x, dx, 3);
      kernels::unary_backward(c.f, gd, xd, dxd, 3);
      const std::vector<double> expected = {2 * c.at_inf, 2 * c.at_minus_inf, kNaN};
      CHECK(worst_error(std::vector<float>(dx, dx + 3), expected, 1e-30) <= 1e-6);
      CHECK(worst_error(std::vector<double>(dxd, dxd + 3), expected, 1e-30) <= 1e-6);
    }
  });
}

TEST_CASE("unary kernels: may write over their input", "[kernels][unary]") {
  const std::vector<float> x = normal<float>(100, 6);
  std::vector<float> y(100), in_place = x;
  kernels::unary(Unary::gelu, x.data(), y.data(), 100);
  kernels::unary(Unary::gelu, in_place.data(), in_place.data(), 100);
  CHECK(in_place == y);
}

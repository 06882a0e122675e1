// What the tests of kernels share: arrays of hard numbers, odd sizes, and comparison with exact values.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <heed/tensor/kernels/simd.h>
#include "catch.h"

namespace heed {

/// Runs `test` on every instruction set of this machine.
template <class F>
void on_every_simd_target(F test) {
  const std::string before = kernels::simd_target();
  for (const std::string& target : kernels::simd_targets()) {
    CAPTURE(target);
    kernels::use_simd_target(target);
    test();
  }
  kernels::use_simd_target(before);
}

template <class T>
std::vector<T> normal(int64_t n, uint32_t seed, double scale = 1) {
  std::mt19937 rng(seed);
  std::normal_distribution<double> draw(0, scale);
  std::vector<T> values(n);
  for (T& v : values) v = static_cast<T>(draw(rng));
  return values;
}

/// Sizes around multiples of the widest vector (16 f32), and one that is shared among threads.
inline const std::vector<int64_t> kSizes = {0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200};

/// True if both are NaN, or equal, or within `tolerance` relative to `scale`.
inline bool close(double actual, double expected, double tolerance, double scale) {
  if (std::isnan(expected) || std::isnan(actual)) return std::isnan(expected) && std::isnan(actual);
  return actual == expected || std::abs(actual - expected) <= tolerance * scale;
}

/// Largest error of `actual`, relative to the expected value or to `floor` where that is larger; NaN must meet NaN, and
/// an infinity itself (else the error is infinite).
template <class T>
double worst_error(const std::vector<T>& actual, const std::vector<double>& expected, double floor) {
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double a = static_cast<double>(actual[i]), e = expected[i];
    if (close(a, e, 0, 0)) continue;
    if (std::isnan(a) || std::isnan(e) || std::isinf(a) || std::isinf(e))
      return std::numeric_limits<double>::infinity();
    worst = std::max(worst, std::abs(a - e) / std::max(std::abs(e), floor));
  }
  return worst;
}

/// Largest |a - b| / (1 + |b|) of an array or a vector and its exact twin; NaN is the worst, equal infinities agree.
class Distance {
 public:
  void operator()(double a, double b) {
    const double error = a == b ? 0 : std::abs(a - b) / (1 + std::abs(b));
    worst_ = error <= worst_ ? worst_ : error;
  }
  double worst() const { return worst_; }

 private:
  double worst_ = 0;
};

/// Of arrays that visit their elements: a.each(f) calls f(a(at...), at...).
template <template <class> class Array, class Real>
double distance(const Array<Real>& a, const Array<double>& b) {
  Distance of;
  a.each([&](Real x, auto... at) { of(double(x), b(at...)); });
  return of.worst();
}

template <class Real>
double distance(const std::vector<Real>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  Distance of;
  for (size_t i = 0; i < a.size(); ++i) of(double(a[i]), b[i]);
  return of.worst();
}

/// d loss() / dx by a central difference in f64, and how far that may be off: step^2 times third derivatives.
template <class F>
double central_difference(double& x, F loss) {
  constexpr double kStep = 1e-5;
  const double before = x;
  x = before + kStep;
  const double up = loss();
  x = before - kStep;
  const double down = loss();
  x = before;
  return (up - down) / (2 * kStep);
}
constexpr double kDifferenceTolerance = 1e-8;

}  // namespace heed

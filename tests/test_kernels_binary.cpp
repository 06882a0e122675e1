#include <heed/autograd/ops.h>
#include <heed/tensor/kernels/binary.h>
#include "kernels.h"

using namespace heed;
using heed::kernels::Binary;

namespace {

template <class T>
T remainder_of(T a, T b) {
  const T rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

template <class T>
T quotient_of(T a, T b) {
  if (b == 0) return a / b;
  const T rest = std::fmod(a, b), whole = (a - rest) / b - T(rest != 0 && (rest < 0) != (b < 0));
  const T below = std::floor(whole);
  return whole == 0 ? std::copysign(T(0), a / b) : below + T(whole - below > T(0.5));
}

template <class T>
bool same(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

/// Every pair of special values; numbers of all magnitudes; a just below, at and above n b.
template <class T>
std::pair<std::vector<T>, std::vector<T>> hard_pairs() {
  using Limits = std::numeric_limits<T>;
  const T most = 1 / Limits::epsilon();  // below it, every odd half is a number
  std::vector<T> special;
  for (const T v : {T(0), T(0.1), T(0.5), T(1), 1 + Limits::epsilon(), T(2), T(2.5), T(3), most - 1, most, 2 * most,
                    2 * most + 2, Limits::denorm_min(), Limits::min(), Limits::max(), Limits::infinity()})
    for (const T sign : {1, -1}) special.push_back(sign * v);
  special.push_back(Limits::quiet_NaN());
  std::vector<T> a, b;
  for (const T u : special)
    for (const T v : special) a.push_back(u), b.push_back(v);
  const std::vector<T> x = normal<T>(4000, 1), y = normal<T>(4000, 2), size = normal<T>(4000, 3, 16);
  for (size_t i = 0; i < x.size(); ++i) {
    a.push_back(std::ldexp(x[i], int(size[i]))), b.push_back(y[i]);
    const T near = std::ldexp(std::floor(1000 * std::abs(x[i])) + 1, int(i % (Limits::digits + 3))) * y[i];
    for (const T u : {std::nextafter(near, T(0)), near, std::nextafter(near, 2 * near)})
      a.push_back(u), b.push_back(y[i]);
  }
  return {a, b};
}

template <class T>
Tensor of(const std::vector<T>& x) {
  return from_vector(x, {static_cast<int64_t>(x.size())});
}

}  // namespace

TEMPLATE_TEST_CASE("binary kernels: remainder and floor_divide are fmod's, bit by bit", "[kernels]", float, double) {
  const auto [a, b] = hard_pairs<TestType>();
  on_every_simd_target([&, &a = a, &b = b] {
    const auto rests = kernels::binary(Binary::remainder, of(a), of(b)).template to_vector<TestType>();
    const auto quotients = kernels::binary(Binary::floor_divide, of(a), of(b)).template to_vector<TestType>();
    for (size_t i = 0; i < a.size(); ++i) {
      CAPTURE(a[i], b[i], rests[i], quotients[i]);
      REQUIRE(same(rests[i], remainder_of(a[i], b[i])));
      REQUIRE(same(quotients[i], quotient_of(a[i], b[i])));
    }
  });
}

TEMPLATE_TEST_CASE("binary kernels: pow is std::pow of f64, rounded once", "[kernels]", float, double) {
  constexpr double kRounding = sizeof(TestType) == 4 ? 5.97e-8 : 0;  // half a unit in the last place of f32
  const auto [a, b] = hard_pairs<TestType>();
  on_every_simd_target([&, &a = a, &b = b] {
    const auto y = kernels::binary(Binary::pow, of(a), of(b)).template to_vector<TestType>();
    for (size_t i = 0; i < a.size(); ++i) {
      const double exact = std::pow(double(a[i]), double(b[i]));
      CAPTURE(a[i], b[i], y[i], exact);
      const auto rounded = static_cast<TestType>(exact);
      REQUIRE((same(y[i], rounded) || std::abs(y[i] - exact) <= kRounding * std::max(std::abs(exact), 1.2e-38)));
      REQUIRE((std::isnan(y[i]) || std::signbit(y[i]) == std::signbit(rounded)));
    }
  });
}

TEST_CASE("binary kernels: powers for norms are those of f64, to 13 digits", "[kernels]") {
  const std::vector<float> x = hard_pairs<float>().first;
  on_every_simd_target([&] {
    for (const double p : {0.5, 1.5, 2.5, 7.3, -1.5}) {
      std::vector<double> exact;
      for (const float v : x) exact.push_back(std::pow(std::abs(static_cast<double>(v)), p));
      CAPTURE(p);
      CHECK(worst_error(kernels::powers(of(x), p).to_vector<double>(), exact, 1e-300) < 1e-13);
    }
  });
}

TEST_CASE("binary kernels: a result depends on neither its place nor the operands' strides", "[kernels]") {
  const Tensor a = of(normal<float>(7 * 33, 1)).reshape({7, 33}),
               b = of(normal<float>(7 * 33, 2)).reshape({33, 7}).mT();
  const Tensor row = of(normal<float>(33, 3)).expand({7, 33}),
               column = of(normal<float>(7, 4)).reshape({7, 1}).expand({7, 33});
  for (const auto& [x, y] : {std::pair{a, b}, {a, row}, {column, a}, {column, row}, {b, column}})
    for (const Binary f : {Binary::remainder, Binary::floor_divide, Binary::pow}) {
      const Tensor all = kernels::binary(f, x, y);
      for (int64_t i = 0; i < 7; ++i)
        for (int64_t j = 0; j < 33; ++j)
          CHECK(same(all.at<float>({i, j}), kernels::binary(f, x[i][j], y[i][j]).item<float>()));
    }
}

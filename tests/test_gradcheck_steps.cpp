// The steps of gradcheck: which differences are believed, at kinks, beside large elements and beside large values.
#include <algorithm>
#include <cmath>

#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/check/gradcheck_catch.h>
#include <heed/autograd/ops.h>
#include "catch.h"
#include "with_gradient.h"

using namespace heed;
using tests::draws;
using tests::with_gradient;

TEST_CASE("gradcheck: a kink is reported and no failure, unless the gradient lies outside of its two slopes",
          "[gradcheck]") {
  const Tensor x = tensor({-1., 0., 2.}, f64);
  const GradcheckReport report = gradcheck([](const Tensor& t) { return relu(t); }, x);
  REQUIRE(report);
  REQUIRE(report.nonsmooth.size() == 1);
  CHECK((report.nonsmooth[0].index == Shape{1}));
  CHECK_THAT(to_string(report), Contains("not smooth: input 0[1]"));
  const auto wrong = [](const Tensor& t) {
    return with_gradient(
        t, [](double v) { return std::max(v, 0.0); },
        [t](const Tensor& g) { return g * where(lt(t, 0.), t * 0, t * 0 + 1.5); });
  };
  const GradcheckReport failed = gradcheck(wrong, x);
  REQUIRE_FALSE(failed);
  CHECK(failed.wrong == 2);
}

TEST_CASE("gradcheck: a kink close by is stepped around", "[gradcheck]") {
  const GradcheckReport report = gradcheck([](const Tensor& t) { return abs(t); }, tensor({1e-6, -3e-6, 1.}, f64));
  REQUIRE(report);
  CHECK(report.nonsmooth.empty());
}

TEST_CASE("gradcheck: a jump is reported as non-smooth, and alone it is a failure that says so", "[gradcheck]") {
  const auto step = [](const Tensor& t) { return where(lt(t, 1.), t, t + 1); };
  CHECK(gradcheck(step, tensor({0., 0.5, 1.}, f64)));
  CHECK_THAT(to_string(gradcheck(step, tensor({1.}, f64))), Contains("no two steps agree for 1 of 1 derivatives"));
}

TEST_CASE("gradcheck: the step fits tiny, huge and bounded inputs", "[gradcheck]") {
  CHECK(gradcheck([](const Tensor& x) { return log(x); }, tensor({1e-9, 3e-9}, f64)));
  CHECK(gradcheck([](const Tensor& x) { return log(x); }, tensor({1e-7, 3.}, f64)));
  CHECK(gradcheck([](const Tensor& x) { return x * x; }, tensor({1e8, -3e9}, f64)));
  CHECK(gradcheck([](const Tensor& x) { return sqrt(x); }, tensor({1e-6, 1., 100.}, f64)));
  CHECK(gradcheck([](const Tensor& x) { return log_softmax(x, 0); }, tensor({1e4, -1e4, 1e4 - 1}, f64)));
}

TEST_CASE("gradcheck: steps fit the small elements beside large ones, such as a mask's", "[gradcheck]") {
  const auto attend = [](const Tensor& x, const Tensor& mask) { return softmax(x + mask, -1); };
  const auto predict = [](const Tensor& x) { return tanh(matmul(x, tensor({1e-9, 0.5, 0.7}, f64))); };
  const auto wrong = [](const Tensor& x) {
    return with_gradient(
        x, [](double v) { return v; }, [](const Tensor& g) { return g * 1.3; });
  };
  for (const bool fast : {false, true}) {
    for (const double hidden : {-1e4, -1e9, -1e30, -1e300}) {
      CAPTURE(hidden, fast);
      const Tensor mask = tensor({{0., hidden, 0.}, {0., 0., 0.}}, f64);
      CHECK(gradcheck(attend, {draws({2, 3}), mask}, {.fast = fast}));
      const GradcheckReport report = gradcheck([&](const Tensor& x, const Tensor& m) { return attend(x, wrong(m)); },
                                               {draws({2, 3}), mask}, {.fast = fast});
      REQUIRE_FALSE(report);
      CHECK(report.worst.analytic / report.worst.numeric == Approx(1.3));
    }
    const Tensor seconds = tensor({1.7e9, 0.3, -0.2}, f64);
    CHECK(gradcheck(predict, seconds, {.fast = fast}));
    CHECK_FALSE(gradcheck([&](const Tensor& x) { return predict(wrong(x)); }, seconds, {.fast = fast}));
  }
}

TEST_CASE("gradcheck: the rounding of a large value hides no wrong gradient", "[gradcheck]") {
  const auto beside = [](double offset, double factor) {
    return [=](const Tensor& x) {
      return with_gradient(
          x, [=](double v) { return v * v + offset; }, [=](const Tensor& g) { return g * x * 2 * factor; });
    };
  };
  const Tensor x = tensor({1., 2.}, f64);
  for (const double offset : {1e3, 1e8, 1e11, -1e11}) {
    CAPTURE(offset);
    CHECK(gradcheck(beside(offset, 1), x));
    CHECK_FALSE(gradcheck(beside(offset, -1), x));
    CHECK_FALSE(gradcheck(beside(offset, 0), x));
    CHECK_FALSE(gradcheck(beside(offset, 1.01), x));
    CHECK_FALSE(gradcheck([&](const Tensor& t) { return beside(offset, 2)(t).sum(); }, x, {.fast = true}));
  }
  CHECK_FALSE(gradcheck(beside(1e8, 1.0005), x));
  // Right ones of functions that change within the larger steps, or end there.
  CHECK(gradcheck([](const Tensor& t) { return tanh(t * 1000) * 1e-6 + 1000; }, tensor({0., 1.}, f64)));
  CHECK(gradcheck([](const Tensor& t) { return sin(t * 1000) * 1e-6 + 1000; }, tensor({0.3, 1.}, f64)));
  CHECK(gradcheck([](const Tensor& t) { return floor(t * 300) / 300 + 1e6; }, tensor({0.305, 1.001}, f64)));
  const Tensor sure = tensor({0.999, 0.5}, f64), truth = tensor({0., 1.}, f64);
  const auto cost = [&](const Tensor& p) { return binary_cross_entropy(p, truth, {}, Reduction::none) * 1e-3 + 1e4; };
  CHECK(gradcheck(cost, sure));
}

// What a person reads when a gradient is wrong.
#include <cmath>

#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>
#include "catch.h"

using namespace heed;

namespace {

/// x^2, whose gradient is off by `error` at element `at`.
Tensor square_wrong_at(const Tensor& x, int64_t at, double error) {
  return autograd::record({"square"}, (x * x).detach(), {{x, [x, at, error](const Tensor& g) {
                                                            Tensor extra = zeros(x.shape(), f64);
                                                            extra.mutable_data<double>()[at] = error;
                                                            return g * (x * 2 + extra);
                                                          }}});
}

/// f(x), with `formula` as its gradient.
Tensor with_formula(const Tensor& y, const Tensor& x, autograd::Formula formula) {
  return autograd::record({"custom"}, y.detach(), {{x, std::move(formula)}});
}

/// 0.1, 0.2, ... 2.0, as (4, 5).
Tensor tenths() { return arange(1., 21., 1., f64).reshape({4, 5}) / 10; }

Tensor draws(const Shape& shape, uint64_t seed = 3) {
  Rng rng(seed);
  return randn(shape, rng, f64);
}

}  // namespace

TEST_CASE("gradcheck report: one wrong element of a (4, 5) input, in full", "[gradcheck]") {
  CHECK(
      to_string(gradcheck([](const Tensor& x) { return square_wrong_at(x, 13, 0.01); }, tenths())) ==
      R"(gradcheck failed: input 0[2, 3] -> output 0[2, 3]: analytic 2.810, numeric 2.800; 1 of 400 derivatives is wrong (this one by 3.5e-03, relative) [seed 0]
  hint: one element alone is wrong: a wrong index, an edge, or a value that is treated apart?
  input 0 (4, 5): x wrong, ~ not smooth, . right
    . . . . .
    . . . . .
    . . . x .
    . . . . .
  analytic gradient of output 0[2, 3] by input 0:
              0           0           0           0           0
              0           0           0           0           0
              0           0           0        2.81           0
              0           0           0           0           0
  numeric gradient of output 0[2, 3] by input 0:
              0           0           0           0           0
              0           0           0           0           0
              0           0           0         2.8           0
              0           0           0           0           0)");
}

TEST_CASE("gradcheck report: one wrong element of a loss over a (4, 5) input shows both gradients", "[gradcheck]") {
  CHECK(
      to_string(gradcheck([](const Tensor& x) { return square_wrong_at(x, 0, -0.1).sum(); }, tenths(), {.seed = 5})) ==
      R"(gradcheck failed: input 0[0, 0]: analytic 0.1000, numeric 0.2000; 1 of 20 derivatives is wrong (this one by 4.8e-01, relative) [seed 5]
  hint: one element alone is wrong: a wrong index, an edge, or a value that is treated apart?
  input 0 (4, 5): x wrong, ~ not smooth, . right
    x . . . .
    . . . . .
    . . . . .
    . . . . .
  analytic gradient of the output by input 0:
            0.1         0.4         0.6         0.8           1
            1.2         1.4         1.6         1.8           2
            2.2         2.4         2.6         2.8           3
            3.2         3.4         3.6         3.8           4
  numeric gradient of the output by input 0:
            0.2         0.4         0.6         0.8           1
            1.2         1.4         1.6         1.8           2
            2.2         2.4         2.6         2.8           3
            3.2         3.4         3.6         3.8           4)");
}

TEST_CASE("gradcheck report: small Jacobians are shown whole", "[gradcheck]") {
  CHECK(
      to_string(gradcheck([](const Tensor& x) { return square_wrong_at(x, 1, 0.5); }, tensor({1., -2.}, f64))) ==
      R"(gradcheck failed: input 0[1] -> output 0[1]: analytic -3.500, numeric -4.000; 1 of 4 derivatives is wrong (this one by 1.2e-01, relative) [seed 0]
  hint: one element alone is wrong: a wrong index, an edge, or a value that is treated apart?
  input 0 (2): x wrong, ~ not smooth, . right
    . x
  analytic Jacobian by input 0, one row per output:
              2           0
              0        -3.5
  numeric Jacobian by input 0, one row per output:
              2           0
              0          -4)");
}

TEST_CASE("gradcheck report: an element at the edge of the domain is called that, in columns", "[gradcheck]") {
  CHECK(
      to_string(gradcheck([](const Tensor& x) { return sqrt(x); }, tensor({0., 1.}, f64))) ==
      R"(gradcheck failed: output 0[0] is nan when input 0[0] moves by -8.6e-10: no difference to compare with for 1 of 4 derivatives; need inputs with finite values around [seed 0]
  input 0 (2): x wrong, ? not finite around, ~ not smooth, . right
    ? .
  analytic Jacobian by input 0, one row per output:
            inf           0
              0         0.5
  numeric Jacobian by input 0, one row per output:
            nan           0
              0         0.5)");
}

TEST_CASE("gradcheck report: fast mode ends with the same report, and says why it looked at every element",
          "[gradcheck]") {
  const auto f = [](const Tensor& x) { return square_wrong_at(x, 13, 0.01); };
  std::string fast = to_string(gradcheck(f, tenths(), {.fast = true}));
  const std::string why = ", a random projection differed";
  REQUIRE_THAT(fast, Contains("[seed 0" + why + "]"));
  fast.erase(fast.find(why), why.size());
  CHECK(fast == to_string(gradcheck(f, tenths())));
}

TEST_CASE("gradcheck report: a module's wrong gradient is one line with the parameter's name", "[gradcheck]") {
  std::vector<std::pair<std::string, Tensor>> params{{"decoder.attention.v", tensor({0.3, -0.2, 0.1, 0.06505}, f64)},
                                                     {"decoder.weight", draws({40, 30})}};
  for (auto& [name, tensor] : params) tensor.set_requires_grad();
  const GradcheckReport report = gradcheck(
      params, [&] { return square_wrong_at(params[0].second, 3, -0.0067).sum() + sin(params[1].second).sum(); });
  CHECK_THAT(to_string(report),
             Contains("gradcheck failed: decoder.attention.v[3]: analytic 0.1234, numeric 0.1301; 1 of "));
  CHECK_THAT(to_string(report), !Contains("by decoder.weight"));  // nothing to see there
}

TEST_CASE("gradcheck report: a large parameter's wrong element shows the loss's own derivative", "[gradcheck]") {
  std::vector<std::pair<std::string, Tensor>> params{{"wte.weight", full({50, 40}, 0.25, f64)}};
  params[0].second.set_requires_grad();
  const GradcheckReport report =
      gradcheck(params, [&] { return square_wrong_at(params[0].second, 1234, 0.125).sum(); });
  CHECK_THAT(to_string(report), Contains("wte.weight[30, 34]: analytic 0.6250, numeric 0.5000; 1 of "));
}

TEST_CASE("gradcheck report: the hint names what the wrong derivatives have in common", "[gradcheck]") {
  const auto hint = [](auto f, const Tensor& x) { return gradcheck(f, x).hint; };
  const Tensor x = draws({4, 3});
  CHECK(hint([](const Tensor& t) { return exp(t); }, x).empty());
  CHECK_THAT(
      hint([](const Tensor& t) { return with_formula(exp(t), t, [t](const Tensor& g) { return neg(g * exp(t)); }); },
           x),
      Contains("opposite sign"));
  CHECK_THAT(
      hint([](const Tensor& t) { return with_formula(t.mean(), t, [t](const Tensor& g) { return g * ones_like(t); }); },
           x),
      Contains("is 12 times the numeric value"));
  CHECK_THAT(
      hint([](const Tensor& t) { return with_formula(t * 1, t, [](const Tensor& g) { return g * 1.0004; }); }, x),
      Contains("is 1.0004 times the numeric value"));
  CHECK_THAT(hint([](const Tensor& t) { return t.detach() * 2; }, x), Contains("is the input detached"));
  const Tensor two_rows = tensor({{1.}, {0.}, {1.}, {0.}}, f64);
  CHECK_THAT(hint([&](const Tensor& t) { return with_formula(t * two_rows, t, [](const Tensor& g) { return g; }); }, x),
             Contains("does not change there, but backward says so"));
  CHECK_THAT(hint([](const Tensor& t) { return with_formula(t * 1, t, [](const Tensor& g) { return g / 0.0; }); }, x),
             Contains("no finite number"));
  // Two faults at once have nothing in common.
  CHECK(hint([](const Tensor& t) { return with_formula(t * t, t, [t](const Tensor& g) { return g * t * t * 3; }); }, x)
            .empty());
}

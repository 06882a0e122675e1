#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/check/gradcheck_catch.h>
#include <heed/autograd/engine.h>
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "with_gradient.h"

using namespace heed;
using autograd::record;
using tests::draws;
using tests::with_gradient;

namespace {

/// x^2, whose gradient is off by `error` at element `at`.
Tensor square_wrong_at(const Tensor& x, int64_t at, double error) {
  return with_gradient(
      x, [](double v) { return v * v; },
      [x, at, error](const Tensor& g) {
        Tensor extra = zeros(x.shape(), f64);
        extra.mutable_data<double>()[at] = error;
        return g * (x * 2 + extra);
      });
}

}  // namespace

TEST_CASE("gradcheck: passes right gradients of one, two and many inputs, and of several outputs", "[gradcheck]") {
  REQUIRE(gradcheck([](const Tensor& x) { return tanh(x); }, draws({3, 4})));
  REQUIRE(gradcheck([](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {draws({2, 3}), draws({3, 4}, 4)}));
  REQUIRE(gradcheck([](const std::vector<Tensor>& x) { return cat(x, 0); }, {draws({2}), draws({3}), draws({1})}));
  REQUIRE(gradcheck([](const Tensor& x) { return std::vector<Tensor>{sin(x), x.sum()}; }, draws({3})));
  REQUIRE(gradcheck([](const Tensor& x) { return std::pair(sin(x), x.argmax()); }, draws({3})));
  REQUIRE(
      gradcheck([](const Tensor& x, const Tensor& y) { return cross_entropy(x, y); }, {draws({2, 3}), tensor({0, 2})}));
  REQUIRE(gradgradcheck([](const Tensor& a, const Tensor& b) { return tanh(a) * b; }, {draws({2, 3}), draws({3}, 4)}));
}

TEST_CASE("gradcheck: a report names the one wrong element of a (4, 5) input, and draws where it is", "[gradcheck]") {
  const GradcheckReport report = gradcheck([](const Tensor& x) { return square_wrong_at(x, 13, 0.01); }, draws({4, 5}));
  REQUIRE_FALSE(report);
  CHECK(report.wrong == 1);
  CHECK(report.compared == 400);
  CHECK(report.worst.input == "input 0");
  CHECK((report.worst.index == Shape{2, 3}));
  CHECK((report.worst.output_index == Shape{2, 3}));
  CHECK(report.worst.analytic - report.worst.numeric == Approx(0.01).epsilon(1e-4));
  const std::string text = to_string(report);
  CHECK_THAT(text, Contains("input 0[2, 3] -> output 0[2, 3]: analytic "));
  CHECK_THAT(text, Contains("1 of 400 derivatives is wrong"));
  CHECK_THAT(text, Contains(" . . . . .\n    . . . . .\n    . . . x .\n    . . . . ."));
  CHECK(fmt::format("{}", report) == text);
  CHECK(Catch::Detail::stringify(report) == text);
}

TEST_CASE("gradcheck: small checks show both Jacobians", "[gradcheck]") {
  const GradcheckReport report =
      gradcheck([](const Tensor& x) { return square_wrong_at(x, 1, 10); }, tensor({1., 2.}, f64));
  REQUIRE(report.inputs.size() == 1);
  CHECK(report.inputs[0].analytic.to_vector<double>() == std::vector<double>{2, 0, 0, 14});
  CHECK(report.inputs[0].numeric.at<double>({1, 1}) == Approx(4));
  CHECK_THAT(to_string(report), Contains("analytic Jacobian by input 0"));
  CHECK_THAT(to_string(report), Contains("numeric Jacobian by input 0"));
}

TEST_CASE("gradcheck: fast mode passes with one comparison per input, and reruns to name a wrong element",
          "[gradcheck]") {
  const GradcheckReport passed = gradcheck([](const Tensor& x) { return sin(x); }, draws({50}), {.fast = true});
  REQUIRE(passed);
  CHECK(passed.compared == 1);
  CHECK_FALSE(passed.reran);
  for (const int64_t size : {50, 5000}) {
    const GradcheckReport failed = gradcheck([&](const Tensor& x) { return square_wrong_at(x, size - 9, 0.01).sum(); },
                                             draws({size}), {.fast = true});
    REQUIRE_FALSE(failed);
    CHECK(failed.reran);
    CHECK(failed.wrong == 1);
    CHECK((failed.worst.index == Shape{size - 9}));
  }
}

TEST_CASE("gradcheck: a function may differentiate on its own", "[gradcheck]") {
  const auto penalty = [](const Tensor& x) { return pow(grad(tanh(x).sum(), x, {.create_graph = true}), 2); };
  CHECK(gradcheck(penalty, draws({3})));
  CHECK(gradgradcheck(penalty, draws({3})));
  Tensor w = draws({3});
  w.set_requires_grad();
  CHECK(gradcheck(NamedTensors{{"w", w}}, [&] { return penalty(w).sum(); }));
}

TEST_CASE("gradcheck: a function that draws is checked with its generator frozen, and left where it was",
          "[gradcheck]") {
  Rng rng(5);
  const auto drop = [&](const Tensor& x) { return dropout(x, 0.5, rng); };
  const GradcheckReport loose = gradcheck(drop, draws({20}));
  REQUIRE_FALSE(loose);
  CHECK_THAT(to_string(loose), Contains("different values for the same input"));
  Rng before = rng;
  REQUIRE(gradcheck(drop, draws({20}), {.rng = &rng}));
  REQUIRE(gradgradcheck(drop, draws({20}), {.rng = &rng}));
  CHECK(rand({4}, rng).to_vector<float>() == rand({4}, before).to_vector<float>());
}

TEST_CASE("gradcheck: refuses f32 with the reason, and what has no derivative", "[gradcheck]") {
  const auto f = [](const Tensor& x) { return x * 2; };
  CHECK_THROWS_WITH(gradcheck(f, ones({2})), Contains("input 0 is f32, whose rounding") && Contains("use .to(f64)") &&
                                                 Contains("[test_gradcheck.cpp:"));
  CHECK_THROWS_AS(gradcheck(f, ones({2})), DTypeError);
  CHECK_THROWS_WITH(gradcheck([](const Tensor& x) { return x.to(f32); }, ones({2}, f64)),
                    Contains("gives f32 from f64 inputs"));
  CHECK_THROWS_WITH(gradcheck(f, tensor({1., HUGE_VAL}, f64)), Contains("input 0[1] is inf"));
  CHECK_THROWS_WITH(gradcheck(f, tensor({1, 2})), Contains("none of the 1 inputs is f64"));
  CHECK_THROWS_WITH(gradcheck(f, ones({2}, f64), {.eps = 0}), Contains("eps = 0"));
  CHECK_THROWS_WITH(gradcheck(f, {ones({2}, f64), ones({2}, f64)}), Contains("2 inputs for a function of 1"));
}

TEST_CASE("gradcheck: catches a backward that changes, and one that is not linear in its gradient", "[gradcheck]") {
  int calls = 0;
  const auto restless = [&](const Tensor& x) {
    return with_gradient(
        x, [](double v) { return v; }, [&](const Tensor& g) { return g * (1 + 1e-12 * ++calls); });
  };
  CHECK_THAT(to_string(gradcheck(restless, draws({3}))), Contains("it must give the same twice"));
  const auto squared = [](const Tensor& x) {
    return with_gradient(
        x, [](double v) { return v; }, [](const Tensor& g) { return g * g; });
  };
  CHECK_THAT(to_string(gradcheck(squared, draws({3}))), Contains("not linear in the gradient g that arrives"));
}

TEST_CASE("gradcheck: refuses a function whose outputs change their shapes with the values", "[gradcheck]") {
  const auto until_0 = [](const Tensor& x) { return x.narrow(0, 0, x.at<double>({1}) > 0 ? 1 : 2); };
  const auto why = "the function gave 2 f64 numbers, then 1; need the same shapes at every call";
  CHECK_THROWS_WITH(gradcheck(until_0, tensor({1., 0.}, f64)), Contains(why));
  int calls = 0;
  const auto once = [&](const Tensor& x) { return calls++ == 0 ? x : Tensor(); };
  CHECK_THROWS_WITH(gradcheck(once, draws({2})), Contains("gave 2 f64 numbers, then 0"));
}

TEST_CASE("gradcheck: a gradient of NaN or infinity is wrong", "[gradcheck]") {
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    const auto f = [bad](const Tensor& x) {
      return with_gradient(
          x, [](double v) { return v; }, [bad](const Tensor& g) { return g * bad; });
    };
    CHECK_FALSE(gradcheck(f, draws({3})));
    CHECK_FALSE(gradcheck(f, draws({3}), {.fast = true}));
  }
}

TEST_CASE("gradcheck: refuses a function whose value is not finite, and names the element", "[gradcheck]") {
  const auto ln = [](const Tensor& x) { return log(x); };
  const Tensor x = tensor({-1., 1., 0.}, f64);
  const std::string why = "output 0[0] is nan at the given inputs; need finite values to take differences";
  CHECK_THROWS_AS(gradcheck(ln, x), ValueError);
  CHECK_THROWS_WITH(gradcheck(ln, x), Contains("gradcheck: " + why) && Contains("[test_gradcheck.cpp:"));
  CHECK_THROWS_WITH(gradcheck(ln, x, {.fast = true}), Contains(why));
  CHECK_THROWS_WITH(gradgradcheck(ln, x), Contains("gradgradcheck: " + why));
  CHECK_THROWS_WITH(HasRightGradients(x).match(ln), Contains(why));
  CHECK_THROWS_WITH(gradcheck(ln, x.narrow(0, 1, 2)), Contains("output 0[1] is -inf"));
  CHECK_THROWS_WITH(gradcheck([](const Tensor& t) { return std::pair(t, log(t).sum()); }, x),
                    Contains("output 1 is nan"));
  NamedTensors params{{"w", x.clone().set_requires_grad()}};
  CHECK_THROWS_WITH(gradcheck(params, [&] { return log(params[0].second).sum(); }), Contains("output 0 is nan"));
  // The root is finite at 0, its gradient is not.
  CHECK_THROWS_WITH(gradgradcheck([](const Tensor& t) { return sqrt(t); }, zeros({1}, f64)),
                    Contains("gradient 0[0] is inf at the given inputs"));
  CHECK_THROWS_WITH(gradcheck(ln, tensor({1., std::log(-1.)}, f64)), Contains("input 0[1] is nan;"));
}

TEST_CASE("gradcheck: a value that is not finite beside an element is no wrong formula, and no pass", "[gradcheck]") {
  for (const bool fast : {false, true}) {
    const GradcheckReport edge =
        gradcheck([](const Tensor& x) { return sqrt(x); }, tensor({1., 0., 4.}, f64), {.fast = fast});
    REQUIRE_FALSE(edge);
    CHECK(edge.wrong == 0);
    CHECK(edge.hint.empty());
    CHECK(edge.inputs[0].marks == std::vector<char>{'.', '?', '.'});
  }
  // Its slope is infinite at 0, and 0 * inf = NaN in the rows of the other outputs.
  const auto root = [](const Tensor& x) {
    return with_gradient(
        x, [](double v) { return std::sqrt(v); }, [x](const Tensor& g) { return g * (0.5 / sqrt(x)); });
  };
  const GradcheckReport infinite = gradcheck(root, tensor({0., 1.}, f64));
  CHECK(infinite.wrong == 0);
  CHECK(infinite.inputs[0].marks == std::vector<char>{'?', '.'});
  // A wrong element beside one at the edge of the domain: each is called what it is.
  const auto wrong_at_1 = [](const Tensor& x) {
    return with_gradient(
        x, [](double v) { return v < 0 ? HUGE_VAL : v * v; },
        [x](const Tensor& g) {
          return g * (x * 2 + tensor({0., 0.5, 0.}, f64));
        });
  };
  const GradcheckReport both = gradcheck(wrong_at_1, tensor({0., 1., 2.}, f64));
  CHECK(both.wrong == 1);
  CHECK(both.failures.size() == 2);
  CHECK(both.inputs[0].marks == std::vector<char>{'?', 'x', '.'});
  // Smaller steps stay inside of it.
  CHECK(gradcheck([](const Tensor& x) { return log(x); }, tensor({1e-7, 3.}, f64)));
}

TEST_CASE("gradcheck: finds one element in a large input that is NaN, or beside it", "[gradcheck]") {
  for (const int64_t at : {3, 2500, 4999}) {
    const auto nan_at = [at](const Tensor& x) { return square_wrong_at(x, at, std::nan("")).sum(); };
    const GradcheckReport nan = gradcheck(nan_at, draws({5000}), {.fast = true});
    REQUIRE_FALSE(nan);
    CHECK((nan.worst.index == Shape{at}));
    Tensor x = ones({5000}, f64);
    x.mutable_data<double>()[at] = 0;
    const GradcheckReport edge = gradcheck([](const Tensor& t) { return pow(t, 1.5).sum(); }, x, {.fast = true});
    REQUIRE_FALSE(edge);
    CHECK(edge.inputs[0].marks[static_cast<size_t>(at)] == '?');
    CHECK(edge.wrong == 0);
  }
}

TEST_CASE("gradcheck: NaN in one evaluation of two is a difference", "[gradcheck]") {
  const auto only_recorded = [](const Tensor& x) { return grad_enabled() ? x * 2 : x * NAN; };
  CHECK_THAT(to_string(gradcheck(only_recorded, draws({2}))), Contains("when recorded, but nan when not"));
  const auto of_small = [](const Tensor& x) {  // NaN for all but one of the cotangents it is given
    return with_gradient(
        x, [](double v) { return v; }, [](const Tensor& g) { return where(gt(abs(g), 1.5), g * NAN, g); });
  };
  CHECK_THAT(to_string(gradcheck(of_small, draws({20}))), Contains("not linear in the gradient g that arrives"));
}

TEST_CASE("gradcheck: a detached input is caught, a constant output is fine", "[gradcheck]") {
  const GradcheckReport report =
      gradcheck([](const Tensor& a, const Tensor& b) { return a * b.detach(); }, {draws({3}), draws({3}, 4)});
  REQUIRE_FALSE(report);
  CHECK(report.worst.input == "input 1");
  CHECK(report.worst.analytic == 0);
  CHECK(gradcheck([](const Tensor& x) { return zeros(x.shape(), f64); }, draws({3})));
  CHECK(gradgradcheck([](const Tensor& x) { return zeros(x.shape(), f64); }, draws({3})));
  CHECK(gradcheck([](const Tensor& x) { return floor(x); }, draws({3})));
}

TEST_CASE("gradcheck: refuses what leaves no derivative to compare, in every form", "[gradcheck]") {
  const auto refused = [](auto f, const autograd::CheckedInputs& x, const std::string& why) {
    const std::string line = "[test_gradcheck.cpp:";
    CHECK_THROWS_WITH(gradcheck(f, x), Contains("gradcheck: ") && Contains(why) && Contains(line));
    CHECK_THROWS_WITH(gradcheck(f, x, {.fast = true}), Contains(why) && Contains(line));
    CHECK_THROWS_WITH(gradgradcheck(f, x), Contains("gradgradcheck: ") && Contains(why) && Contains(line));
    CHECK_THROWS_WITH(HasRightGradients(x).match(f), Contains(why) && Contains(line));
    CHECK_THROWS_WITH((!HasRightGradients(x)).match(f), Contains(why) && Contains(line));
    CHECK_THROWS_WITH(HasRightSecondGradients(x).match(f), Contains(why) && Contains(line));
    NamedTensors params;
    for (const Tensor& one : x) params.emplace_back("w", one.clone().set_requires_grad());
    const auto loss = [&] { return autograd::checked_function(f)({params[0].second}); };
    CHECK_THROWS_WITH(gradcheck(params, loss), Contains(params[0].second.numel() > 0 ? why : "w is (0)"));
    CHECK_THROWS_WITH(gradgradcheck(params, loss), Contains(params[0].second.numel() > 0 ? why : "w is (0)"));
  };
  const Tensor x = draws({3}), none = zeros({0}, f64);
  refused([](const Tensor& t) { return t > 0.0; }, x, "the function gives boolean, which has no derivative; need f64");
  refused([](const Tensor& t) { return t.argmax(); }, x, "the function gives i64, which has no derivative; need f64");
  refused([](const Tensor& t) { return std::pair(t.argmax(), isnan(t)); }, x, "the function gives i64, boolean, which");
  refused([](const Tensor& t) { return std::pair(t, t.to(f32)); }, x, "gives f32 from f64 inputs");
  refused([](const Tensor&) { return std::vector<Tensor>(); }, x, "returned a list of 0 tensors; need one in f64");
  refused([](const Tensor&) { return Tensor(); }, x, "returned an undefined tensor, output 0; need one in f64");
  refused([](const Tensor& t) { return std::pair(t, Tensor()); }, x, "returned an undefined tensor, output 1");
  refused([](const Tensor& t) { return sin(t); }, none, "to differentiate by has elements: input 0 is (0); need");
  refused([](const Tensor& t) { return t.sum(); }, none, "to differentiate by has elements: input 0 is (0); need");
  refused([](const Tensor& t) { return t.narrow(0, 0, 0); }, x, "no f64 output has elements: output 0 is (0); need");
  refused([](const Tensor& t) { return std::pair(t.argmax(), t.narrow(0, 0, 0)); }, x, "output 1 is (0)");
  CHECK_THROWS_AS(gradcheck([](const Tensor& t) { return t.argmax(); }, x), DTypeError);
  CHECK_THROWS_AS(gradcheck([](const Tensor& t) { return t.sum(); }, none), ValueError);
  CHECK(gradcheck([](const Tensor& a, const Tensor& b) { return cat({a, b}, 0); }, {none, x}));
}

TEST_CASE("gradcheck: a function that throws at a displaced point leaves every parameter where it was", "[gradcheck]") {
  Tensor w = draws({3});
  w.set_requires_grad();
  const std::vector<double> before = w.detach().to_vector<double>();
  for (const bool fast : {false, true}) {
    const auto loss = [&] {
      if (w.detach().to_vector<double>() != before) throw std::domain_error("not here");
      return (w * w).sum();
    };
    CHECK_THROWS_WITH(gradcheck(NamedTensors{{"w", w}}, loss, {.fast = fast}), "not here");
    CHECK(w.detach().to_vector<double>() == before);
  }
  Rng rng(5), unused = rng;
  int calls = 0;
  const auto drop = [&](const Tensor& x) {
    const Tensor y = dropout(x, 0.5, rng);
    if (++calls % 3 == 0) throw std::domain_error("not here");
    return y;
  };
  CHECK_THROWS_WITH(gradcheck(drop, draws({4}), {.rng = &rng}), "not here");
  CHECK_THROWS_WITH(gradgradcheck(drop, draws({4}), {.rng = &rng}), "not here");
  CHECK(rand({4}, rng).to_vector<float>() == rand({4}, unused).to_vector<float>());
}

TEST_CASE("gradcheck_values: refuses to compare nothing", "[gradcheck]") {
  using Values = std::span<const double>;
  const auto same = [](Values x) { return std::vector<double>(x.begin(), x.end()); };
  const auto nothing = [](Values) { return std::vector<double>(); };
  const auto vjp = [](Values, Values v) { return std::vector<double>(v.begin(), v.end()); };
  CHECK_THROWS_WITH(gradcheck_values(same, vjp, {}), Contains("input 0 is (0); need at least one derivative"));
  CHECK_THROWS_WITH(gradcheck_values(nothing, vjp, std::vector{1.}), Contains("output 0 is (0); need at least one"));
}

TEST_CASE("gradgradcheck: catches a wrong second derivative behind a right first one", "[gradcheck]") {
  const auto cube = [](const Tensor& x) {  // its backward computes 3 x^2 where nothing is recorded
    return with_gradient(
        x, [](double v) { return v * v * v; }, [x](const Tensor& g) { return g * (x * x).detach() * 3; });
  };
  REQUIRE(gradcheck(cube, draws({3})));
  const GradcheckReport report = gradgradcheck(cube, draws({3}));
  REQUIRE_FALSE(report);
  CHECK_THAT(to_string(report), Contains("gradgradcheck failed: input 0[") && Contains("-> gradient 0["));
}

TEST_CASE("gradgradcheck: catches a fused backward that differs from its twin", "[gradcheck]") {
  const auto off = [](const Tensor& x) {
    return autograd::fused(
        {"off"}, (x * x).detach(), {x},
        [x](const Tensor& g, autograd::Needs) { return autograd::Gradients{g * x * 2.001}; },
        [](autograd::Inputs in) { return in[0] * in[0]; });
  };
  CHECK_THAT(to_string(gradgradcheck(off, draws({3}))), Contains("when recorded, but"));
}

TEST_CASE("gradcheck: checks every named parameter of a loss, and names the wrong one", "[gradcheck]") {
  std::vector<std::pair<std::string, Tensor>> params{{"encoder.weight", draws({40, 30}, 1)},
                                                     {"encoder.bias", draws({40}, 2)},
                                                     {"decoder.attention.v", draws({5}, 3)},
                                                     {"frozen", draws({2}, 4)}};
  for (size_t i = 0; i < 3; ++i) params[i].second.set_requires_grad();
  const Tensor x = draws({3, 30}, 9);
  const auto before = params[0].second.to_vector<double>();
  const auto loss = [&](double error, int64_t at) {
    const Tensor h = tanh(linear(x, params[0].second, params[1].second)).sum(-1).sum();
    return h + square_wrong_at(params[2].second, at, error).sum() * params[3].second.sum();
  };
  const GradcheckReport passed = gradcheck(params, [&] { return loss(0, 0); });
  REQUIRE(passed);
  CHECK(passed.compared == 1 + 32 + 1 + 32 + 5);  // projections of the large two, samples of them, and v
  CHECK(params[0].second.to_vector<double>() == before);
  CHECK(gradgradcheck(params, [&] { return loss(0, 0); }));

  const GradcheckReport failed = gradcheck(params, [&] { return loss(0.01, 3); });
  REQUIRE_FALSE(failed);
  CHECK_THAT(to_string(failed),
             Contains("decoder.attention.v[3]") && Contains(": analytic ") && Contains(", numeric "));
}

TEST_CASE("gradcheck: finds one wrong element in a large parameter", "[gradcheck]") {
  std::vector<std::pair<std::string, Tensor>> params{{"big", draws({3000}, 1)}};
  params[0].second.set_requires_grad();
  const GradcheckReport report = gradcheck(params, [&] { return square_wrong_at(params[0].second, 1234, 0.1).sum(); });
  REQUIRE_FALSE(report);
  CHECK(report.reran);
  CHECK((report.worst.index == Shape{1234}));
}

TEST_CASE("gradcheck: refuses parameters in f32 by name", "[gradcheck]") {
  std::vector<std::pair<std::string, Tensor>> params{{"wte.weight", ones({2})}};
  params[0].second.set_requires_grad();
  CHECK_THROWS_WITH(gradcheck(params, [&] { return params[0].second.sum(); }), Contains("wte.weight is f32"));
}

TEST_CASE("gradcheck_values: checks code without tensors, and names the wrong number", "[gradcheck]") {
  using Values = std::span<const double>;
  // The outer product of x[0:2] and x[2:5], and a vjp whose gradient by x[4] is off by `error`.
  const auto f = [](Values x) {
    std::vector<double> y;
    for (int i = 0; i < 2; ++i)
      for (int j = 2; j < 5; ++j) y.push_back(x[static_cast<size_t>(i)] * x[static_cast<size_t>(j)]);
    return y;
  };
  const auto vjp = [](double error) {
    return [error](Values x, Values v) {
      std::vector<double> g(5);
      for (size_t i = 0; i < 2; ++i)
        for (size_t j = 2; j < 5; ++j) {
          g[i] += v[i * 3 + j - 2] * x[j];
          g[j] += v[i * 3 + j - 2] * x[i];
        }
      g[4] += error * v[0];
      return g;
    };
  };
  const std::vector<double> x = {0.3, -1.2, 0.7, 2.0, -0.5};
  const GradcheckReport right = gradcheck_values(f, vjp(0), x);
  REQUIRE(right);
  CHECK(right.compared == 30);
  const GradcheckReport wrong = gradcheck_values(f, vjp(1e-3), x);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.wrong == 1);
  CHECK_THAT(to_string(wrong.worst), Contains("input 0[4] -> output 0[0]"));
  CHECK_THROWS_WITH(gradcheck_values(
                        f, [](Values, Values) { return std::vector<double>(3); }, x),
                    Contains("vjp gave 3 numbers; need 5, one for each of x"));
}

TEST_CASE("HasRightGradients: matches a function at inputs, and describes what was found", "[gradcheck]") {
  const auto right = [](const Tensor& a, const Tensor& b) { return tanh(a) * b; };
  const auto wrong = [](const Tensor& x) { return square_wrong_at(x, 1, 0.1); };
  CHECK_THAT(right, HasRightGradients({draws({3}), draws({2, 3})}));
  CHECK_THAT(right, HasRightSecondGradients({draws({3}), draws({2, 3})}, {.fast = true}));
  CHECK_THAT(wrong, !HasRightGradients(draws({3})));
  const GradientMatcher matcher = HasRightGradients(draws({3}));
  CHECK_FALSE(matcher.match(wrong));
  CHECK_THAT(matcher.describe(),
             Contains("has right gradients: gradcheck failed: input 0[1] -> output 0[1]: analytic "));
}

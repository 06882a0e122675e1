// The engine: what is accumulated, kept, freed and refused.
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/checkpoint.h>
#include <heed/autograd/engine.h>
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "leaf.h"

using namespace heed;
using tests::leaf;
using tests::Numbers;
using tests::numbers;

namespace {

double max_difference(const Tensor& a, const Tensor& b) { return abs(a.detach() - b.detach()).max().item<double>(); }

}  // namespace

TEST_CASE("backward: gradients accumulate over passes until zero_grad", "[engine]") {
  const Tensor x = leaf({1., 2.});
  CHECK_FALSE(x.grad().defined());
  (x * x).sum().backward();
  CHECK(numbers(x.grad()) == Numbers{2, 4});
  (x * 10).sum().backward();
  CHECK(numbers(x.grad()) == Numbers{12, 14});
  x.zero_grad();
  CHECK_FALSE(x.grad().defined());
  (x * 3).sum().backward();
  CHECK(numbers(x.grad()) == Numbers{3, 3});
}

TEST_CASE("backward: accumulating does not change gradients handed out before", "[engine]") {
  const Tensor x = leaf({1., 2.});
  (x * 3).sum().backward();
  const Tensor first = x.grad();
  (x * 5).sum().backward();
  CHECK(numbers(first) == Numbers{3, 3});
  CHECK(numbers(x.grad()) == Numbers{8, 8});
}

TEST_CASE("backward: two leaves that get one gradient do not share it", "[engine]") {
  const Tensor a = leaf({1., 2.}), b = leaf({3., 4.});
  (a + b).backward(tensor({1., 10.}, f64));
  a.grad().assign(tensor({2., 20.}, f64));
  CHECK(numbers(b.grad()) == Numbers{1, 10});
  (a * 2).sum().backward();
  CHECK(numbers(a.grad()) == Numbers{4, 22});
  CHECK(numbers(b.grad()) == Numbers{1, 10});
}

TEST_CASE("backward: a leaf that was frozen after it was used gets no gradient", "[engine]") {
  Tensor a = leaf({1., 2.});
  const Tensor b = leaf({3., 4.}), y = (a * b).sum();
  a.set_requires_grad(false);
  y.backward();
  CHECK_FALSE(a.grad().defined());
  CHECK(numbers(b.grad()) == Numbers{1, 2});
}

TEST_CASE("backward: the seed is not changed by what is added to gradients", "[engine]") {
  const Tensor x = leaf({1., 2.}), seed = tensor({1., 1.}, f64);
  (x + 0.).backward(seed);
  (x + 0.).backward(seed);
  CHECK(numbers(seed) == Numbers{1, 1});
  CHECK(numbers(x.grad()) == Numbers{2, 2});
}

TEST_CASE("backward: a value used many times sums its gradients", "[engine]") {
  const Tensor x = leaf({2.});
  const Tensor y = x * x;
  (y * y + y * 3 + x).sum().backward();  // x^4 + 3 x^2 + x
  CHECK(numbers(x.grad()) == Numbers{4 * 8 + 6 * 2 + 1});
  const auto f = [](const Tensor& a, const Tensor& b) { return a * b; };
  CHECK(numbers(grad(f(x, x).sum(), x)) == Numbers{4});
}

TEST_CASE("backward: a graph is freed by its pass, and a second one says how to keep it", "[engine]") {
  const Tensor x = leaf({1., 2.});
  const Tensor y = (x * x).sum();
  y.backward();
  CHECK_THROWS_AS(y.backward(), GradError);
  CHECK_THROWS_WITH(y.backward(), Contains("was freed by an earlier backward; need retain_graph in that one") &&
                                      Contains("[test_engine.cpp:"));
  CHECK(numbers(x.grad()) == Numbers{2, 4});

  const Tensor z = (x * x).sum();
  x.zero_grad();
  for (int pass = 1; pass <= 3; ++pass) {
    z.backward(scalar(1, f64), true);
    CHECK(numbers(x.grad()) == Numbers{2. * pass, 4. * pass});
  }
}

TEST_CASE("backward: a freed part below a fresh one is named", "[engine]") {
  const Tensor x = leaf({1., 2.});
  const Tensor shared = exp(x);
  (shared * 2).sum().backward();
  const Tensor y = (shared * 3).sum();
  CHECK_THROWS_WITH(y.backward(), Contains("the graph at exp"));
}

TEST_CASE("grad: what is freed gives no zeros for what lies before it, and stands in the way of nothing else",
          "[engine]") {
  const Tensor x = leaf({1., 2.}), w = leaf({3., 4.}), h = exp(x), y = (h * h).sum();
  CHECK(grad(y, x).defined());
  CHECK_THROWS_WITH(grad(y, x), Contains("grad: the graph at sum"));
  CHECK_THROWS_WITH(grad((h * w).sum(), x), Contains("grad: the graph at exp"));
  CHECK_THROWS_WITH(grad({h.sum()}, {x, h}), Contains("grad: the graph at exp"));
  CHECK(numbers(grad((h * h).sum(), h)) == numbers(h * 2));
  CHECK(numbers(grad((h * w).sum(), w)) == numbers(h));
}

TEST_CASE("grad: higher derivatives of tanh and x^4 are exact", "[engine]") {
  const Tensor x = leaf({-0.7, 0.2, 1.3});
  const auto derivative = [&](const Tensor& y) { return grad(y.sum(), x, {.create_graph = true}); };
  const Tensor d1 = derivative(tanh(x)), d2 = derivative(d1), d3 = derivative(d2);
  for (int64_t i = 0; i < 3; ++i) {
    const double t = std::tanh(x.at<double>({i})), s = 1 - t * t;
    CHECK(d1.at<double>({i}) == Approx(s).epsilon(1e-13));
    CHECK(d2.at<double>({i}) == Approx(-2 * t * s).epsilon(1e-13));
    CHECK(d3.at<double>({i}) == Approx(s * (6 * t * t - 2)).epsilon(1e-13));
  }
  Tensor d = x * x * x * x;
  for (const auto& [factor, power] : {std::pair{4., 3}, {12., 2}, {24., 1}}) {
    d = derivative(d);
    for (int64_t i = 0; i < 3; ++i)
      CHECK(d.at<double>({i}) == Approx(factor * std::pow(x.at<double>({i}), power)).epsilon(1e-13));
  }
  CHECK(numbers(derivative(d)) == Numbers{24, 24, 24});
}

TEST_CASE("grad: higher derivatives reach through fused ops", "[engine]") {
  const Tensor x = leaf({0.3, -1.1, 0.8});
  const auto third = [&](auto f) {
    const auto once = [&](const Tensor& y) {
      return grad((y * tensor({1., -2., 3.}, f64)).sum(), x, {.create_graph = true});
    };
    return once(once(once(f(x))));
  };
  const Tensor fused = third([](const Tensor& t) { return softmax(t, 0); });
  const Tensor composed = third([](const Tensor& t) { return exp(t) / exp(t).sum(); });
  for (int64_t i = 0; i < 3; ++i) CHECK(fused.at<double>({i}) == Approx(composed.at<double>({i})).epsilon(1e-11));
}

TEST_CASE("grad: accumulates nothing, and gives zeros for what the output does not depend on", "[engine]") {
  const Tensor x = leaf({1., 2.}), unused = leaf({5., 6., 7.});
  const std::vector<Tensor> g = grad({(x * x).sum()}, {x, unused});
  CHECK(numbers(g[0]) == Numbers{2, 4});
  CHECK(numbers(g[1]) == Numbers{0, 0, 0});
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("grad: inputs may be intermediate results, also one below another", "[engine]") {
  const Tensor x = leaf({1., 2.});
  const Tensor y = x * x, z = y * 3;
  const std::vector<Tensor> g = grad({z.sum()}, {x, y, z});
  CHECK(numbers(g[0]) == Numbers{6, 12});
  CHECK(numbers(g[1]) == Numbers{3, 3});
  CHECK(numbers(g[2]) == Numbers{1, 1});
}

TEST_CASE("grad: several outputs with seeds add up, also one below another", "[engine]") {
  const Tensor x = leaf({1., 2.});
  const Tensor y = x * 2, z = y * y;
  const std::vector<Tensor> g = grad({y, z}, {x}, {.seeds = {tensor({1., 0.}, f64), tensor({0., 1.}, f64)}});
  CHECK(numbers(g[0]) == Numbers{2, 16});
}

TEST_CASE("grad: refuses what has no gradient, in plain words", "[engine]") {
  const Tensor x = leaf({1., 2.}), constant = tensor({1., 2.}, f64), one = scalar(1, f64);
  CHECK_THROWS_WITH(constant.sum().backward(), Contains("output 0 is a constant"));
  CHECK_THROWS_WITH(grad(x.sum(), constant), Contains("input 0 does not require a gradient"));
  CHECK_THROWS_WITH((x * 2).backward(),
                    Contains("output 0 has shape (2) and no seed; need a scalar, or a seed of shape (2)"));
  CHECK_THROWS_WITH((x * 2).backward(ones({3}, f64)), Contains("seed 0 has shape (3); need the output's shape (2)"));
  CHECK_THROWS_WITH((x * 2).backward(ones({2})), Contains("seed 0 is f32; need the output's dtype f64"));
  CHECK_THROWS_WITH(grad({x.sum()}, std::vector<Tensor>{}), Contains("no inputs"));
  CHECK_THROWS_WITH(grad({x.sum()}, {x}, {.seeds = {one, one}}), Contains("2 seeds for 1 outputs"));
  CHECK_THROWS_WITH(Tensor(tensor({1, 2})).set_requires_grad(), Contains("i64 has no gradient; need f32 or f64"));
  Tensor y = x * 2;
  CHECK_THROWS_WITH(y.set_requires_grad(), Contains("was computed from others"));
  CHECK_THROWS_WITH(y.grad(), Contains("need a tensor with set_requires_grad(), or grad(loss, x)"));
  CHECK_THROWS_WITH(x.set_grad(ones({3}, f64)), Contains("a gradient of shape (3) for a tensor of shape (2)"));
}

TEST_CASE("NoGrad: records nothing while it lives, and guards nest", "[engine]") {
  const Tensor x = leaf({1., 2.});
  {
    const NoGrad outer;
    CHECK_FALSE((x * 2).requires_grad());
    {
      const GradMode inner(true);
      CHECK((x * 2).requires_grad());
    }
    CHECK_FALSE((x * 2).requires_grad());
  }
  CHECK((x * 2).requires_grad());
}

TEST_CASE("detach: cuts the history and shares the elements", "[engine]") {
  const Tensor x = leaf({1., 2.});
  const Tensor y = x * 3;
  const Tensor d = y.detach();
  CHECK_FALSE(d.requires_grad());
  CHECK(d.storage() == y.storage());
  (d * x).sum().backward();
  CHECK(numbers(x.grad()) == Numbers{3, 6});
}

TEST_CASE("record: keeps no value that no formula needs", "[engine]") {
  const Tensor x = leaf({1., 2.});
  std::weak_ptr<Storage> saved_constant, saved_input;
  Tensor y;
  {
    const Tensor c = tensor({3., 4.}, f64);
    const Tensor h = x * 2;
    saved_constant = c.storage();
    saved_input = h.storage();
    y = h * c;
  }
  CHECK_FALSE(saved_constant.expired());  // d(h c)/dh needs c
  CHECK(saved_input.expired());           // and nothing needs h
  y.sum().backward();
  CHECK(numbers(x.grad()) == Numbers{6, 8});
  CHECK(saved_constant.expired());
}

TEST_CASE("record: an op of the user's own is differentiated twice like any other", "[engine]") {
  const auto cube = [](const Tensor& x) {
    const Tensor value = x.detach() * x.detach() * x.detach();
    return autograd::record({"cube"}, value, {{x, [x](const Tensor& g) { return g * x * x * 3; }}});
  };
  const Tensor x = tensor({-1.2, 0.4, 2.}, f64);
  CHECK(gradcheck(cube, x));
  CHECK(gradgradcheck(cube, x));
  const Tensor y = cube(leaf({2.}));
  CHECK(std::string(y.node()->op) == "cube");
}

TEST_CASE("fused: the kernel serves first derivatives, the twin all others", "[engine]") {
  int kernels = 0, twins = 0;
  const auto product_sum = [&](const Tensor& a, const Tensor& b) {
    const Tensor value = (a.detach() * b.detach()).sum();
    return autograd::fused(
        {"product_sum"}, value, {a, b},
        [&, a, b](const Tensor& g, autograd::Needs needs) {
          ++kernels;
          return autograd::Gradients{needs[0] ? g * b : Tensor(), needs[1] ? g * a : Tensor()};
        },
        [&](autograd::Inputs in) { return ++twins, (in[0] * in[1]).sum(); });
  };
  const Tensor x = leaf({1., 2., 3.});
  CHECK(numbers(grad(product_sum(x, x), x)) == Numbers{2, 4, 6});
  CHECK(kernels == 1);
  CHECK(twins == 0);
  const Tensor g = grad(product_sum(x, x), x, {.create_graph = true});
  CHECK(numbers(g) == Numbers{2, 4, 6});
  CHECK(numbers(grad(g.sum(), x)) == Numbers{2, 2, 2});
  CHECK(kernels == 1);
  CHECK(twins == 1);
}

TEST_CASE("record: a gradient of another shape or dtype is refused, naming the op and its line", "[engine]") {
  const auto record = [](const char* op, const Tensor& x, autograd::Formula formula) {
    return autograd::record({op}, ones({2}, f64), {{x, std::move(formula)}});
  };
  const Tensor x = leaf({1., 2.});
  const Tensor wide = record("wide", x, [](const Tensor&) { return ones({3}, f64); });
  CHECK_THROWS_WITH(wide.sum().backward(),
                    Contains("wide: gradient 0 has shape (3); need (2)") && Contains("[test_engine.cpp:"));
  const Tensor narrow = record("narrow", x, [](const Tensor&) { return ones({2}); });
  CHECK_THROWS_AS(narrow.sum().backward(), DTypeError);
  const Tensor few = autograd::record({"few"}, ones({2}, f64), {x, x},
                                      [](const Tensor& g, autograd::Needs) { return autograd::Gradients{g}; });
  CHECK_THROWS_WITH(few.sum().backward(), Contains("few: backward returned 1 gradients for 2 inputs; need one each"));
}

TEST_CASE("engine: a chain of 300,000 nodes builds, differentiates and frees", "[engine]") {
  const int64_t before = autograd::Node::live();
  {
    const Tensor x = leaf(1.);
    Tensor y = x;
    for (int i = 0; i < 300000; ++i) y = y * 1.00001;
    y.backward();
    CHECK(x.grad().item<double>() == Approx(std::pow(1.00001, 300000)).epsilon(1e-9));
  }
  {
    const Tensor x = leaf(1.);
    Tensor y = x;
    for (int i = 0; i < 300000; ++i) y = y + x;  // never differentiated: the whole chain dies at once
    CHECK(autograd::Node::live() >= before + 300000);
  }
  CHECK(autograd::Node::live() == before);
}

TEST_CASE("engine: a pass that throws leaves recording as it was, and a graph that frees", "[engine]") {
  const int64_t before = autograd::Node::live();
  {
    const Tensor x = leaf({1., 2.});
    const auto refuse = [](const Tensor&) -> Tensor { throw ValueError("no"); };
    const Tensor y = autograd::record({"refuses"}, ones({2}, f64), {{x * 2, refuse}});
    CHECK_THROWS_AS(y.sum().backward(), ValueError);
    CHECK(grad_enabled());
  }
  CHECK(autograd::Node::live() == before);
}

TEST_CASE("record: a joint formula serves any number of inputs", "[engine]") {
  std::vector<Tensor> inputs(70, ones({1}, f64));
  inputs[69] = leaf({2});
  cat(inputs, 0).sum().backward();
  CHECK(numbers(inputs[69].grad()) == Numbers{1});
  CHECK(gradcheck([](const std::vector<Tensor>& x) { return cat(x, 0); }, std::vector<Tensor>(70, ones({1}, f64))));
}

TEST_CASE("to: a cast's gradient comes back in the input's dtype", "[engine]") {
  const Tensor x = leaf({1., 2.});
  const Tensor y = x.to(f32) * 3;
  CHECK(y.dtype() == f32);
  y.sum().backward();
  CHECK(x.grad().dtype() == f64);
  CHECK(numbers(x.grad()) == Numbers{3, 3});
  CHECK_FALSE(x.to(i64).requires_grad());
}

TEST_CASE("ops: the documented gradients at ties and kinks", "[engine]") {
  const Tensor a = leaf({1., 2., 3.}), b = leaf({1., 3., 2.});
  CHECK(numbers(grad(minimum(a, b).sum(), a)) == Numbers{0.5, 1, 0});
  CHECK(numbers(grad(maximum(a, b).sum(), b)) == Numbers{0.5, 1, 0});
  const Tensor c = leaf({2., 2., 1., 2.});
  CHECK(numbers(grad(amax(c), c)) == Numbers{1. / 3, 1. / 3, 0, 1. / 3});
  const Tensor zero = leaf({0., -0.});
  CHECK(numbers(grad(relu(zero).sum(), zero)) == Numbers{0, 0});
  CHECK(numbers(grad(abs(zero).sum(), zero)) == Numbers{0, 0});
  CHECK(numbers(grad(pow(zero, 0).sum(), zero)) == Numbers{0, 0});  // a constant, where 0 x^-1 would be NaN
  const Tensor ends = leaf({-1., 0., 1., 2.});
  CHECK(numbers(grad(clamp(ends, -1, 1).sum(), ends)) == Numbers{1, 1, 1, 0});
}

TEST_CASE("var: with fewer elements than the correction it is infinite, as PyTorch's, not negative", "[engine]") {
  CHECK(leaf({1., 2.}).var({0}, 3, false).item<double>() == HUGE_VAL);
  CHECK(std::isnan(leaf({1.}).var({0}, 1, false).item<double>()));
}

TEST_CASE("pow: zero to a power is flat in the power, in both derivatives", "[engine]") {
  const Tensor a = zeros({4}, f64).set_requires_grad();
  const Tensor b = tensor({0., 1., 2., 3.5}, f64).set_requires_grad();
  const std::vector<Tensor> first = grad({pow(a, b).sum()}, {a, b}, {.create_graph = true});
  CHECK(numbers(first[0]) == std::vector<double>{0, 1, 0, 0});
  CHECK(numbers(first[1]) == std::vector<double>{0, 0, 0, 0});
  CHECK(numbers(grad((first[1] * first[1]).sum() + first[1].sum(), b)) == std::vector<double>{0, 0, 0, 0});
  // Elsewhere it is y log(a): also where the power is negative, and 0^b is infinite.
  const Tensor u = tensor({2., 0.5, 0.}, f64), v = tensor({3., -1., -1.}, f64).set_requires_grad();
  const Tensor g = grad(pow(u, v).sum(), v);
  CHECK(g.at<double>({0}) == Approx(8 * std::log(2)));
  CHECK(g.at<double>({1}) == Approx(2 * std::log(0.5)));
  CHECK(g.at<double>({2}) == -HUGE_VAL);
}

TEST_CASE("engine: kernels write over no gradient that somebody else holds", "[engine]") {
  Rng rng(1);
  for (const DType dtype : {f32, f64}) {
    const double tolerance = dtype == f32 ? 2e-5 : 1e-12;
    const int64_t C = 37;  // vectors and a rest
    const Tensor seed = randn({3, C}, rng, dtype), seed_before = seed.clone();
    Tensor x = randn({3, C}, rng, dtype).set_requires_grad(), w = randn({C}, rng, dtype).set_requires_grad(),
           b = zeros({C}, dtype).set_requires_grad();
    const std::vector<std::pair<const char*, std::function<Tensor(const Tensor&)>>> ops = {
        {"gelu", [](const Tensor& t) { return gelu(t); }},
        {"softmax", [](const Tensor& t) { return softmax(t, -1); }},
        {"log_softmax", [](const Tensor& t) { return log_softmax(t, -1); }},
        {"layer_norm", [&](const Tensor& t) { return layer_norm(t, w, b); }},
        {"rms_norm", [&](const Tensor& t) { return rms_norm(t, w); }}};
    for (const auto& [name, op] : ops) {
      CAPTURE(name, dtype == f32);
      const Tensor h = x * 2, y = op(h), z = op(y) + y, out = op(z) * w + b;  // y's gradient comes from two users
      const std::vector<Tensor> asked = {out, z, y, h, x, w, b};
      const GradOptions by_kernels{.seeds = {seed}, .retain_graph = true};
      const auto first = grad({out}, asked, by_kernels), second = grad({out}, asked, by_kernels);
      const auto twins = grad({out}, asked, {.seeds = {seed}, .create_graph = true});
      for (size_t i = 0; i < asked.size(); ++i) {
        CAPTURE(i);
        CHECK(first[i].to_vector<double>() == second[i].to_vector<double>());
        CHECK(max_difference(first[i], twins[i]) < tolerance);
      }
      out.backward(seed);  // nobody asks for what lies between: kernels write over it
      CHECK(seed.to_vector<double>() == seed_before.to_vector<double>());
      CHECK(x.grad().to_vector<double>() == first[4].to_vector<double>());
      CHECK(w.grad().to_vector<double>() == first[5].to_vector<double>());
      CHECK(b.grad().to_vector<double>() == first[6].to_vector<double>());
      for (const Tensor& leaf : {x, w, b}) leaf.zero_grad();
    }
  }
}

TEST_CASE("engine: a gradient that nobody else holds is written over, so a pass needs no room for its successor",
          "[engine]") {
  Tensor x = ones({64, 1024}).set_requires_grad();
  const Tensor y = gelu(x * 1), seed = ones({64, 1024}), z = y * 1;
  const int64_t before = memory_stats().allocated_bytes;
  z.backward(seed);
  CHECK(memory_stats().allocated_bytes - before ==
        2 * 64 * 1024 * 4);  // of the products by 1; gelu's is the first one's
}

TEST_CASE("engine: an op without a twin has its first derivative, and says how to get the second", "[engine]") {
  Tensor x = tensor({2.0}, f64);
  x.set_requires_grad();
  const auto cube = [&] {
    return autograd::fused(
        {"cube"}, (x * x * x).detach(), {x},
        [x](const Tensor& g, autograd::Needs) { return autograd::Gradients{g * x * x * 3}; }, nullptr);
  };
  CHECK(grad(cube(), x).item<double>() == 12);
  CHECK_THROWS_WITH(grad(cube(), x, {.create_graph = true}),
                    Contains("cube: no second derivative") && Contains("create_graph = false"));
}

TEST_CASE("engine: a formula that hides from the graph is noticed unless what it hides is zero", "[engine]") {
  Tensor x = tensor({2.0}, f64);
  x.set_requires_grad();
  const auto hidden = [&](double slope) {
    return autograd::record({"hidden"}, x.detach(), {{x, [slope](const Tensor& g) { return (g * slope).detach(); }}});
  };
  const auto second = [&](double slope) {
    const Tensor y = hidden(slope);
    return grad(y * y, x, {.create_graph = true});
  };
  CHECK_THROWS_WITH(second(1), Contains("hidden: no second derivative"));
  CHECK(second(0).item<double>() == 0);
  CHECK_NOTHROW(grad(hidden(1) * 3, x));
}

TEST_CASE("grad: braces around one output and one input are a list, too", "[engine]") {
  const Tensor w = tensor({1., 2.}).set_requires_grad(), y = (w * w).sum();
  const std::vector<Tensor> gradients = grad({y}, {w});
  REQUIRE(gradients.size() == 1);
  CHECK(gradients[0].to_vector<double>() == std::vector<double>{2, 4});
}

// Hooks on leaves: what they are told, and when.
#include <string>
#include <utility>
#include <vector>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/format.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "leaf.h"

using namespace heed;
using tests::leaf;
using tests::Numbers;
using tests::numbers;

TEST_CASE("gradient hooks: called once the leaf's gradient is final, while the pass goes on", "[engine][hooks]") {
  const Tensor first = leaf({2}), second = leaf({3}), unused = leaf({5});
  std::vector<std::string> seen;
  const auto watch = [&](const char* name, const Tensor& x) {
    return register_post_accumulate_grad_hook(x, [&seen, name, first](Tensor& g) {
      seen.push_back(
          fmt::format("{} {}{}", name, g.item<double>(), first.grad().defined() ? "" : ", first is to come"));
    });
  };
  const GradHook hooks[] = {watch("first", first), watch("second", second), watch("unused", unused)};
  const Tensor h = first * first;
  (second * h * second + second * 0.0 + unused.detach()).sum().backward();  // 9 h; h = 4
  CHECK(seen == std::vector<std::string>{"second 24, first is to come", "first 36"});
  CHECK(numbers(first.grad()) == Numbers{36});
  CHECK_FALSE(unused.grad().defined());
}

TEST_CASE("gradient hooks: get what all passes have accumulated, and may replace it", "[engine][hooks]") {
  Tensor x = leaf({1, 2});
  int calls = 0;
  {
    const GradHook doubles = register_post_accumulate_grad_hook(x, [&](Tensor& g) {
      ++calls;
      g = g * 2;
    });
    const GradHook adds = register_post_accumulate_grad_hook(x, [](Tensor& g) { g = g + 1; });
    x.sum().backward();
    CHECK(numbers(x.grad()) == Numbers{3, 3});
    (x * 5).sum().backward();
    CHECK(numbers(x.grad()) == Numbers{17, 17});
    grad((x * x).sum(), x);  // accumulates nothing
    CHECK(calls == 2);
    const Tensor y = (x * leaf({1, 2})).sum();
    x.set_requires_grad(false);
    y.backward();
    x.set_requires_grad();
    CHECK(calls == 2);
  }
  x.sum().backward();  // they are gone
  CHECK(calls == 2);
  CHECK(numbers(x.grad()) == Numbers{18, 18});
}

TEST_CASE("gradient hooks: may leave only a gradient that fits the leaf", "[engine][hooks]") {
  const Tensor x = leaf({1, 2});
  for (const Tensor& wrong : {ones({1}, f64), ones({2, 1}, f64), ones({2})}) {
    CAPTURE(to_string(wrong));
    x.zero_grad();
    const GradHook replaces = register_post_accumulate_grad_hook(x, [&](Tensor& g) { g = wrong; });
    CHECK_THROWS_WITH((x * 3).sum().backward(),
                      Catch::Matchers::StartsWith(
                          fmt::format("backward: a hook left a gradient {} {} for a leaf f64 (2); need the leaf's "
                                      "shape and dtype",
                                      name_of(wrong.dtype()), wrong.shape())));
    CHECK(numbers(x.grad()) == Numbers{3, 3});  // what it was before
  }
  const GradHook forgets = register_post_accumulate_grad_hook(x, [](Tensor& g) { g = {}; });
  x.sum().backward();
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("gradient hooks: change no bit of a pass, with leaves used many times and through views", "[engine][hooks]") {
  const auto gradients = [](bool hooked) {
    Rng rng(3);
    const Tensor w = randn({8, 8}, rng).set_requires_grad(), b = randn({8}, rng).set_requires_grad();
    std::vector<GradHook> hooks;
    int calls = 0;
    for (const Tensor& p : {w, b})
      if (hooked) hooks.push_back(register_post_accumulate_grad_hook(p, [&](Tensor&) { ++calls; }));
    Tensor x = randn({4, 8}, rng);
    for (int i = 0; i < 5; ++i) x = tanh(matmul(x, i % 2 ? w.mT() : w) + b.narrow(0, 0, 8));
    x.sum().backward();
    CHECK(calls == (hooked ? 2 : 0));
    return std::pair(w.grad().to_vector<float>(), b.grad().to_vector<float>());
  };
  CHECK(gradients(true) == gradients(false));
}

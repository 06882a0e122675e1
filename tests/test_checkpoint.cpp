// checkpoint: what it keeps, gives and leaves alone; and what may be written while a gradient is made.
#include <vector>

#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/checkpoint.h>
#include <heed/autograd/engine.h>
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/nn/dropout.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "leaf.h"

using namespace heed;
using tests::leaf;
using tests::Numbers;
using tests::numbers;

TEST_CASE("checkpoint: values, gradients and second gradients are the function's, captured parameters included",
          "[engine]") {
  Rng rng(1);
  const Tensor x0 = randn({3, 4}, rng, f64), w0 = randn({4, 4}, rng, f64);
  const auto run = [&](bool keep) {
    Tensor x = x0.clone(), w = w0.clone();
    x.set_requires_grad(), w.set_requires_grad();
    const auto segment = [&](const std::vector<Tensor>& in) { return tanh(matmul(in[0], w)) * in[1]; };
    const Tensor h = x * 2;
    const Tensor y = keep ? segment({h, x}) : checkpoint(segment, {h, x});
    const std::vector<Tensor> g = grad({(y * y).sum()}, {x, w}, {.create_graph = true});
    const std::vector<Tensor> gg = grad({(g[0] * g[0]).sum() + (g[1] * g[1]).sum()}, {x, w});
    return std::vector<Tensor>{y.detach(), g[0].detach(), g[1].detach(), gg[0], gg[1]};
  };
  const std::vector<Tensor> plain = run(true), saving = run(false);
  for (size_t i = 0; i < plain.size(); ++i)
    for (int64_t k = 0; k < plain[i].numel(); ++k) {
      CAPTURE(i, k);
      CHECK(numbers(saving[i])[k] == Approx(numbers(plain[i])[k]).epsilon(1e-12));
    }
}

TEST_CASE("record: formulas, twins and checkpoints may write to tensors that they make", "[engine]") {
  const auto halved = [](const Tensor& g) {  // of three numbers, but for the last
    Tensor half = zeros({3}, f64);
    half(slice(0, 2)).assign(g(slice(0, 2)) / 2);
    return half * 1;
  };
  const auto gradient = [](auto f) {
    const Tensor x = leaf({1, 2, 3});
    f(x).sum().backward();
    return numbers(x.grad());
  };
  const Numbers expected{0.5, 0.5, 0};
  CHECK(gradient([&](const Tensor& x) {
          return autograd::record({"halved"}, halved(x.detach()), {{x, halved}});
        }) == expected);
  const auto segment = [](const std::vector<Tensor>& in) {
    Tensor half = zeros({3}, f64);
    half(slice(0, 2)).assign(full({2}, 0.5, f64));
    return in[0] * half;
  };
  CHECK(gradient([&](const Tensor& x) { return checkpoint(segment, {x}); }) == expected);
  const Tensor x = leaf({1, 2, 3});
  Tensor scale = full({3}, 2, f64), z = x * scale;
  scale.assign(ones({3}, f64));
  CHECK_THROWS_WITH(z.sum().backward(), Contains("was written after the op was recorded"));
}

TEST_CASE("checkpoint: backward draws the same numbers again, and leaves the generator alone", "[engine]") {
  Rng rng(2);
  Tensor x = randn({50}, rng, f64);
  x.set_requires_grad();
  int runs = 0;
  const auto segment = [&](const std::vector<Tensor>& in) {
    ++runs;
    return dropout(exp(in[0]), 0.5, rng) * in[0];
  };
  Rng same = rng;
  const Tensor y = checkpoint(segment, {x}, &rng);
  Rng after = rng;
  y.sum().backward();
  CHECK(runs == 2);
  CHECK(rng.random() == after.random());
  const Tensor z = checkpoint(segment, {x.detach().set_requires_grad()}, &rng);
  rng.random();  // what was drawn between the two passes is not drawn again
  Rng later = rng;
  z.sum().backward();
  CHECK(rng.random() == later.random());
  const Tensor kept = dropout(ones({50}, f64), 0.5, same);
  const Tensor expected = grad((exp(x) * x * kept).sum(), x);
  for (int64_t i = 0; i < 50; ++i) CHECK(x.grad().at<double>({i}) == Approx(expected.at<double>({i})).epsilon(1e-13));
  Rng fresh(3);
  const auto drop = [&](const std::vector<Tensor>& in) { return dropout(in[0] * in[0], 0.3, fresh); };
  CHECK(gradcheck([&](const Tensor& t) { return checkpoint(drop, {t}, &fresh); }, x.detach(), {.rng = &fresh}));
}

TEST_CASE(
    "checkpoint: backward trains or evaluates as the first run did, and what it throws leaves the generator alone",
    "[engine]") {
  Rng rng(5);
  nn::Parameters params(rng);
  const nn::Dropout drop(params, 0.5);
  const Tensor x = ones({8}).set_requires_grad();
  const auto segment = [&](const std::vector<Tensor>& in) { return drop(in[0]) * 2; };
  Tensor y;
  {
    const nn::EvalMode evaluating;
    y = checkpoint(segment, {x}, &rng);
  }
  y.sum().backward();
  CHECK(x.grad().to_vector<double>() == std::vector<double>(8, 2));

  bool fails = false;
  const auto failing = [&](const std::vector<Tensor>& in) {
    const Tensor dropped = drop(in[0]);
    if (fails) throw std::runtime_error("no more");
    return dropped;
  };
  const Tensor z = checkpoint(failing, {x}, &rng);
  Rng after = rng;
  fails = true;
  CHECK_THROWS_AS(z.sum().backward(), std::runtime_error);
  CHECK(rng.random() == after.random());
}

TEST_CASE("checkpoint: a segment that gives other values the second time is refused", "[engine]") {
  Rng rng(6);
  const Tensor x = randn({8}, rng).set_requires_grad();
  const auto refused = [](const Tensor& y) {
    CHECK_THROWS_WITH(y.sum().backward(), Contains("checkpoint: fn gave other values in backward than before"));
  };
  refused(checkpoint([&](const std::vector<Tensor>& in) { return dropout(in[0], 0.5, rng); }, {x}));  // without rng
  double scale = 1;
  const Tensor y = checkpoint([&](const std::vector<Tensor>& in) { return in[0] * scale; }, {x});
  scale = 2;
  refused(y);
  const Tensor nan = checkpoint([](const std::vector<Tensor>& in) { return log(in[0] * 0 - 1); }, {x});
  CHECK_NOTHROW(nan.sum().backward());
}

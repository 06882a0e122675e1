// A parameter is one thing: whoever holds it sees the same flag, gradient and values.
#include <heed/autograd/check/anomaly.h>
#include <heed/autograd/ops.h>
#include <heed/models/gpt.h>
#include <heed/nn/attention.h>
#include <heed/nn/dropout.h>
#include <heed/nn/init.h>
#include <heed/train/clip.h>
#include <heed/train/optimizer.h>
#include "catch.h"
#include "difference.h"

using namespace heed;

TEST_CASE("requires_grad: the flag belongs to the tensor, and all its copies see it", "[parameters]") {
  Tensor w = ones({2});
  const Tensor before = w;  // copied before it ever trained
  w.set_requires_grad();
  CHECK(before.requires_grad());
  (before * 3).sum().backward();
  CHECK(w.grad().to_vector<float>() == std::vector<float>{3, 3});
  CHECK(before.grad().storage() == w.grad().storage());
  Tensor(before).set_requires_grad(false);
  CHECK_FALSE(w.requires_grad());
  CHECK_FALSE((w * 2).requires_grad());
  CHECK(w.grad().defined());  // as in PyTorch, freezing keeps it
  w.set_requires_grad();
  CHECK(before.requires_grad());
  CHECK_FALSE(w.detach().requires_grad());
  Tensor other = w.detach().set_requires_grad();  // a leaf of its own over the same elements
  (other * 5).sum().backward();
  CHECK(w.grad().to_vector<float>() == std::vector<float>{3, 3});
}

TEST_CASE("requires_grad: off and on again at the module reaches the store and the optimiser", "[parameters]") {
  nn::Parameters params(1);
  nn::Linear lin(params / "lin", 2, 1, false);
  train::SGD sgd(params, {.lr = 1});
  lin.weight.set_requires_grad(false);
  lin.weight.set_requires_grad(true);
  lin.weight.assign(zeros({1, 2}));
  lin(ones({1, 2})).sum().backward();
  CHECK(params.at("lin.weight").grad().defined());
  sgd.step();
  CHECK(lin.weight.to_vector<float>() == std::vector<float>{-1, -1});
  for (auto& [name, p] : params) p.set_requires_grad(false);
  CHECK_FALSE(lin.weight.requires_grad());
}

TEST_CASE("freeze: takes modules by name from gradients, updates and clipping, and unfreeze gives them back",
          "[parameters]") {
  nn::Parameters params(1);
  const models::Gpt gpt(params, {.vocabulary = 7, .context = 4, .layers = 2, .heads = 2, .channels = 8});
  train::AdamW optimizer(params, {.lr = 0.1});
  const Tensor tokens = tensor({{1, 2, 3}});
  const auto step = [&] {
    optimizer.zero_grad();
    gpt(tokens).sum().backward();
    optimizer.step();
  };
  step();
  params.freeze("h.0");
  params.freeze("wte.weight");
  const Tensor frozen = gpt.h[0].mlp.c_fc.weight.clone(), table = gpt.wte.weight.clone(),
               trained = gpt.h[1].mlp.c_fc.weight.clone();
  gpt(tokens).sum().backward();
  CHECK(gpt.h[0].mlp.c_fc.weight.grad().defined());  // that of the step before
  const double norm = train::grad_norm(params);
  gpt.h[0].mlp.c_fc.weight.set_grad(full({32, 8}, 1e6));
  CHECK(train::grad_norm(params) == norm);
  optimizer.step();
  CHECK(largest_difference(gpt.h[0].mlp.c_fc.weight, frozen) == 0);
  step();  // momentum alone must not move them
  CHECK(largest_difference(gpt.h[0].mlp.c_fc.weight, frozen) == 0);
  CHECK(largest_difference(gpt.wte.weight, table) == 0);
  CHECK(largest_difference(gpt.h[1].mlp.c_fc.weight, trained) > 0);
  params.unfreeze("h.0");
  step();
  CHECK(largest_difference(gpt.h[0].mlp.c_fc.weight, frozen) > 0);
  CHECK(largest_difference(gpt.wte.weight, table) == 0);
  params.unfreeze("");
  params.freeze("h.[0-9].*bias");
  for (const auto& [name, parameter] : params)
    CHECK(parameter.requires_grad() == !(name.starts_with("h.") && name.ends_with("bias")));
  params.unfreeze("");
  CHECK(gpt.wte.weight.requires_grad());
  CHECK_THROWS_WITH(params.freeze("h.2"),
                    Contains("freeze: no parameter or module \"h.2\"; need a name of this store") &&
                        Contains("[test_parameters.cpp:"));
  CHECK_THROWS_AS(params.freeze("h."), ValueError);
}

TEST_CASE("assign: writes for all who share the tensor, and checks shape and dtype", "[parameters]") {
  nn::Parameters params(1);
  const nn::Linear lin(params / "lin", 2, 2);
  params.set("lin.weight", tensor({{1., 2.}, {3., 4.}}));
  CHECK(lin.weight.to_vector<float>() == std::vector<float>{1, 2, 3, 4});
  lin.weight.assign(lin.weight.detach().mT());  // of itself, in another order
  CHECK(lin.weight.to_vector<float>() == std::vector<float>{1, 3, 2, 4});
  CHECK_THROWS_WITH(params.set("lin.weight", ones({2})),
                    Contains("assign in lin.weight: x has shape (2); need that of the tensor, (2, 2)"));
  CHECK_THROWS_AS(params.set("lin.wieght", ones({2, 2})), ValueError);
}

TEST_CASE("assign: backward refuses what was written after a recorded op saved it, naming op and line",
          "[parameters]") {
  const Tensor a = ones({2}).set_requires_grad(), b = ones({2}).set_requires_grad();
  {
    const Tensor y = a * b;
    const unsigned line = __LINE__ - 1;
    b.assign(zeros({2}));
    CHECK_THROWS_WITH(y.sum().backward(),
                      Contains("mul: its gradient needs a f32 (2) that was written after the op was recorded") &&
                          Contains(fmt::format("[test_parameters.cpp:{}]", line)));
  }
  {
    const Tensor y = exp(a);  // saved its output, which nobody wrote
    a.assign(zeros({2}));
    CHECK_NOTHROW(y.sum().backward());
  }
  {
    const Tensor y = a + b;  // saved nothing
    b.assign(ones({2}));
    CHECK_NOTHROW(y.sum().backward());
  }
  {
    const Tensor view = a.narrow(0, 0, 1), y = view * view;  // views share what is written
    a.detach().assign(ones({2}));
    CHECK_THROWS_AS(y.sum().backward(), GradError);
  }
  {
    nn::Parameters params(1);
    const nn::Linear lin(params / "lin", 2, 1);
    train::SGD sgd(params, {.lr = 1});
    const Tensor x = ones({1, 2}).set_requires_grad(), y = lin(x);
    y.sum().backward({}, true);
    sgd.step();
    CHECK_THROWS_WITH(y.sum().backward(), Contains("linear in lin"));
  }
}

TEST_CASE("assign, and what else writes: a running op hides no write to a tensor that others hold", "[parameters]") {
  nn::Parameters params(1);
  const nn::Linear lin(params / "lin", 2, 2, false);
  train::SGD sgd(params, {.lr = 1});
  Rng rng(1);
  Tensor weight = lin.weight;
  const std::vector<std::function<void()>> writers = {
      [&] {
        weight.assign(zeros({2, 2}));
      },
      [&] { nn::init::normal()(weight, rng); },
      [&] { sgd.step(); },
  };
  for (const auto& write : writers) {
    const Tensor x = ones({1, 2}).set_requires_grad(), y = lin(x).sum();
    y.backward({}, true);
    {
      const Op op{"train_step"};
      write();
    }
    CHECK_THROWS_WITH(y.backward(), Contains("that was written after the op was recorded"));
  }
}

TEST_CASE("modules outlive the store that they were built from, and go on drawing from its generator", "[parameters]") {
  const auto make = [] {
    nn::Parameters params(1);
    return std::pair{nn::Dropout(params / "drop", 0.5),
                     nn::MultiHeadAttention(params / "attn", 4, 4, 2, {.dropout = 0.5})};
  };
  const auto [drop, attn] = make();
  nn::Parameters kept(1);
  const nn::Dropout same(kept / "drop", 0.5);
  const nn::MultiHeadAttention unused(kept / "attn", 4, 4, 2);
  const Tensor x = ones({2, 3, 4});
  CHECK(largest_difference(drop(x), same(x)) == 0);
  CHECK(attn(x).shape() == Shape{2, 3, 4});
}

TEST_CASE("detach: a temporary's is that tensor, anything else's one of its own", "[parameters]") {
  Tensor fresh = (ones({2}) * 3).detach(), copy = fresh;
  copy.set_requires_grad();
  CHECK(fresh.requires_grad());
  const Tensor own = fresh.detach();  // shares elements, not the flag
  CHECK_FALSE(own.requires_grad());
  Tensor of_a_copy = Tensor(fresh).detach();
  of_a_copy.set_requires_grad(false);
  CHECK(fresh.requires_grad());
  const Tensor of_a_leaf = ones({2}).set_requires_grad().detach();
  CHECK_FALSE(of_a_leaf.requires_grad());
}

TEST_CASE("Parameters: owns its generator, or is lent one, to the same numbers", "[parameters]") {
  Rng rng(7);
  nn::Parameters lent(rng), own(7);
  const nn::Linear a(lent / "a", 3, 4), b(own / "a", 3, 4);
  CHECK(largest_difference(a.weight, b.weight) == 0);
  CHECK(&lent.rng() == &rng);
}

TEST_CASE("errors inside a model name the module and the user's line", "[parameters][errors]") {
  nn::Parameters params(1);
  models::Gpt gpt(params, {.vocabulary = 7, .context = 8, .layers = 2, .heads = 2, .channels = 4});
  gpt.h[1].ln_2.weight = ones({5});
  const unsigned line = __LINE__ + 1;
  const auto run = [&] { gpt(zeros({2, 7}, i64)); };
  CHECK_THROWS_WITH(run(), Contains("layer_norm in h.1.ln_2: the weight has shape (5); need (4)") &&
                               Contains(fmt::format("[test_parameters.cpp:{}]", line)));
  CHECK_THROWS_WITH(models::Gpt(params / "deep", {.layers = 0}),
                    Contains("Gpt in deep: layers is 0") && Contains("[test_parameters.cpp:"));
}

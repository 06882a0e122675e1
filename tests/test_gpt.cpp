#include <memory>
#include <string>
#include <vector>

#include <heed/autograd/engine.h>
#include <heed/models/gpt.h>
#include <heed/tensor/random.h>
#include <heed/train/optimizer.h>
#include "catch.h"
#include "difference.h"
#include "gpt_families.h"
#include "watch.h"

using namespace heed;
using models::Gpt, models::GptConfig;

namespace {

constexpr GptConfig kToy{.vocabulary = 11, .context = 8, .layers = 2, .heads = 2, .channels = 16};

constexpr double kF64Tol = 1e-12;  // the same sums in another order, values of order 1

std::vector<std::string> names(const nn::Parameters& params) {
  std::vector<std::string> all;
  for (const auto& [name, tensor] : params) all.push_back(name);
  return all;
}

}  // namespace

TEST_CASE("gpt: parameters carry GPT-2's names and shapes", "[models][gpt]") {
  Rng rng(1);
  nn::Parameters params(rng);
  GptConfig config = kToy;
  config.layers = 1;
  const Gpt gpt(params, config);
  CHECK(names(params) == std::vector<std::string>{
                             "wte.weight", "wpe.weight", "h.0.ln_1.weight", "h.0.ln_1.bias", "h.0.attn.c_attn.weight",
                             "h.0.attn.c_attn.bias", "h.0.attn.c_proj.weight", "h.0.attn.c_proj.bias",
                             "h.0.ln_2.weight", "h.0.ln_2.bias", "h.0.mlp.c_fc.weight", "h.0.mlp.c_fc.bias",
                             "h.0.mlp.c_proj.weight", "h.0.mlp.c_proj.bias", "ln_f.weight", "ln_f.bias"});
  CHECK(params.at("h.0.attn.c_attn.weight").shape() == Shape{48, 16});
  CHECK(params.at("h.0.mlp.c_fc.weight").shape() == Shape{64, 16});
  CHECK(params.at("lm_head.weight").storage() == params.at("wte.weight").storage());
}

TEST_CASE("gpt: without bias and tying there is an lm_head and no bias", "[models][gpt]") {
  Rng rng(1);
  nn::Parameters params(rng);
  GptConfig config = kToy;
  config.bias = config.tied = false;
  const Gpt gpt(params, config);
  for (const std::string& name : names(params)) CHECK_THAT(name, !Contains("bias"));
  CHECK(names(params).back() == "lm_head.weight");
  CHECK(params.at("lm_head.weight").storage() != params.at("wte.weight").storage());
}

TEST_CASE("gpt: parameters can be counted from the config, and GPT-2 has 124,439,808", "[models][gpt]") {
  CHECK(models::parameter_count({}) == 124439808);
  CHECK(models::parameter_count({.layers = 24, .heads = 16, .channels = 1024}) == 354823168);  // GPT-2 medium
  for (const bool bias : {true, false})
    for (const bool tied : {true, false}) {
      GptConfig config = kToy;
      config.bias = bias;
      config.tied = tied;
      Rng rng(1);
      nn::Parameters params(rng);
      const Gpt gpt(params, config);
      CHECK(params.numel() == models::parameter_count(config));
    }
}

TEST_CASE("gpt: parameters of every family can be counted from the config", "[models][gpt]") {
  for (const auto& [family, config] : tests::gpt_families()) {
    CAPTURE(family);
    nn::Parameters params(1);
    const Gpt gpt(params, config);
    CHECK(params.numel() == models::parameter_count(config));
    CHECK(params.find("wpe.weight") == (gpt.wpe ? &params.at("wpe.weight") : nullptr));
  }
}

TEST_CASE("gpt: of every family, the cache equals the whole pass, and no token sees a later one", "[models][gpt]") {
  for (const auto& [family, config] : tests::gpt_families()) {
    CAPTURE(family);
    nn::Parameters params(3, f64);
    const Gpt gpt(params, config);
    const Tensor tokens = tensor({{1, 5, 2, 2, 0, 6}, {3, 3, 4, 1, 6, 0}});
    const Tensor whole = gpt(tokens);
    for (const bool recorded : {true, false}) {
      const auto guard = recorded ? nullptr : std::make_unique<NoGrad>();
      models::GptCache cache = gpt.cache();
      for (const int64_t piece : {1, 2, 1, 1, 1}) {
        const Tensor next = gpt.next(tokens.narrow(1, cache.length(), piece), cache);
        CHECK(largest_difference(next, whole.select(1, cache.length() - 1)) < kF64Tol);
      }
    }
    const Tensor other = gpt(where(arange(6) < 5, tokens, zeros({}, i64)));  // another last token
    CHECK(largest_difference(other.narrow(1, 0, 5), whole.narrow(1, 0, 5)) < kF64Tol);
  }
}

TEST_CASE("gpt: a copy of a cache goes its own way", "[models][gpt]") {
  const NoGrad guard;
  nn::Parameters params(3, f64);
  const Gpt gpt(params, kToy);
  models::GptCache one = gpt.cache();
  gpt.next(tensor({{1, 2, 3}}), one);
  gpt.next(tensor({{4}}), one);
  models::GptCache other = one;
  gpt.next(tensor({{5}}), one);
  gpt.next(tensor({{6}}), other);
  CHECK(largest_difference(gpt.next(tensor({{7}}), one), gpt(tensor({{1, 2, 3, 4, 5, 7}})).select(1, -1)) < kF64Tol);
  CHECK(largest_difference(gpt.next(tensor({{7}}), other), gpt(tensor({{1, 2, 3, 4, 6, 7}})).select(1, -1)) < kF64Tol);
}

TEST_CASE("gpt: weights start at N(0, 0.02), c_proj smaller, biases at 0", "[models][gpt]") {
  Rng rng(1);
  nn::Parameters params(rng);
  GptConfig config = kToy;
  config.channels = 64;
  const Gpt gpt(params, config);
  // 12288 and 16384 draws: the standard deviation of the estimate is below 0.7%.
  const auto deviation = [](const Tensor& x) { return std::sqrt(x.detach().var().item<double>()); };
  CHECK(deviation(gpt.h[0].attn.c_attn.weight) == Approx(0.02).epsilon(0.03));
  CHECK(deviation(gpt.h[1].mlp.c_proj.weight) == Approx(0.02 / 2).epsilon(0.03));
  CHECK(largest(gpt.h[1].mlp.c_proj.bias) == 0);
  CHECK(largest(gpt.ln_f.weight - 1) == 0);
}

TEST_CASE("gpt: logits have shape (B, T, V) for every T up to the context", "[models][gpt]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const Gpt gpt(params, kToy);
  for (const int64_t T : {1, 5, 8}) CHECK(gpt(randint(0, 11, {3, T}, rng)).shape() == Shape{3, T, 11});
}

TEST_CASE("gpt: no logit depends on a later position", "[models][gpt]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const Gpt gpt(params, kToy);
  const Tensor logits = gpt(randint(0, 11, {2, 8}, rng));
  for (int64_t t = 0; t < 8; ++t) {
    const Tensor g = grad(logits.select(1, t).sum(), gpt.wpe->weight, {.retain_graph = true});
    if (t < 7) CHECK(largest(g.narrow(0, t + 1, 7 - t)) == 0);
    CHECK(largest(g[t]) > 0);
  }
}

TEST_CASE("gpt: reading in pieces through the cache equals the whole forward pass", "[models][gpt]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const Gpt gpt(params, kToy);
  const Tensor tokens = randint(0, 11, {3, 8}, rng);
  const NoGrad no_grad;
  const Tensor whole = gpt(tokens);
  models::GptCache cache = gpt.cache();
  for (const int64_t piece : {3, 1, 2, 1, 1}) {
    const Tensor next = gpt.next(tokens.narrow(1, cache.length(), piece), cache);
    CHECK(largest_difference(next, whole.select(1, cache.length() - 1)) < kF64Tol);
  }
  CHECK(cache.length() == 8);
  CHECK_THROWS_WITH(gpt.next(tokens.narrow(1, 0, 1), cache),
                    Contains("1 tokens after 8 exceed the context; need at most 8"));
}

TEST_CASE("gpt: attention weights of a layer are a causal distribution, and those that the layer uses",
          "[models][gpt]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const Gpt gpt(params, kToy);
  const Tensor tokens = randint(0, 11, {2, 6}, rng);
  const NoGrad no_grad;
  const Tensor weights = tests::seen([&] { gpt(tokens); });
  REQUIRE(weights.shape() == Shape{2, 2, 6, 6});
  CHECK(largest(weights.sum(-1) - 1) < kF64Tol);
  CHECK(largest(triu(weights, 1)) == 0);

  // The layer by hand, from those weights.
  const models::GptBlock &below = gpt.h[0], &block = gpt.h[1];
  const Tensor x = below((*gpt.wpe)(gpt.wte(tokens)));
  const Tensor values = block.attn.c_attn(block.ln_1(x)).narrow(-1, 32, 16).reshape({2, 6, 2, 8}).transpose(1, 2);
  const Tensor mixed = matmul(weights, values).transpose(1, 2).reshape({2, 6, 16});
  const Tensor y = x + block.attn.c_proj(mixed);
  CHECK(largest_difference(gpt(tokens), linear(gpt.ln_f(y + block.mlp(block.ln_2(y))), gpt.lm_head)) < kF64Tol);
}

TEST_CASE("gpt: dropout acts in training alone", "[models][gpt]") {
  Rng rng(1);
  nn::Parameters params(rng);
  GptConfig config = kToy;
  config.dropout = 0.5;
  const Gpt gpt(params, config);
  const Tensor tokens = randint(0, 11, {2, 8}, rng);
  CHECK(largest_difference(gpt(tokens), gpt(tokens)) > 0);
  const nn::EvalMode eval;
  CHECK(largest_difference(gpt(tokens), gpt(tokens)) == 0);
}

TEST_CASE("gpt: a toy model learns a sentence by heart", "[models][gpt]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const Gpt gpt(params, kToy);
  const Tensor text = randint(0, 11, {4, 9}, rng);
  const Tensor x = text.narrow(1, 0, 8), y = text.narrow(1, 1, 8);
  train::Adam adam(params, {.lr = 1e-2});
  double loss_value = 0;
  for (int step = 0; step < 150; ++step) {
    const Tensor loss = cross_entropy(gpt(x), y);
    loss.backward();
    adam.step();
    adam.zero_grad();
    loss_value = loss.item<double>();
  }
  CHECK(loss_value < 0.05);
}

TEST_CASE("gpt: configs that make no sense say so", "[models][gpt][errors]") {
  Rng rng(1);
  const auto build = [&](const GptConfig& config) {
    nn::Parameters params(rng);
    Gpt(params, config);
  };
  CHECK_THROWS_WITH(build({.heads = 5}),
                    Contains("Gpt: 5 heads do not divide 768 channels") && Contains("test_gpt.cpp"));
  CHECK_THROWS_AS(build({.heads = 5}), ValueError);
  CHECK_THROWS_WITH(build({.vocabulary = 0}), Contains("vocabulary is 0; need 1 or more"));
  CHECK_THROWS_WITH(build({.context = -1}), Contains("context is -1"));
  CHECK_THROWS_WITH(build({.layers = 0}), Contains("layers is 0"));
  CHECK_THROWS_WITH(build({.heads = 0}), Contains("heads is 0"));
  CHECK_THROWS_WITH(build({.channels = -12}), Contains("channels is -12"));
  CHECK_THROWS_AS(build({.dropout = 1.5}), ValueError);
}

TEST_CASE("gpt: tokens that do not fit say so, with the caller's line", "[models][gpt][errors]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const Gpt gpt(params, kToy);
  CHECK_THROWS_AS(gpt(zeros({1, 9}, i64)), ShapeError);
  CHECK_THROWS_WITH(gpt(zeros({1, 9}, i64)),
                    Contains("Gpt: 9 tokens exceed the context; need at most 8") && Contains("test_gpt.cpp"));
  CHECK_THROWS_WITH(gpt(zeros({4}, i64)), Contains("tokens has shape (4); need (B, T)"));
  CHECK_THROWS_WITH(gpt(zeros({1, 0}, i64)), Contains("at least one token"));
  CHECK_THROWS_AS(gpt(full({1, 2}, 11, i64)), IndexError);
  CHECK_THROWS_WITH(gpt(full({1, 2}, -1, i64)), Contains("-1") && Contains("test_gpt.cpp"));
  models::GptConfig turning = kToy, stretched = kToy;
  turning.positions = stretched.positions = models::Positions::rope;
  stretched.context = 16;
  stretched.rope.scaling.factor = 2;
  nn::Parameters turned(rng), longer(rng);
  const Gpt as_trained(turned, turning), twice(longer, stretched);
  CHECK_THROWS_WITH(as_trained(zeros({1, 9}, i64)),
                    Contains("need at most 8, or a config with a longer context and a factor"));
  for (const auto& [name, p] : turned) longer.set(name, p);
  CHECK(twice(zeros({1, 9}, i64)).shape() == Shape{1, 9, kToy.vocabulary});
  CHECK_THROWS_AS(gpt(zeros({1, 2})), DTypeError);
}

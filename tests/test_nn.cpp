// Parameters and their names, first values, and the small modules.
#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/nn/dropout.h>
#include <heed/nn/embedding.h>
#include <heed/nn/init.h>
#include <heed/nn/linear.h>
#include <heed/nn/lora.h>
#include <heed/nn/mask.h>
#include <heed/nn/norm.h>
#include <heed/nn/position.h>
#include <heed/nn/scope.h>
#include <heed/tensor/random.h>
#include <heed/train/optimizer.h>
#include "difference.h"
#include "reference_files.h"

using namespace heed;
using heed::tests::require_close;

namespace {

std::vector<std::string> names_of(const nn::Parameters& params) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : params) names.push_back(name);
  return names;
}

}  // namespace

TEST_CASE("scope: parameters appear under their path, in the order of creation", "[nn][scope]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::Scope s = params;
  const nn::Linear a(s / "h" / 0 / "fc", 2, 3);
  const nn::LayerNorm b(s / "ln_f", 3, false);
  static_assert(!std::is_constructible_v<nn::LayerNorm, nn::Scope, int64_t, double>);  // eps, where the bias is told
  REQUIRE(names_of(params) == std::vector<std::string>{"h.0.fc.weight", "h.0.fc.bias", "ln_f.weight"});
  REQUIRE(params.size() == 3);
  REQUIRE(params.numel() == 6 + 3 + 3);
  REQUIRE(*(s / "h" / 0).name() == "h.0");
  REQUIRE(params.at("h.0.fc.bias").storage() == a.bias.storage());
  REQUIRE(params.at("h.0.fc.bias").requires_grad());
}

TEST_CASE("scope: a name can be given only once", "[nn][scope]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::Linear a(params / "fc", 2, 3);
  REQUIRE_THROWS_WITH(nn::Linear(params / "fc", 2, 3), Contains("\"fc.weight\" is taken"));
  REQUIRE_THROWS_AS(params / "", ValueError);
  REQUIRE_THROWS_AS(params / "a." / "b", ValueError);
}

TEST_CASE("parameters: an unknown name is answered with the closest ones", "[nn][scope]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::Linear a(params / "encoder", 2, 3), b(params / "decoder", 2, 3), c(params / "out_head", 2, 3);
  REQUIRE(params.find("encoder.weigth") == nullptr);
  REQUIRE_THROWS_WITH(params.at("encoder.weigth"),
                      Contains("no parameter \"encoder.weigth\"") && Contains("encoder.weight, decoder.weight"));
  REQUIRE_THROWS_WITH(nn::Parameters(rng).at("x"), Contains("there are none"));
  REQUIRE_THROWS_AS(nn::Parameters(rng, i64), DTypeError);
}

TEST_CASE("parameters: a tied weight has two names and counts once", "[nn][scope]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::Embedding wte(params / "wte", 5, 4);
  params.operator/("lm_head").tie("weight", wte.weight);
  REQUIRE(params.size() == 1);
  REQUIRE(params.numel() == 20);
  REQUIRE(params.find("lm_head.weight") == params.find("wte.weight"));
  REQUIRE(params.aliases().size() == 1);
  REQUIRE_THROWS_AS(nn::Scope(params).tie("other", zeros({5, 4})), ValueError);
  REQUIRE_THROWS_AS(nn::Scope(params).tie("wte.weight", wte.weight), ValueError);
}

TEST_CASE("parameters: zero_grad forgets every gradient", "[nn][scope]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::Linear a(params, 2, 3);
  a(ones({1, 2})).sum().backward();
  REQUIRE(a.weight.grad().defined());
  params.zero_grad();
  REQUIRE_FALSE(a.weight.grad().defined());
  REQUIRE_FALSE(a.bias.grad().defined());
}

TEST_CASE("parameters: a store of f64 gives f64 modules", "[nn][scope]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const nn::Linear a(params, 2, 3);
  REQUIRE(a(zeros({1, 2}, f64)).dtype() == f64);
}

TEST_CASE("init: fans, gains and bounds", "[nn][init]") {
  Rng rng(7);
  const Tensor w = empty({300, 200});
  const auto largest = [&] { return abs(w).max().item<double>(); };
  const auto spread = [&] { return std::sqrt(w.var().item<double>()); };
  SECTION("kaiming_uniform, slope sqrt(5): 1 / sqrt(in)") {
    nn::init::kaiming_uniform(std::sqrt(5.0))(w, rng);
    REQUIRE(largest() <= 1 / std::sqrt(200.0) + 1e-7);
    REQUIRE(largest() == Approx(1 / std::sqrt(200.0)).epsilon(1e-3));
  }
  SECTION("kaiming_normal: sqrt(2 / in)") {
    nn::init::kaiming_normal()(w, rng);
    REQUIRE(spread() == Approx(std::sqrt(2 / 200.0)).epsilon(0.02));
  }
  SECTION("xavier_uniform: sqrt(6 / (in + out))") {
    nn::init::xavier_uniform()(w, rng);
    REQUIRE(largest() == Approx(std::sqrt(6 / 500.0)).epsilon(1e-3));
  }
  SECTION("xavier_normal: sqrt(2 / (in + out))") {
    nn::init::xavier_normal(3)(w, rng);
    REQUIRE(spread() == Approx(3 * std::sqrt(2 / 500.0)).epsilon(0.02));
  }
  SECTION("trunc_normal stays inside, and is normal there") {
    nn::init::trunc_normal(1, 2, -1, 3)(w, rng);
    REQUIRE(w.min().item<double>() >= -1);
    REQUIRE(w.max().item<double>() <= 3);
    // The standard deviation of a normal cut at one of its own.
    REQUIRE(spread() == Approx(2 * 0.53956).epsilon(0.02));
    REQUIRE(w.mean().item<double>() == Approx(1).margin(0.02));
  }
  SECTION("constants") {
    nn::init::constant(2.5)(w, rng);
    REQUIRE(w.min().item<double>() == 2.5);
    REQUIRE(w.max().item<double>() == 2.5);
  }
  REQUIRE_THROWS_AS(nn::init::xavier_normal()(empty({3}), rng), ShapeError);
}

TEST_CASE("linear: y = x W^T + b over any leading axes", "[nn]") {
  Rng rng(3);
  nn::Parameters params(rng, f64);
  const nn::Linear with(params / "with", 4, 3), without(params / "without", 4, 3, false);
  const Tensor x = randn({2, 5, 4}, rng, f64);
  REQUIRE(with(x).shape() == Shape{2, 5, 3});
  require_close(with(x), matmul(x, with.weight.mT()) + with.bias, 1e-14);
  REQUIRE_FALSE(without.bias.defined());
  require_close(without(x), matmul(x, without.weight.mT()), 1e-14);
  REQUIRE_THROWS_AS(with(zeros({2, 3}, f64)), ShapeError);
  REQUIRE_THROWS_AS(nn::Linear(params / "bad", 0, 3), ValueError);
}

TEST_CASE("embedding: the padding row starts at 0 and gets no gradient; others get theirs", "[nn]") {
  Rng rng(3);
  nn::Parameters params(rng);
  const nn::Embedding plain(params / "plain", 5, 3);
  rng = Rng(3);
  const nn::Embedding padded(params / "padded", 5, 3, 2);
  const Tensor index = tensor({{0, 2, 2}, {4, 2, 0}});
  REQUIRE(padded.weight[2].to_vector<float>() == std::vector<float>{0, 0, 0});
  for (const int row : {0, 1, 3, 4})
    REQUIRE(padded.weight[row].to_vector<float>() == plain.weight[row].to_vector<float>());
  padded(index).sum().backward();
  REQUIRE(padded.weight.grad().sum(1).to_vector<float>() == std::vector<float>{6, 0, 0, 0, 3});
  REQUIRE_THROWS_AS(padded(tensor({5})), IndexError);
  REQUIRE_THROWS_AS(nn::Embedding(params / "bad", 5, 3, 5), IndexError);
}

TEST_CASE("norms: unit scale at first, as the ops with their weights", "[nn][norm]") {
  Rng rng(3);
  nn::Parameters params(rng, f64);
  const nn::LayerNorm ln(params / "ln", 6);
  const nn::RMSNorm rms(params / "rms", 6);
  const Tensor x = randn({4, 6}, rng, f64) * 3 + 1;
  require_close(ln(x).mean(-1), zeros({4}, f64), 1e-12);
  require_close(ln(x).var(-1, false, false), ones({4}, f64), 1e-4);
  require_close((rms(x) * rms(x)).mean(-1), ones({4}, f64), 1e-5);
}

TEST_CASE("dropout: the identity under EvalMode, where nothing is drawn", "[nn][dropout]") {
  Rng rng(3);
  nn::Parameters params(rng);
  const nn::Dropout drop(params, 0.5);
  const Tensor x = ones({1000});
  const Tensor y = drop(x);
  const double kept = y.sum().item<double>() / 2;
  REQUIRE(kept > 400);
  REQUIRE(kept < 600);
  rng = Rng(4);
  {
    const nn::EvalMode eval;
    REQUIRE_FALSE(nn::training());
    REQUIRE(drop(x).to_vector<float>() == x.to_vector<float>());
    { const nn::EvalMode nested; }
    REQUIRE_FALSE(nn::training());
  }
  REQUIRE(nn::training());
  Rng fresh(4);
  REQUIRE(rand({4}, rng).to_vector<float>() == rand({4}, fresh).to_vector<float>());
  REQUIRE_THROWS_AS(nn::Dropout(params, 1.5), ValueError);
}

TEST_CASE("positions: sines and cosines by the formula, from any start", "[nn][position]") {
  const Tensor p = nn::sinusoidal_positions(50, 8, f64);
  REQUIRE(p.shape() == Shape{50, 8});
  for (const int t : {0, 1, 49})
    for (int i = 0; i < 4; ++i) {
      const double angle = t / std::pow(10000.0, 2 * i / 8.0);
      REQUIRE(p.at<double>({t, 2 * i}) == Approx(std::sin(angle)).margin(1e-12));
      REQUIRE(p.at<double>({t, 2 * i + 1}) == Approx(std::cos(angle)).margin(1e-12));
    }
  const nn::SinusoidalPosition position;
  require_close(position(zeros({2, 3, 8}, f64), 10)[1], p.narrow(0, 10, 3), 1e-15);
}

TEST_CASE("positions: learned ones are added, and end", "[nn][position]") {
  Rng rng(3);
  nn::Parameters params(rng);
  const nn::LearnedPosition position(params, 10, 4);
  require_close(position(zeros({2, 3, 4}), 7)[0], position.weight.narrow(0, 7, 3), 0);
  REQUIRE_THROWS_WITH(position(zeros({2, 3, 4}), 8), Contains("3 steps from 8 on") && Contains("10 positions"));
}

TEST_CASE("masks: true where a step counts", "[nn][mask]") {
  REQUIRE(nn::length_mask(tensor({0, 3, 1}), 3).to_vector<bool>() ==
          std::vector<bool>{false, false, false, true, true, true, true, false, false});
  REQUIRE(nn::causal_mask(3).to_vector<bool>() ==
          std::vector<bool>{true, false, false, true, true, false, true, true, true});
  REQUIRE_THROWS_AS(nn::length_mask(tensor({4}), 3), ValueError);
  REQUIRE_THROWS_AS(nn::length_mask(tensor({-1}), 3), ValueError);
}

TEST_CASE("lora: starts as the layer, trains alone, and merges into the same function", "[nn]") {
  nn::Parameters params(3, f64);
  nn::Linear layer((nn::Scope(params) / "deep") / "layer", 4, 3);
  Rng rng(1);
  const Tensor x = randn({5, 4}, rng, f64), before = layer(x), w = layer.weight.clone();
  nn::Lora(params, layer, {.rank = 2, .alpha = 6});
  CHECK(largest_difference(layer(x), before) == 0);
  train::SGD sgd(params, {.lr = 0.003});
  for (int step = 0; step < 3; ++step) {
    (layer(x) * layer(x)).sum().backward();
    CHECK_FALSE(layer.weight.grad().defined());
    sgd.step();
    sgd.zero_grad();
  }
  CHECK(largest_difference(layer.weight, w) == 0);
  const Tensor a = params.at("deep.layer.lora_A.weight"), b = params.at("deep.layer.lora_B.weight"), after = layer(x);
  CHECK(largest_difference(after, before) > 0.001);
  CHECK(largest_difference(after, linear(x, w + matmul(b, a) * 3.0, layer.bias)) < 1e-12);
  CHECK_THROWS_WITH(nn::Lora(params, layer), Contains("Lora in deep.layer: the layer has one already, of rank 2"));
  nn::merge_lora(layer);
  CHECK(largest_difference(layer(x), after) < 1e-12);
  CHECK_FALSE(layer.low_rank);
}

#include <string>
#include <vector>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/models/transformer.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "difference.h"
#include "watch.h"

using namespace heed;
using models::Transformer, models::TransformerConfig;

namespace {

constexpr TransformerConfig kToy{.source_vocabulary = 9,
                                 .target_vocabulary = 7,
                                 .context = 8,
                                 .layers = 2,
                                 .heads = 2,
                                 .channels = 8,
                                 .feedforward = 16,
                                 .dropout = 0};

constexpr double kF64Tol = 1e-12;  // the same sums in another order, values of order 1

TransformerConfig toy(bool pre_norm, bool learned) {
  TransformerConfig config = kToy;
  config.pre_norm = pre_norm;
  config.learned_positions = learned;
  return config;
}

int64_t parameters_of(const TransformerConfig& config) {
  Rng rng(1);
  nn::Parameters params(rng);
  const Transformer model(params, config);
  return params.numel();
}

}  // namespace

TEST_CASE("transformer: parameters have these names", "[models][transformer]") {
  Rng rng(1);
  nn::Parameters params(rng);
  TransformerConfig config = toy(true, true);
  config.layers = 1;
  const Transformer model(params, config);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : params)
    if (name.find("bias") == std::string::npos) names.push_back(name);
  CHECK(names == std::vector<std::string>{"source_embedding.weight",
                                          "target_embedding.weight",
                                          "source_positions.weight",
                                          "target_positions.weight",
                                          "encoder.layers.0.self_attn.W_query.weight",
                                          "encoder.layers.0.self_attn.W_key.weight",
                                          "encoder.layers.0.self_attn.W_value.weight",
                                          "encoder.layers.0.self_attn.out_proj.weight",
                                          "encoder.layers.0.norm1.weight",
                                          "encoder.layers.0.linear1.weight",
                                          "encoder.layers.0.linear2.weight",
                                          "encoder.layers.0.norm2.weight",
                                          "decoder.layers.0.self_attn.W_query.weight",
                                          "decoder.layers.0.self_attn.W_key.weight",
                                          "decoder.layers.0.self_attn.W_value.weight",
                                          "decoder.layers.0.self_attn.out_proj.weight",
                                          "decoder.layers.0.norm1.weight",
                                          "decoder.layers.0.cross_attn.W_query.weight",
                                          "decoder.layers.0.cross_attn.W_key.weight",
                                          "decoder.layers.0.cross_attn.W_value.weight",
                                          "decoder.layers.0.cross_attn.out_proj.weight",
                                          "decoder.layers.0.norm2.weight",
                                          "decoder.layers.0.linear1.weight",
                                          "decoder.layers.0.linear2.weight",
                                          "decoder.layers.0.norm3.weight",
                                          "encoder.norm.weight",
                                          "decoder.norm.weight"});
  CHECK(params.at("output.weight").storage() == params.at("target_embedding.weight").storage());
}

TEST_CASE("transformer: options add the parameters that they name, and no others", "[models][transformer]") {
  const int64_t C = 8, F = 16;
  const int64_t attention = 4 * C * C, feedforward = 2 * C * F + F + C, norm = 2 * C;
  const int64_t layers = 2 * (attention + feedforward + 2 * norm) + 2 * (2 * attention + feedforward + 3 * norm);
  CHECK(parameters_of(kToy) == layers + (9 + 7) * C);
  CHECK(parameters_of(toy(true, false)) == layers + (9 + 7) * C + 2 * norm);
  CHECK(parameters_of(toy(false, true)) == layers + (9 + 7) * C + 2 * 8 * C);
  TransformerConfig config = kToy;
  config.tied_output = false;
  CHECK(parameters_of(config) == layers + (9 + 7 + 7) * C);
  config.shared_embedding = true;
  config.target_vocabulary = 9;
  CHECK(parameters_of(config) == layers + (9 + 9) * C);
  config.tied_output = true;
  CHECK(parameters_of(config) == layers + 9 * C);
}

TEST_CASE("transformer: at the start, embedded tokens have variance 1 and layers Glorot's", "[models][transformer]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const Transformer model(params, {.source_vocabulary = 500,
                                   .target_vocabulary = 500,
                                   .layers = 1,
                                   .heads = 4,
                                   .channels = 64,
                                   .feedforward = 256});
  // 32000 and 16384 draws: the standard deviation of the estimates is below 1%.
  CHECK(model.source_embedding.weight.detach().var().item<double>() * 64 == Approx(1).epsilon(0.04));
  const Tensor w = model.encoder_layers[0].feedforward.linear1.weight.detach();
  CHECK(w.var().item<double>() == Approx(2.0 / (64 + 256)).epsilon(0.04));
  CHECK(largest(w) <= std::sqrt(6.0 / (64 + 256)));
  CHECK(largest(model.decoder_layers[0].feedforward.linear2.bias) == 0);
}

TEST_CASE("transformer: no logit depends on a later target token", "[models][transformer]") {
  for (const bool pre_norm : {true, false}) {
    Rng rng(1);
    nn::Parameters params(rng);
    const Transformer model(params, toy(pre_norm, true));
    const Tensor logits = model(randint(0, 9, {2, 5}, rng), {}, randint(0, 7, {2, 8}, rng));
    REQUIRE(logits.shape() == Shape{2, 8, 7});
    // A weighted sum: the plain one of a normalised row over a tied table may vanish by symmetry.
    const Tensor weight = randn({7}, rng);
    for (int64_t t = 0; t < 8; ++t) {
      const Tensor g = grad((logits.select(1, t) * weight).sum(), model.target_positions, {.retain_graph = true});
      if (t < 7) CHECK(largest(g.narrow(0, t + 1, 7 - t)) == 0);
      CHECK(largest(g[t]) > 0);
    }
  }
}

TEST_CASE("transformer: attention weights of every kind are distributions over what may be seen",
          "[models][transformer]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const Transformer model(params, kToy);
  const nn::WatchAttention seen;
  model(randint(0, 9, {2, 5}, rng), tensor({5, 2}), randint(0, 7, {2, 4}, rng));
  REQUIRE(seen.looks().size() == 6);  // two layers of each kind
  for (const auto& [module, weights] : seen.looks()) CHECK(largest(weights.sum(-1) - 1) < kF64Tol);
  const Tensor &encoder = seen["encoder.layers.1.self_attn"], &cross = seen["decoder.layers.1.cross_attn"];
  CHECK(encoder.shape() == Shape{2, 2, 5, 5});
  CHECK(cross.shape() == Shape{2, 2, 4, 5});
  CHECK(largest(encoder[1].narrow(2, 2, 3)) == 0);
  CHECK(largest(cross[1].narrow(2, 2, 3)) == 0);
  CHECK(largest(triu(seen["decoder.layers.1.self_attn"], 1)) == 0);
}

TEST_CASE("transformer: configs and inputs that make no sense say so", "[models][transformer][errors]") {
  Rng rng(1);
  const auto build = [&](const TransformerConfig& config) {
    nn::Parameters params(rng);
    Transformer(params, config);
  };
  CHECK_THROWS_WITH(build({.heads = 3, .channels = 16}),
                    Contains("Transformer: 3 heads do not divide 16 channels") && Contains("test_transformer.cpp"));
  CHECK_THROWS_AS(build({.source_vocabulary = 0}), ValueError);
  CHECK_THROWS_AS(build({.target_vocabulary = -1}), ValueError);
  CHECK_THROWS_AS(build({.context = 0}), ValueError);
  CHECK_THROWS_AS(build({.layers = 0}), ValueError);
  CHECK_THROWS_AS(build({.heads = 0}), ValueError);
  CHECK_THROWS_AS(build({.feedforward = 0}), ValueError);
  CHECK_THROWS_AS(build({.dropout = 2}), ValueError);
  CHECK_THROWS_WITH(build({.source_vocabulary = 5, .target_vocabulary = 6, .shared_embedding = true}),
                    Contains("vocabularies of 5 and 6 cannot share an embedding"));

  nn::Parameters params(rng);
  const Transformer model(params, kToy);
  const Tensor source = zeros({2, 3}, i64), input = zeros({2, 4}, i64);
  CHECK_THROWS_WITH(model(source, tensor({3, 4}), input), Contains("source length is 4; need 1 to 3"));
  CHECK_THROWS_WITH(model(zeros({2, 9}, i64), {}, input),
                    Contains("9 tokens exceed the context; need at most 8") && Contains("test_transformer.cpp"));
  CHECK_THROWS_WITH(model(source, {}, zeros({2, 9}, i64)), Contains("9 tokens exceed the context; need at most 8"));
  CHECK_THROWS_AS(model(source, {}, zeros({3, 4}, i64)), ShapeError);
  CHECK_THROWS_AS(model(full({2, 3}, 9, i64), {}, input), IndexError);
  CHECK_THROWS_AS(model(source, {}, full({2, 4}, 7, i64)), IndexError);
}

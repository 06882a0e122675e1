#include <string>
#include <vector>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/models/seq2seq.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "difference.h"
#include "watch.h"

using namespace heed;
using models::Seq2Seq, models::Seq2SeqConfig;
using nn::Cell;

namespace {

constexpr Seq2SeqConfig kToy{.source_vocabulary = 9, .target_vocabulary = 7, .embedding = 6, .hidden = 8};

constexpr double kF64Tol = 1e-12;  // the same sums in another order, values of order 1

Seq2SeqConfig toy(Cell cell, bool attention) {
  Seq2SeqConfig config = kToy;
  config.cell = cell;
  config.attention = attention;
  return config;
}

}  // namespace

TEST_CASE("seq2seq: parameters have these names and shapes", "[models][seq2seq]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const Seq2Seq model(params, toy(Cell::lstm, true));
  std::vector<std::string> shapes;
  for (const auto& [name, tensor] : params) shapes.push_back(fmt::format("{} {}", name, tensor.shape()));
  CHECK(shapes == std::vector<std::string>{"source_embedding.weight (9, 6)",
                                           "target_embedding.weight (7, 6)",
                                           "encoder.weight_ih_l0 (32, 6)",
                                           "encoder.weight_hh_l0 (32, 8)",
                                           "encoder.bias_ih_l0 (32)",
                                           "encoder.bias_hh_l0 (32)",
                                           "encoder.weight_ih_l0_reverse (32, 6)",
                                           "encoder.weight_hh_l0_reverse (32, 8)",
                                           "encoder.bias_ih_l0_reverse (32)",
                                           "encoder.bias_hh_l0_reverse (32)",
                                           "bridge.weight (8, 8)",
                                           "bridge.bias (8)",
                                           "bridge_cell.weight (8, 8)",
                                           "bridge_cell.bias (8)",
                                           "attention.W.weight (8, 8)",
                                           "attention.U.weight (8, 16)",
                                           "attention.v (8)",
                                           "decoder.weight_ih (32, 22)",
                                           "decoder.weight_hh (32, 8)",
                                           "decoder.bias_ih (32)",
                                           "decoder.bias_hh (32)",
                                           "output.weight (7, 30)",
                                           "output.bias (7)"});
}

TEST_CASE("seq2seq: no logit depends on a later target token", "[models][seq2seq]") {
  for (const bool attention : {true, false}) {
    Rng rng(1);
    nn::Parameters params(rng);
    const Seq2Seq model(params, toy(Cell::gru, attention));
    const Tensor logits = model(randint(0, 9, {1, 5}, rng), {}, tensor({{0, 1, 2, 3}}));
    for (int64_t t = 0; t < 4; ++t) {
      const Tensor g = grad(logits.select(1, t).sum(), model.target_embedding.weight, {.retain_graph = true});
      CHECK(largest(g.narrow(0, t + 1, 6 - t)) == 0);
      CHECK(largest(g[t]) > 0);
    }
  }
}

TEST_CASE("seq2seq: alignments are distributions over the words of each source", "[models][seq2seq]") {
  Rng rng(1);
  nn::Parameters params(rng, f64);
  const Seq2Seq model(params, kToy);
  const Tensor weights = tests::seen([&] {
    model(randint(0, 9, {2, 5}, rng), tensor({5, 2}), randint(0, 7, {2, 4}, rng));
  });
  REQUIRE(weights.shape() == Shape{2, 4, 5});
  CHECK(largest(weights.sum(-1) - 1) < kF64Tol);
  CHECK(largest(weights[1].narrow(1, 2, 3)) == 0);
}

TEST_CASE("seq2seq: configs and inputs that make no sense say so", "[models][seq2seq][errors]") {
  Rng rng(1);
  const auto build = [&](const Seq2SeqConfig& config) {
    nn::Parameters params(rng);
    Seq2Seq(params, config);
  };
  CHECK_THROWS_WITH(build({.hidden = 0}),
                    Contains("Seq2Seq: hidden is 0; need 1 or more") && Contains("test_seq2seq.cpp"));
  CHECK_THROWS_AS(build({.embedding = -3}), ValueError);
  CHECK_THROWS_AS(build({.source_vocabulary = 0}), ValueError);
  CHECK_THROWS_AS(build({.target_vocabulary = 0}), ValueError);
  CHECK_THROWS_AS(build({.dropout = -0.1}), ValueError);

  nn::Parameters params(rng);
  const Seq2Seq model(params, toy(Cell::gru, false));
  const Tensor source = zeros({2, 3}, i64), input = zeros({2, 4}, i64);
  CHECK_THROWS_WITH(model(source, tensor({3, 4}), input),
                    Contains("Seq2Seq: source length is 4; need 1 to 3") && Contains("test_seq2seq.cpp"));
  CHECK_THROWS_AS(model(source, tensor({0, 3}), input), ValueError);
  CHECK_THROWS_WITH(model(source, tensor({3}), input), Contains("source_lengths have shape (1); need (2)"));
  CHECK_THROWS_AS(model(source, tensor({3., 3.}), input), DTypeError);
  CHECK_THROWS_WITH(model(source, {}, zeros({3, 4}, i64)), Contains("source (2, 3) and decoder_input (3, 4) differ"));
  CHECK_THROWS_AS(model(zeros({3}, i64), {}, input), ShapeError);
  CHECK_THROWS_AS(model(full({2, 3}, 9, i64), {}, input), IndexError);
  CHECK_THROWS_WITH(model(source, {}, full({2, 4}, 7, i64)), Contains("7") && Contains("test_seq2seq.cpp"));
}

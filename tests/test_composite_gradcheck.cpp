// Compositions, up to whole models: every parameter by name against central differences.
#include <set>

#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/models/gpt.h>
#include <heed/models/seq2seq.h>
#include <heed/models/transformer.h>
#include <heed/nn/attention.h>
#include <heed/nn/mask.h>
#include <heed/nn/rnn.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "difference.h"
#include "gpt_families.h"

using namespace heed;
using nn::Cell;

namespace {

constexpr int64_t kEvery = 1 << 20;  // elements of each parameter: no sampling

/// A module's parameters in f64, and a generator for its inputs.
struct Setup {
  Rng rng{29};
  nn::Parameters params{rng, f64};
  nn::Scope s = params;

  Tensor input(const Shape& shape) { return randn(shape, rng, f64); }
  Tensor tokens(int64_t n, const Shape& shape) { return randint(0, n, shape, rng); }

  /// Every parameter from N(0, 0.8^2): a model that has just been made has gradients too small to tell much.
  void redraw() {
    for (const auto& [name, p] : params) p.assign(randn(p.shape(), rng, f64) * 0.8);
  }

  /// Checks every element of every parameter, and that none was left out or has no effect.
  template <class F>
  void check_all(const char* what, F loss) {
    redraw();
    const GradcheckReport report = gradcheck(params, loss, {.elements = kEvery});
    INFO(what);
    REQUIRE(report);
    CHECK(report.nonsmooth.empty());
    CHECK(report.compared == params.numel());
    REQUIRE(std::ssize(report.inputs) == params.size());
    size_t i = 0;
    for (const auto& [name, p] : params) CHECK(report.inputs[i++].name == name);
    zero_rows_are_none(loss);
    fmt::print(stderr, "gradcheck: {}: {} parameters, {} derivatives, largest relative error {:.1e}\n", what,
               params.size(), report.compared, report.worst.error);
  }

  template <class F>
  void zero_rows_are_none(F loss) {
    std::vector<Tensor> all;
    for (const auto& [name, p] : params) all.push_back(p);
    const std::vector<Tensor> gradients = grad({loss()}, all);
    size_t i = 0;
    for (const auto& [name, p] : params) {
      INFO(name << " moves nothing");
      CHECK(largest(gradients[i++]) > 1e-4);
    }
  }
};

/// A sum with unequal weights, so that errors cannot cancel.
Tensor weighted_sum(const Tensor& y) {
  return (y * sin(arange(1., 1 + double(y.numel()), 1., f64)).reshape(y.shape())).sum();
}

}  // namespace

TEST_CASE("composite: LSTM and GRU through 4 steps of a padded batch", "[gradcheck][composite][rnn]") {
  for (const Cell cell : {Cell::lstm, Cell::gru}) {
    Setup t;
    const nn::Recurrent layer(t.s, cell, 3, 4, {.bidirectional = true});
    const Tensor x = t.input({4, 3, 3}), lengths = tensor({4, 1, 3});
    const auto loss = [&] {
      const auto [y, last] = layer(x, {}, lengths);
      const Tensor sum = weighted_sum(y) + weighted_sum(last.h);
      return last.c.defined() ? sum + weighted_sum(last.c) : sum;
    };
    t.check_all(cell == Cell::lstm ? "LSTM, 4 padded steps" : "GRU, 4 padded steps", loss);
    REQUIRE(gradcheck([&](const Tensor& in) { return layer(in, {}, lengths).y; }, x));
    REQUIRE(gradgradcheck(t.params, loss, {.fast = true}));
  }
}

TEST_CASE("composite: additive attention over padded values", "[gradcheck][composite][attention]") {
  Setup t;
  const nn::AdditiveAttention attention(t.s, 3, 4, 5);
  const Tensor query = t.input({2, 3, 3}), values = t.input({2, 4, 4}),
               mask = nn::length_mask(tensor({4, 2}), 4).unsqueeze(1);
  t.check_all("additive attention, padded", [&] { return weighted_sum(attention(query, values, mask)); });
  REQUIRE(gradcheck([&](const Tensor& q, const Tensor& v) { return attention(q, v, mask); }, {query, values}));
}

TEST_CASE("composite: causal multi-head attention", "[gradcheck][composite][attention]") {
  Setup t;
  const nn::MultiHeadAttention attention(t.s, 4, 6, 3, {.causal = true, .dropout = 0.2, .qkv_bias = false});
  const Tensor x = t.input({2, 4, 4});
  t.check_all("causal multi-head attention, with dropout", [&] { return weighted_sum(attention(x)); });
  REQUIRE(gradcheck([&](const Tensor& in) { return attention(in); }, x, {.rng = &t.rng}));
}

TEST_CASE("composite: a tied embedding gets the gradients of both its uses", "[gradcheck][composite]") {
  Setup t;
  const nn::Embedding table(t.s / "table", 5, 4);
  (t.s / "head").tie("weight", table.weight);
  const nn::Linear between(t.s / "between", 4, 4);
  const Tensor x = t.tokens(5, {2, 3}), y = t.tokens(5, {2, 3});
  const auto loss_with = [&](const Tensor& in, const Tensor& out) {
    return cross_entropy(linear(tanh(between(embedding(x, in))), out), y);
  };
  t.check_all("tied embedding", [&] { return loss_with(table.weight, table.weight); });

  const Tensor in = table.weight.detach().clone().set_requires_grad(),
               out = table.weight.detach().clone().set_requires_grad();
  const std::vector<Tensor> apart = grad({loss_with(in, out)}, {in, out});
  const Tensor tied = grad(loss_with(table.weight, table.weight), table.weight);
  CHECK(largest(apart[0]) > 1e-4);
  CHECK(largest(apart[1]) > 1e-4);
  CHECK(largest_difference(tied, apart[0] + apart[1]) < 1e-12);
}

TEST_CASE("composite: one GPT block, first and second derivatives", "[gradcheck][composite][gpt]") {
  Setup t;
  const models::GptBlock block(t.s, {.context = 3, .heads = 2, .channels = 4, .dropout = 0.2});
  const Tensor x = t.input({1, 3, 4});
  const auto loss = [&] { return weighted_sum(block(x)); };
  t.check_all("GPT block, with dropout", loss);
  const auto f = [&](const Tensor& in) { return block(in); };
  REQUIRE(gradcheck(f, x, {.rng = &t.rng}));
  REQUIRE(gradgradcheck(f, x, {.rng = &t.rng}));
  const GradcheckReport second = gradgradcheck(t.params, loss, {.elements = kEvery});
  REQUIRE(second);
  REQUIRE(std::ssize(second.inputs) == t.params.size() + 1);  // and the cotangent
  fmt::print(stderr, "gradgradcheck: GPT block: {} derivatives, largest relative error {:.1e}\n", second.compared,
             second.worst.error);
}

TEST_CASE("composite: Gpt, tied and not, each parameter by name", "[gradcheck][composite][gpt]") {
  for (const bool tied : {true, false}) {
    Setup t;
    const models::Gpt gpt(
        t.s, {.vocabulary = 7, .context = 5, .layers = 2, .heads = 2, .channels = 4, .dropout = 0.1, .tied = tied});
    const Tensor x = t.tokens(7, {2, 5}), y = t.tokens(7, {2, 5});
    t.check_all(tied ? "Gpt" : "Gpt, not tied", [&] { return cross_entropy(gpt(x), y); });
  }
}

TEST_CASE("composite: Gpt of every family, each parameter by name", "[gradcheck][composite][gpt]") {
  for (const auto& [name, config] : tests::gpt_families()) {
    Setup t;
    const models::Gpt gpt(t.s, config);
    const Tensor x = t.tokens(7, {2, 5}), y = t.tokens(7, {2, 5});
    t.check_all(fmt::format("Gpt as {}", name).c_str(), [&] { return cross_entropy(gpt(x), y); });
  }
}

TEST_CASE("composite: Seq2Seq, with and without attention, each parameter by name", "[gradcheck][composite][seq2seq]") {
  for (const Cell cell : {Cell::lstm, Cell::gru})
    for (const bool attention : {true, false}) {
      Setup t;
      const models::Seq2Seq model(t.s, {.source_vocabulary = 6,
                                        .target_vocabulary = 5,
                                        .embedding = 3,
                                        .hidden = 3,
                                        .cell = cell,
                                        .attention = attention,
                                        .dropout = 0.1});
      const Tensor source = t.tokens(6, {2, 4}), input = t.tokens(5, {2, 3}), lengths = tensor({4, 2}),
                   target = tensor({{1, 4, 2}, {3, 0, -1}});
      const std::string what =
          fmt::format("Seq2Seq, {}, {} attention", cell == Cell::lstm ? "LSTM" : "GRU", attention ? "with" : "without");
      t.check_all(what.c_str(), [&] { return cross_entropy(model(source, lengths, input), target); });
    }
}

TEST_CASE("composite: Transformer, norms first and last, each parameter by name",
          "[gradcheck][composite][transformer]") {
  for (const bool pre_norm : {true, false}) {
    Setup t;
    const models::Transformer model(t.s, {.source_vocabulary = 6,
                                          .target_vocabulary = 5,
                                          .context = 4,
                                          .layers = 1,
                                          .heads = 2,
                                          .channels = 4,
                                          .feedforward = 5,
                                          .dropout = 0.1,
                                          .pre_norm = pre_norm,
                                          .learned_positions = true});
    const Tensor source = t.tokens(6, {2, 4}), input = t.tokens(5, {2, 3}), lengths = tensor({4, 2}),
                 target = tensor({{1, 4, 2}, {3, 0, -1}});
    // A hundredfold, as some gradients behind all those norms are small.
    t.check_all(pre_norm ? "Transformer, norms first" : "Transformer, norms last",
                [&] { return 100 * cross_entropy(model(source, lengths, input), target, {.label_smoothing = 0.1}); });
  }
}

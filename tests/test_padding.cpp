// Padding never changes a loss or a gradient: layers and models over rows of different lengths.
#include <cmath>

#include <heed/autograd/ops.h>
#include <heed/models/gpt.h>
#include <heed/models/seq2seq.h>
#include <heed/models/transformer.h>
#include <heed/nn/attention.h>
#include <heed/nn/mask.h>
#include <heed/nn/rnn.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "padding.h"

using namespace heed;
using heed::tests::effect_of_padding;
using nn::Cell;

namespace {

constexpr Cell kCells[] = {Cell::rnn_tanh, Cell::rnn_relu, Cell::lstm, Cell::gru};
// What may stand in the padding of a floating input. A mask of attention gives it the weight 0, which NaN would
// survive.
const std::vector<double> kNumbers{0, 1e3, NAN, HUGE_VAL}, kFinite{0, 1e3};

/// A module's parameters in f64, and a generator for its inputs.
struct Setup {
  Rng rng{23};
  nn::Parameters params{rng, f64};
  nn::Scope s = params;

  Tensor input(const Shape& shape) { return randn(shape, rng, f64); }
  Tensor tokens(int64_t n, const Shape& shape) { return randint(0, n, shape, rng); }
};

/// A sum with unequal weights along the last axis, so that errors of opposite sign cannot cancel.
Tensor weighted_sum(const Tensor& y) { return (y * sin(arange(1., 1 + double(y.size(-1)), 1., f64))).sum(); }

/// Cross-entropy in sum, of the first lengths[b] steps of every row: what follows is skipped.
Tensor summed_loss(const Tensor& logits, const Tensor& targets, const Tensor& lengths) {
  const Tensor skipped = le(lengths.unsqueeze(1), arange(logits.size(1)));
  const Tensor kept = masked_fill(targets.narrow(1, 0, logits.size(1)), skipped, kIgnoreIndex);
  return cross_entropy(logits, kept) * lengths.sum().item<double>();
}

/// A translator's loss, over sources of 6 words and targets of 5, padded on either side.
template <class Model>
void check_translator(Setup& t, const Model& model) {
  const Tensor source = t.tokens(6, {3, 5}), input = t.tokens(5, {3, 4}), target = t.tokens(5, {3, 9});
  const Tensor source_lengths = tensor({5, 1, 3}), target_lengths = tensor({2, 4, 1});
  const auto over_source = [&](const Tensor& x, const Tensor& lengths, const Tensor& rows) {
    return summed_loss(model(x, lengths, index_select(input, 0, rows)), index_select(target, 0, rows),
                       index_select(target_lengths, 0, rows));
  };
  const auto over_target = [&](const Tensor& x, const Tensor& lengths, const Tensor& rows) {
    return summed_loss(model(index_select(source, 0, rows), index_select(source_lengths, 0, rows), x),
                       index_select(target, 0, rows), lengths);
  };
  CHECK(effect_of_padding(t.params, source, source_lengths, over_source, {0, 5}) == "");
  CHECK(effect_of_padding(t.params, input, target_lengths, over_target, {0, 4}) == "");
}

}  // namespace

TEST_CASE("padding: the check notices a loss that reads on behind a row's end", "[padding]") {
  Setup t;
  const nn::Linear linear(t.s, 2, 2);
  const Tensor x = t.input({3, 4, 2}), lengths = tensor({4, 1, 2});
  const auto effect = [&](auto loss, const std::vector<double>& fillers) {
    return effect_of_padding(t.params, x, lengths, loss, fillers);
  };
  const auto masked = [](const Tensor& y, const Tensor& n) {
    return masked_fill(y, le(n.unsqueeze(1), arange(y.size(1))).unsqueeze(2), 0);
  };
  CHECK(effect([&](const Tensor& in, const Tensor& n, const Tensor&) { return masked(linear(masked(in, n)), n).sum(); },
               kNumbers)
            .empty());
  // No mask at all; one behind the layer, whose weights still see NaN; a mean, which counts padding; a row that sees
  // others.
  CHECK_THAT(effect([&](const Tensor& in, const Tensor&, const Tensor&) { return linear(in).sum(); }, {7}),
             Contains("7 in the padding changes the loss"));
  CHECK_THAT(
      effect([&](const Tensor& in, const Tensor& n, const Tensor&) { return masked(linear(in), n).sum(); }, kNumbers),
      Contains("nan in the padding changes the gradient of weight"));
  CHECK_THAT(
      effect([&](const Tensor& in, const Tensor& n, const Tensor&) { return masked(linear(masked(in, n)), n).mean(); },
             {0}),
      Contains("more padding changes the loss"));
  CHECK_THAT(effect(
                 [&](const Tensor& in, const Tensor& n, const Tensor&) {
                   const Tensor y = masked(linear(masked(in, n)), n);
                   return (y.sum() * y.sum()).sum();
                 },
                 {0}),
             Contains("company"));
}

TEST_CASE("padding: recurrent layers, deep and both ways", "[nn][rnn][padding]") {
  for (const Cell cell : kCells)
    for (const bool bidirectional : {false, true}) {
      INFO("cell " << int(cell) << (bidirectional ? ", both ways" : ""));
      Setup t;
      const nn::Recurrent layer(t.s, cell, 3, 4,
                                {.num_layers = 2, .batch_first = true, .bidirectional = bidirectional});
      const auto loss = [&](const Tensor& x, const Tensor& lengths, const Tensor&) {
        const auto [y, last] = layer(x, {}, lengths);
        const Tensor sum = weighted_sum(y) + weighted_sum(last.h);
        return last.c.defined() ? sum + weighted_sum(last.c) : sum;
      };
      CHECK(effect_of_padding(t.params, t.input({4, 6, 3}), tensor({4, 6, 1, 5}), loss, kNumbers) == "");
    }
}

TEST_CASE("padding: additive attention over values of different lengths", "[nn][attention][padding]") {
  Setup t;
  const nn::AdditiveAttention attention(t.s, 2, 3, 4);
  const Tensor query = t.input({3, 2, 2});
  const auto loss = [&](const Tensor& values, const Tensor& lengths, const Tensor& rows) {
    const Tensor mask = nn::length_mask(lengths, values.size(1)).unsqueeze(1);
    return weighted_sum(attention(index_select(query, 0, rows), values, mask));
  };
  CHECK(effect_of_padding(t.params, t.input({3, 5, 3}), tensor({2, 5, 1}), loss, kFinite) == "");
}

TEST_CASE("padding: multi-head cross attention over contexts of different lengths", "[nn][attention][padding]") {
  Setup t;
  const nn::MultiHeadAttention attention(t.s, 4, 4, 2, {.d_context = 3});
  const Tensor x = t.input({3, 2, 4});
  const auto loss = [&](const Tensor& context, const Tensor& lengths, const Tensor& rows) {
    const Tensor mask = nn::length_mask(lengths, context.size(1)).unsqueeze(1);
    return weighted_sum(attention(index_select(x, 0, rows), {.context = context, .mask = mask}));
  };
  CHECK(effect_of_padding(t.params, t.input({3, 5, 3}), tensor({2, 5, 1}), loss, kFinite) == "");
}

TEST_CASE("padding: Seq2Seq, source and target, with and without attention", "[models][seq2seq][padding]") {
  for (const Cell cell : kCells)
    for (const bool attention : {true, false}) {
      INFO("cell " << int(cell) << (attention ? ", with attention" : ""));
      Setup t;
      const models::Seq2Seq model(t.s, {.source_vocabulary = 6,
                                        .target_vocabulary = 5,
                                        .embedding = 3,
                                        .hidden = 4,
                                        .cell = cell,
                                        .attention = attention});
      check_translator(t, model);
    }
}

TEST_CASE("padding: Transformer, source and target", "[models][transformer][padding]") {
  for (const bool pre_norm : {true, false}) {
    INFO((pre_norm ? "norms first" : "norms last"));
    Setup t;
    const models::Transformer model(t.s, {.source_vocabulary = 6,
                                          .target_vocabulary = 5,
                                          .context = 9,
                                          .layers = 2,
                                          .heads = 2,
                                          .channels = 4,
                                          .feedforward = 6,
                                          .dropout = 0,
                                          .pre_norm = pre_norm,
                                          .learned_positions = true});
    check_translator(t, model);
  }
}

TEST_CASE("padding: Gpt, whose texts end at different places", "[models][gpt][padding]") {
  Setup t;
  const models::Gpt gpt(t.s, {.vocabulary = 6, .context = 9, .layers = 2, .heads = 2, .channels = 4});
  const Tensor targets = t.tokens(6, {3, 9});
  const auto loss = [&](const Tensor& x, const Tensor& lengths, const Tensor& rows) {
    return summed_loss(gpt(x), index_select(targets, 0, rows), lengths);
  };
  CHECK(effect_of_padding(t.params, t.tokens(6, {3, 6}), tensor({4, 6, 1}), loss, {0, 5}) == "");
}

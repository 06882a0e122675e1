// What every model that translates does, whatever it is made of.
#include <variant>
#include <vector>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/models/seq2seq.h>
#include <heed/models/transformer.h>
#include <heed/tensor/random.h>
#include <heed/train/optimizer.h>
#include "catch.h"
#include "difference.h"
#include "watch.h"

using namespace heed;
using models::Seq2Seq, models::Seq2SeqConfig, models::Transformer, models::TransformerConfig;
using nn::Cell;

namespace {

constexpr double kF64Tol = 1e-12;  // the same sums in another order, values of order 1

Transformer model_of(nn::Parameters& params, const TransformerConfig& config) { return Transformer(params, config); }
Seq2Seq model_of(nn::Parameters& params, const Seq2SeqConfig& config) { return Seq2Seq(params, config); }

bool attends(const Seq2SeqConfig& config) { return config.attention; }
bool attends(const TransformerConfig&) { return true; }

double rate(const Seq2SeqConfig&) { return 1e-2; }
double rate(const TransformerConfig&) { return 3e-3; }  // norms behind the sums want no more

/// Calls f(config) for a small model of each kind, from 9 words to 7; RNNs with every cell, with attention and without.
template <class F>
void for_each_kind(int64_t width, double dropout, F f) {
  for (const Cell cell : {Cell::rnn_tanh, Cell::lstm, Cell::gru})
    for (const bool attention : {true, false}) {
      INFO("cell " << static_cast<int>(cell) << (attention ? ", with" : ", without") << " attention");
      f(Seq2SeqConfig{.source_vocabulary = 9,
                      .target_vocabulary = 7,
                      .embedding = 6,
                      .hidden = width,
                      .cell = cell,
                      .attention = attention,
                      .dropout = dropout});
    }
  for (const bool pre_norm : {true, false})
    for (const bool learned : {true, false}) {
      INFO("Transformer" << (pre_norm ? ", norms first" : "") << (learned ? ", learned positions" : ""));
      f(TransformerConfig{.source_vocabulary = 9,
                          .target_vocabulary = 7,
                          .context = 8,
                          .layers = 2,
                          .heads = 2,
                          .channels = width,
                          .feedforward = 16,
                          .dropout = dropout,
                          .pre_norm = pre_norm,
                          .learned_positions = learned});
    }
}

}  // namespace

TEST_CASE("translating models: writing step by step gives the logits of teacher forcing",
          "[models][seq2seq][transformer]") {
  for_each_kind(8, 0, [](const auto& config) {
    Rng rng(1);
    nn::Parameters params(rng, f64);
    const auto model = model_of(params, config);
    const Tensor source = randint(0, 9, {3, 5}, rng), lengths = tensor({5, 2, 4}), input = randint(0, 7, {3, 4}, rng);
    const NoGrad no_grad;
    const Tensor whole = model(source, lengths, input);
    CHECK(whole.shape() == Shape{3, 4, 7});
    models::Decoder decoder = model.decoder(source, lengths);
    CHECK(decoder.source_lengths == std::vector<int64_t>{5, 2, 4});
    for (int64_t t = 0; t < 2; ++t)
      CHECK(largest_difference(decoder.step(input.select(1, t)), whole.select(1, t)) < kF64Tol);
    if (attends(config)) {
      const Tensor looks = tests::seen([&] { model(source, lengths, input); });  // of all heads, or of the one there is
      CHECK(largest_difference(decoder.alignment(), (looks.rank() == 4 ? looks.mean(1) : looks).select(1, 1)) <
            kF64Tol);
    } else {
      CHECK_FALSE(decoder.alignment);
    }
    // Rows can be dropped, doubled and moved.
    const Tensor rows = tensor({2, 0, 0, 2});
    decoder.select(rows);
    for (int64_t t = 2; t < 4; ++t)
      CHECK(largest_difference(decoder.step(index_select(input.select(1, t), 0, rows)),
                               index_select(whole.select(1, t), 0, rows)) < kF64Tol);
  });
}

TEST_CASE("translating models: a decoder records nothing and drops nothing, in training too",
          "[models][seq2seq][transformer]") {
  for_each_kind(8, 0.5, [](const auto& config) {
    Rng rng(1);
    nn::Parameters params(rng);
    const auto model = model_of(params, config);
    const Tensor source = randint(0, 9, {2, 5}, rng), tokens = tensor({1, 2});
    const std::vector<int64_t> before = rng.state();
    const Tensor logits = model.decoder(source, {}).step(tokens);
    CHECK_FALSE(logits.requires_grad());
    CHECK(rng.state() == before);
    const nn::EvalMode eval;
    CHECK(largest_difference(logits, model.decoder(source, {}).step(tokens)) == 0);
  });
}

TEST_CASE("translating models: dropout acts in training alone", "[models][seq2seq][transformer]") {
  for_each_kind(8, 0.5, [](const auto& config) {
    Rng rng(1);
    nn::Parameters params(rng);
    const auto model = model_of(params, config);
    const Tensor source = randint(0, 9, {2, 5}, rng), input = randint(0, 7, {2, 4}, rng);
    CHECK(largest_difference(model(source, {}, input), model(source, {}, input)) > 0);
    const nn::EvalMode eval;
    CHECK(largest_difference(model(source, {}, input), model(source, {}, input)) == 0);
  });
}

TEST_CASE("translating models: four pairs are learned by heart", "[models][seq2seq][transformer]") {
  for_each_kind(24, 0, [](const auto& config) {
    Rng rng(1);
    nn::Parameters params(rng);
    const auto model = model_of(params, config);
    const Tensor source = randint(0, 9, {4, 5}, rng), text = randint(0, 7, {4, 6}, rng), lengths = tensor({5, 4, 3, 5});
    train::Adam adam(params, {.lr = rate(config)});
    double loss_value = 0;
    for (int step = 0; step < 200; ++step) {
      const Tensor loss = cross_entropy(model(source, lengths, text.narrow(1, 0, 5)), text.narrow(1, 1, 5));
      loss.backward();
      adam.step();
      adam.zero_grad();
      loss_value = loss.item<double>();
    }
    CHECK(loss_value < 0.05);
  });
}

// Models of sizes that make no sense, inputs that do not fit them, and ways of writing that lead nowhere.
#include <cmath>

#include <heed/models/generate.h>
#include <heed/models/gpt.h>
#include <heed/models/seq2seq.h>
#include <heed/models/transformer.h>
#include <heed/tensor/random.h>
#include "error_cases.h"

namespace heed::tests {
namespace {

using models::Gpt, models::Seq2Seq, models::Transformer;

constexpr models::GptConfig kGpt{.vocabulary = 5, .context = 4, .layers = 1, .heads = 2, .channels = 4};
constexpr models::Seq2SeqConfig kSeq2Seq{
    .source_vocabulary = 5, .target_vocabulary = 5, .embedding = 2, .hidden = 2, .attention = false};
constexpr models::TransformerConfig kTransformer{.source_vocabulary = 5,
                                                 .target_vocabulary = 5,
                                                 .context = 4,
                                                 .layers = 1,
                                                 .heads = 2,
                                                 .channels = 4,
                                                 .feedforward = 4};

/// A call that gets a model in a fresh store.
template <class Model, class Config, class F>
std::function<void()> with(const Config& config, F f) {
  return [=] {
    Rng rng(1);
    nn::Parameters params(rng);
    f(Model(params, config));
  };
}
template <class F>
std::function<void()> gpt(F f) {
  return with<Gpt>(kGpt, f);
}
template <class F>
std::function<void()> seq2seq(F f) {
  return with<Seq2Seq>(kSeq2Seq, f);
}
template <class F>
std::function<void()> transformer(F f) {
  return with<Transformer>(kTransformer, f);
}

Tensor tokens(const Shape& shape) { return zeros(shape, i64); }

std::vector<ErrorCase> sizes() {
  const auto root = [](auto f, Loc loc = Loc::current()) {
    return [f, loc] {
      nn::Parameters params(1);
      f(nn::Scope(params, loc));
    };
  };
  models::GptConfig many_heads = kGpt;
  many_heads.heads = 3;
  models::GptConfig odd_width = kGpt;
  odd_width.positions = models::Positions::rope;
  odd_width.head_size = 3;
  models::TransformerConfig odd_heads = kTransformer, unequal = kTransformer;
  odd_heads.heads = 3;
  unequal.target_vocabulary = 6;
  unequal.shared_embedding = true;
  return {
      refuses<ValueError>("Gpt: layers is 0; need 1 or more", root([](nn::Scope s) { Gpt(s, {.layers = 0}); })),
      refuses<ValueError>("Gpt: 3 heads do not divide 4 channels; need channels % heads == 0",
                          root([=](nn::Scope s) { Gpt(s, many_heads); })),
      refuses<ValueError>("Gpt: window is 0; need 1 or more", root([](nn::Scope s) { Gpt(s, {.window = 0}); })),
      refuses<ValueError>("Gpt: 2 heads of width 3; need an even width, as rope turns pairs",
                          root([=](nn::Scope s) { Gpt(s, odd_width); })),
      refuses<ValueError>("Gpt: kv_heads is -1; need 1 or more", root([](nn::Scope s) { Gpt(s, {.kv_heads = -1}); })),
      refuses<ValueError>("Gpt: eps is -1; need at least 0", root([](nn::Scope s) { Gpt(s, {.eps = -1}); })),
      refuses<ValueError>("Gpt: eps is nan; need at least 0", root([](nn::Scope s) { Gpt(s, {.eps = NAN}); })),
      refuses<ValueError>("Gpt: softcap -2; need a number above 0, or 0 for none",
                          root([](nn::Scope s) { Gpt(s, {.softcap = -2}); })),
      refuses<ValueError>("Transformer: 3 heads do not divide 4 channels; need channels % heads == 0",
                          root([=](nn::Scope s) { Transformer(s, odd_heads); })),
      refuses<ValueError>("Transformer: vocabularies of 5 and 6 cannot share an embedding; need equal ones",
                          root([=](nn::Scope s) { Transformer(s, unequal); })),
      refuses<ValueError>("Seq2Seq: hidden is -1; need 1 or more",
                          root([](nn::Scope s) { Seq2Seq(s, {.hidden = -1}); })),
  };
}

std::vector<ErrorCase> inputs() {
  return {
      refuses<ShapeError>("Gpt: tokens has shape (4); need (B, T) with at least one token",
                          gpt([](const Gpt& m) { m(tokens({4})); })),
      refuses<ShapeError>("Gpt: 5 tokens exceed the context; need at most 4", gpt([](const Gpt& m) {
                            m(tokens({1, 5}));
                          })),
      refuses<IndexError>("embedding in wte: index 5 is out of range; need 0 <= index < 5",
                          gpt([](const Gpt& m) { m(tensor({{5}})); })),
      refuses<ShapeError>("Transformer: 5 tokens exceed the context; need at most 4",
                          transformer([](const Transformer& m) {
                            m(tokens({1, 5}), {}, tokens({1, 2}));
                          })),
      refuses<ValueError>("Transformer: nothing is written yet, so nothing was looked at; need a step first",
                          transformer([](const Transformer& m) {
                            m.decoder(tokens({1, 2}), {}).alignment();
                          })),
      refuses<DTypeError>("Seq2Seq: source_lengths are f32; need i64", seq2seq([](const Seq2Seq& m) {
                            m(tokens({1, 2}), ones({1}), tokens({1, 2}));
                          })),
      refuses<ShapeError>("Seq2Seq: source_lengths have shape (2); need (1), one for each row of source (1, 2)",
                          seq2seq([](const Seq2Seq& m) {
                            m(tokens({1, 2}), tensor({1, 2}), tokens({1, 2}));
                          })),
      refuses<ValueError>("Transformer: source length is 3; need 1 to 2", transformer([](const Transformer& m) {
                            m(tokens({1, 2}), tensor({3}), tokens({1, 2}));
                          })),
      refuses<ShapeError>(
          "Seq2Seq: source (1, 2) and decoder_input (2, 2) differ in their first size, the batch; need equal ones",
          seq2seq([](const Seq2Seq& m) {
            m(tokens({1, 2}), {}, tokens({2, 2}));
          })),
  };
}

std::vector<ErrorCase> samples() {
  const auto write = [](const models::SampleOptions& options, Loc loc = Loc::current()) {
    gpt([&](const Gpt& m) {
      Rng rng(1);
      models::sample(m, tokens({1, 1}), options, rng, loc);
    })();
  };
  return {
      refuses<ValueError>("sample: cannot write -1 tokens; need 0 or more", [=] { write({.tokens = -1}); }),
      refuses<ValueError>("sample: temperature -1 makes no sense; need 0 (greedy) or more",
                          [=] { write({.temperature = -1}); }),
      refuses<ValueError>("sample: top_k 0 leaves no token; need 1 or more", [=] { write({.top_k = 0}); }),
      refuses<ValueError>("sample: top_p is 2; need above 0, up to 1", [=] { write({.top_p = 2}); }),
      refuses<ValueError>("sample: vocabulary is 9; need 1 to 5, the model's", [=] { write({.vocabulary = 9}); }),
      refuses<ValueError>("sample: keep is 5; need 1 to 4, the context", [=] { write({.keep = 5}); }),
      refuses<ValueError>("sample: 3 generators for 2 prompts; need one for each text", gpt([](const Gpt& m) {
                            std::vector<Rng> rngs(3);
                            models::sample(m, tokens({2, 1}), {}, rngs);
                          })),
      refuses<ValueError>("compressed: the weights are bf16 already; need the model in f32",
                          gpt([](const Gpt& m) { m.compressed(Weights::bf16).compressed(Weights::q8); })),
      refuses<ShapeError>("sampling_probabilities: logits have shape (3); need (B, V)",
                          [] { models::sampling_probabilities(ones({3}), {}); }),
      refuses<DTypeError>("sampling_probabilities: logits are i64; need f32 or f64",
                          [] {
                            models::sampling_probabilities(tokens({1, 3}), {});
                          }),
      refuses<ValueError>("sampling_probabilities: the largest logit of row 0 is nan; need a finite number",
                          [] {
                            models::sampling_probabilities(full({1, 3}, NAN), {});
                          }),
  };
}

std::vector<ErrorCase> translations() {
  const auto write = [](const models::TranslateOptions& options, double logit = 0, Loc loc = Loc::current()) {
    const auto step = [=](const Tensor& last) { return full({last.size(0), 4}, logit); };
    models::translate({{1}, step, [](const Tensor&) {}}, options, loc);
  };
  return {
      refuses<ValueError>("translate: beam 0 keeps no sentence; need 1 or more", [=] { write({.beam = 0}); }),
      refuses<ValueError>("translate: max_length 0 leaves no room; need 1 or more", [=] { write({.max_length = 0}); }),
      refuses<ValueError>("translate: 3 max_lengths for 1 sentences; need one for each, or none",
                          [=] {
                            write({.max_lengths = {4, 5, 6}});
                          }),
      refuses<ValueError>("translate: length_penalty is -1; need 0 or more", [=] { write({.length_penalty = -1}); }),
      refuses<ValueError>("translate: begin is -1 and end 2; need tokens, 0 or more", [=] { write({.begin = -1}); }),
      refuses<ValueError>("translate: end is 4; need a token of the model, 0 to 3", [=] { write({.end = 4}); }),
      refuses<ValueError>("translate: the model's logits hold NaN at step 0; need numbers", [=] { write({}, NAN); }),
  };
}

}  // namespace

std::vector<ErrorCase> model_errors() {
  std::vector<ErrorCase> all;
  for (auto part : {sizes, inputs, samples, translations})
    for (ErrorCase& one : part()) all.push_back(std::move(one));
  return all;
}

}  // namespace heed::tests

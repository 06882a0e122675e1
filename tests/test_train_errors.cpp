// Whatever fails in train/, wherever below, the message names the line that called.
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include <heed/models/generate.h>
#include <heed/nn/init.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/train/clip.h>
#include <heed/train/data/corpus.h>
#include <heed/train/data/grammar/grammar.h>
#include <heed/train/ema.h>
#include <heed/train/gguf.h>
#include <heed/train/metrics_log.h>
#include <heed/train/model_config.h>
#include <heed/train/muon.h>
#include <heed/train/run_directory.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>
#include <heed/train/schedule.h>
#include <heed/train/show/live.h>
#include <heed/train/show/page_translator.h>
#include <heed/train/show/plot.h>
#include <heed/train/show/png.h>
#include <heed/train/tensorboard.h>
#include <heed/train/training_state.h>
#include "catch.h"
#include "temporary_directory.h"

using namespace heed;
using namespace heed::train;
using namespace heed::tests;

namespace {

namespace fs = std::filesystem;

/// What a call throws, or "nothing".
std::string thrown(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing";
}

using Calls = std::vector<std::pair<const char*, std::function<void()>>>;

void check_places(const Calls& calls) {
  for (const auto& [what, call] : calls) {
    INFO(what);
    CHECK_THAT(thrown(call), Contains("[test_train_errors.cpp:"));
  }
}

const std::vector<SentencePair> kPairs = {{"i see tom", "je vois tom"}, {"i see", "je vois"}};
const fs::path kNowhere = "/dev/null/is no directory";  // nor can it be made

/// What can be saved: a GPT with a tokenizer, and a translator.
struct Models {
  nn::Parameters params{1};
  const models::GptConfig small{.vocabulary = 7, .context = 4, .layers = 1, .heads = 2, .channels = 4};
  const models::Gpt gpt{params, small};
  const Tokenizer chars = Chars::from_text("abc");
  const Translator mute{Arch::rnn, nn::Cell::gru, kPairs, 1};
  const SavedTranslator saved{
      {}, mute.source_tokens(), mute.target_tokens(), std::get<models::Seq2Seq>(mute.model()).config};
};

}  // namespace

TEST_CASE_METHOD(Models, "errors of train/: models in folders name the caller's line", "[errors][train]") {
  const models::Translation said{{4}, 0, 0, true, {}};
  // A folder whose fault is deep inside: a vocabulary that its weights have not.
  const TemporaryDirectory spoilt;
  save_gpt(spoilt.path(), params, small, chars, {});
  save_safetensors(spoilt / kWeightsFile, {{"transformer.wte.weight", ones({2, 4})}});
  const ModelConfig empty("config.json", nlohmann::ordered_json::object());
  check_places({
      {"load_gpt", [&] { load_gpt(kNowhere); }},
      {"load_gpt, weights", [&] { load_gpt(spoilt.path()); }},
      {"SavedGpt", [&] { SavedGpt{kNowhere}; }},
      {"SavedModel", [&] { SavedModel{kNowhere}; }},
      {"SavedModel, weights", [&] { SavedModel{spoilt.path()}; }},
      {"load_weights", [&] { load_weights(kNowhere, params, small); }},
      {"load_weights, weights", [&] { load_weights(spoilt.path(), params, small); }},
      {"read_gpt_config", [&] { read_gpt_config(empty); }},
      {"read_gpt_training", [&] { read_gpt_training(empty); }},
      {"read_tokenizer", [&] { read_tokenizer(kNowhere, empty); }},
      {"save_gpt", [&] { save_gpt(kNowhere, params, small); }},
      {"save_gpt, parameters", [&] { save_gpt(spoilt.path(), nn::Parameters(1), small); }},
      {"save_gpt, tokenizer", [&] { save_gpt(kNowhere, params, small, chars, {}); }},
      {"save_gguf", [&] { save_gguf(kNowhere / "a.gguf", params, small, chars, GgufType::f32); }},
      {"load_translator", [&] { load_translator(kNowhere); }},
      {"load_translator, model", [&] { load_translator(spoilt.path()); }},
      {"from_config", [&] { SavedTranslator::from_config(kNowhere); }},
      {"SavedTranslator",
       [&] { SavedTranslator({}, mute.source_tokens(), mute.target_tokens(), models::Seq2SeqConfig{.hidden = 0}); }},
      {"SavedTranslator.save", [&] { saved.save(kNowhere); }},
      {"page_example", [&] { page_example(saved, "i see tom", said); }},
      {"page_lane",
       [&] {
         page_lane(saved, "i see tom", {{99}, 0, 0, true, {}});
       }},
      {"translated",
       [&] {
         translated(mute, "i see tom", {{99}, 0, 0, true, {}});
       }},
      {"Gpt, rope",
       [&] { models::Gpt(params / "odd", {.heads = 4, .channels = 12, .positions = models::Positions::rope}); }},
  });
  nn::Parameters odd(1);
  const models::GptConfig turning{.heads = 4, .channels = 12, .positions = models::Positions::rope};
  CHECK_THAT(thrown([&] { models::Gpt(odd / "odd", turning); }),
             Contains("Gpt in odd: 4 heads of width 3; need an even width, as rope turns pairs"));
}

TEST_CASE_METHOD(Models, "errors of files name the function that the user called", "[errors][train]") {
  AdamW optimizer(params);
  Rng rng(1);
  const TemporaryDirectory place, wordless;
  const fs::path nowhere = place / "none" / "a";
  save_gpt(wordless.path(), params, small);
  write_file(place / "file", "{}");
  const auto loss = [&](const Tensor& x, TrainerOptions options = {.steps = 1, .quiet = true}) {
    Trainer(params, optimizer, options).run({.next = [x](int64_t) { return Step{[x] { return x; }, 1}; }});
  };
  const std::string train = "training, or save_gpt, wrote";
  Heatmap square;
  square.values = ones({2, 2});
  const std::vector<std::tuple<std::string, std::string, std::function<void()>>> calls = {
      {"save_gpt: cannot make the directory", "", [&] { save_gpt(kNowhere, params, small); }},
      {"SavedTranslator::save: cannot make the directory", "", [&] { saved.save(kNowhere); }},
      {"save: cannot create '", "No such file or directory", [&] { params.save(nowhere); }},
      {"save_training: cannot create '", "", [&] { save_training(nowhere, params, optimizer, rng, {}); }},
      {"save_safetensors: cannot create '", "", [&] { save_safetensors(nowhere, {}); }},
      {"save_gguf: cannot create '", "", [&] { save_gguf(nowhere, params, small, chars, GgufType::f32); }},
      {"save_svg: cannot create '", "", [&] { save_svg(nowhere, square); }},
      {"Tokenizer::save: cannot create '", "", [&] { chars.save(nowhere); }},
      {"MetricsLog: cannot create '", "", [&] { MetricsLog(nowhere, 0); }},
      {"MetricsLog: '/dev/zero' exists and is not a regular file", "", [&] { MetricsLog("/dev/zero", 1); }},
      {"EventFile: cannot open '", "", [&] { EventFile(nowhere, 0); }},
      {"write_file: cannot create '", "", [&] { write_file(nowhere, ""); }},
      {"load: '", "' does not exist; need a safetensors file", [&] { params.load(nowhere); }},
      {"load: '", "is not a valid safetensors file", [&] { params.load(place / "file"); }},
      {"load_training: '", "' does not exist", [&] { load_training(nowhere, params, optimizer, rng); }},
      {"load_gpt: '", "is not a directory", [&] { load_gpt(nowhere); }},
      {"load_gpt: '", "has no config.json; need a directory that " + train, [&] { load_gpt(place.path()); }},
      {"load_gpt: \"", "tokenizer.json\" is not there", [&] { load_gpt(wordless.path()); }},
      {"SavedModel: '", "has no config.json", [&] { SavedModel{place.path()}; }},
      {"load_translator: '", "has no config.json", [&] { load_translator(place.path()); }},
      {"Trainer: the loss of a batch has shape (2); need one number, as its mean()", "", [&] { loss(ones({2})); }},
      {"Trainer: the loss of a batch is undefined; need one number", "", [&] { loss({}); }},
      {"Trainer: cannot make the directory", "", [&] { loss(ones({}), {.steps = 1, .directory = kNowhere}); }},
  };
  for (const auto& [begin, part, call] : calls) {
    const std::string what = thrown(call);
    INFO(what << " where " << begin << " is due");
    CHECK(what.starts_with(begin));
    CHECK_THAT(what, Contains(part));
  }
}

TEST_CASE("save_gpt and a translator's save make the folder that they fill; a single file's must be there",
          "[errors][train]") {
  const TemporaryDirectory place;
  nn::Parameters params(1);
  const models::GptConfig small{.vocabulary = 7, .context = 4, .layers = 1, .heads = 2, .channels = 4};
  const models::Gpt gpt(params, small);
  const Translator mute(Arch::rnn, nn::Cell::gru, kPairs, 1);
  save_gpt(place / "new" / "gpt", params, small);
  CHECK(SavedModel(place / "new" / "gpt").params.size() == params.size());
  save_gpt(place / "words", params, small, Chars::from_text("abc"), {});
  CHECK(load_gpt(place / "words").tokenizer.size() == 3);
  TranslatorTraining training;
  training.pair_count = 1;
  SavedTranslator(training, mute.source_tokens(), mute.target_tokens(), std::get<models::Seq2Seq>(mute.model()).config)
      .save(place / "new" / "translator");
  CHECK(load_translator(place / "new" / "translator")->params().size() == mute.params().size());
  CHECK_THROWS_AS(params.save(place / "none" / "weights.safetensors"), FileError);
  CHECK_FALSE(fs::exists(place / "none"));
}

TEST_CASE("errors of train/: a translator names the caller's line, whatever is wrong", "[errors][train]") {
  const Translator attentive(Arch::attention, nn::Cell::gru, kPairs, 1), mute(Arch::rnn, nn::Cell::gru, kPairs, 1);
  const Translator transformer(SentenceTokens(attentive.source_tokens()), SentenceTokens(attentive.target_tokens()),
                               models::TransformerConfig{.source_vocabulary = attentive.source_tokens().size(),
                                                         .target_vocabulary = attentive.target_tokens().size(),
                                                         .context = 4,
                                                         .layers = 1,
                                                         .heads = 1,
                                                         .channels = 4,
                                                         .feedforward = 4},
                               1);
  Translator learner(Arch::rnn, nn::Cell::gru, kPairs, 1);
  const PairSplit split{kPairs, kPairs};
  const std::vector<std::string> empty = {""}, one = {"i see tom"}, long_one = {"i i i i i i i i i"};
  const PairSet set(kPairs, attentive.source_tokens(), attentive.target_tokens());
  const PairBatch batch = set.batch(std::vector<int64_t>{0});
  PairBatch foreign = batch;
  foreign.source = full({1, 3}, 99, i64);
  const models::Translation said{{99}, 0, 0, true, {}};
  const auto learn = [&](const PairTraining& options, Loc loc = Loc::current()) {
    learn_pairs(learner, split, options, {}, loc);
  };
  const auto matrix = [](const PairBatch&) { return ones({2, 2}).set_requires_grad(); };
  check_places({
      {"cell_named", [&] { cell_named("foo"); }},
      {"Translator",
       [&] { Translator(mute.source_tokens(), mute.target_tokens(), models::Seq2SeqConfig{.embedding = 0}, 1); }},
      {"Translator of words", [&] { Translator(Arch::rnn, nn::Cell::gru, kPairs, 1, 9); }},
      {"Translator.loss", [&] { attentive.loss(foreign); }},
      {"Translator.loss, smoothing", [&] { attentive.loss(batch, 2); }},
      {"Translator.translate, beam", [&] { attentive.translate(one, 0); }},
      {"Translator.translate, empty", [&] { attentive.translate(empty); }},
      {"Translator.translate, long", [&] { transformer.translate(long_one); }},
      {"Translator.text", [&] { attentive.text(said, one[0]); }},
      {"Translator.draw",
       [&] {
         attentive.draw(one[0], {{4}, 0, 0, true, {}});
       }},
      {"Translator.draw, token", [&] { attentive.draw(one[0], said); }},
      {"Translator.score", [&] { attentive.score(kPairs, 0); }},
      {"learn_pairs, average", [&] { learn({.trainer = {.average = 0}}); }},
      {"learn_pairs, lr", [&] { learn({.lr = -1}); }},
      {"learn_pairs, batch", [&] { learn({.batch = 0}); }},
      {"learn_pairs, steps", [&] { learn({.steps = -1}); }},
      {"learn_pairs, resume", [&] { learn({.resume = true}); }},
      {"learn_pairs, smoothing", [&] { learn({.label_smoothing = 2, .quiet = true}); }},
      {"learn_pairs, directory", [&] { learn({.quiet = true, .trainer = {.directory = kNowhere}}); }},
      {"learn_pairs of no pairs", [&] { learn_pairs(learner, {}, {}); }},
      {"learn_pairs of a loss", [&] { learn_pairs(learner.params(), matrix, set, set, {.quiet = true}); }},
      {"decoder.alignment",
       [&] { std::get<models::Seq2Seq>(attentive.model()).decoder(batch.source, {}).alignment(); }},
      {"decoder.alignment of a Transformer",
       [&] { std::get<models::Transformer>(transformer.model()).decoder(batch.source, {}).alignment(); }},
  });
  CHECK_THAT(thrown([] { cell_named("foo"); }),
             Contains("there is no cell 'foo'; need one of rnn, rnn_relu, lstm, gru"));
  for (const std::string& name : cell_names()) CHECK(name_of_cell(cell_named(name)) == name);
  CHECK(cell_named("rnn_relu") == nn::Cell::rnn_relu);
  CHECK(cell_named("gru") == nn::Cell::gru);
}

TEST_CASE("errors of train/: a run names the caller's line", "[errors][train]") {
  nn::Parameters params(1);
  const Tensor w = nn::Scope(params).param("w", {2, 2}, nn::init::ones());
  AdamW optimizer(params);
  const TemporaryDirectory place;
  const auto run = [&](Work work, TrainerOptions options = {}, Loc loc = Loc::current()) {
    options.quiet = true;
    options.steps = 1;
    Trainer(params, optimizer, options, loc).run(work);
  };
  const auto step_of = [](std::function<Tensor()> loss) { return [=](int64_t) { return Step{loss, 1}; }; };
  const auto sum = step_of([&] { return w.sum(); });
  Rng rng(1);
  check_places({
      {"Trainer", [&] { Trainer(params, optimizer, {.accumulate = 0}); }},
      {"Trainer, ema", [&] { Trainer(params, optimizer, {.ema = 2}); }},
      {"Trainer.run, loss", [&] { run({.next = step_of([&] { return w * 2; })}); }},
      {"Trainer.run, constant loss", [&] { run({.next = step_of([&] { return ones({}); })}); }},
      {"Trainer.run, no loss", [&] { run({.next = step_of([] { return Tensor(); })}); }},
      {"Trainer.run, NaN", [&] { run({.next = step_of([&] { return (w * NAN).sum(); })}); }},
      {"Trainer.run, lr", [&] { run({.next = sum}, {.lr = constant(-1)}); }},
      {"Trainer.run, directory", [&] { run({.next = sum}, {.directory = kNowhere}); }},
      {"Trainer.run, picture",
       [&] {
         run({.next = sum, .sample = [] { return std::string("a"); }, .picture = [] { return ones({3}); }},
             {.directory = place.path(), .tensorboard = true});
       }},
      {"Trainer.resume", [&] { Trainer(params, optimizer, {.directory = kNowhere}).resume(); }},
      {"EventFile", [&] { EventFile(kNowhere, 0); }},
      {"EventFile.image", [&] { EventFile(place.path(), 0).image(1, "a", ones({3})); }},
      {"MetricsLog", [&] { MetricsLog(kNowhere / "a", 0); }},
      {"RunDirectory", [&] { RunDirectory("/dev/null/a"); }},
      {"save_training", [&] { save_training(kNowhere / "a", params, optimizer, rng, {.step = 1}); }},
      {"load_training", [&] { load_training(kNowhere / "a", params, optimizer, rng); }},
      {"SGD", [&] { SGD(params, {.lr = -1}); }},
      {"Adam", [&] { Adam(params, {.beta1 = 2}); }},
      {"AdamW",
       [&] {
         AdamW(params, ParameterGroups{{"nobody", {.lr = 1}}});
       }},
      {"RMSprop", [&] { RMSprop(params, {.alpha = 2}); }},
      {"Adagrad", [&] { Adagrad(params, {.lr = -1}); }},
      {"Muon", [&] { Muon(params, {.lr = -1}); }},
      {"Optimizer.set_lr", [&] { optimizer.set_lr(-1); }},
      {"Optimizer.load_state",
       [&] {
         optimizer.load_state({{"w", ones({1})}});
       }},
      {"Ema", [&] { Ema(params, 2); }},
      {"Ema.load_state", [&] { Ema(params, 0.5).load_state({}); }},
      {"clip_scale", [&] { clip_scale(1, 0); }},
      {"clip_grad_norm", [&] { clip_grad_norm(params, -1); }},
      {"warmup_cosine", [&] { warmup_cosine({.lr = -1}); }},
      {"trapezoid", [&] { trapezoid({.lr = -1}); }},
      {"noam", [&] { noam({.warmup = 0}); }},
  });
  CHECK_THAT(thrown([&] { clip_grad_norm(params, -1); }), Contains("clip_grad_norm: max_norm is -1; need"));
  CHECK_THAT(thrown([&] { EventFile(kNowhere, 0); }), Contains("cannot open") && Contains("Not a directory"));
}

TEST_CASE("errors of train/: data and pictures name the caller's line", "[errors][train]") {
  const Corpus corpus = Corpus::from_text("to be or not to be, that is the question");
  const Tokenizer chars = Chars::from_text("abc");
  const Translator words(Arch::attention, nn::Cell::gru, kPairs, 1);
  const SentenceTokens& tokens = words.source_tokens();
  const PairSet set(kPairs, tokens, words.target_tokens());
  const std::vector<std::string> one = {"a"}, none;
  const std::vector<int64_t> wrong = {99};
  const Bpe bytes = Bpe::train("a b a b", 257);
  const References pair(2, {"a"});
  Heatmap flat;
  flat.values = ones({3});
  Rng rng(1);
  const auto& seq2seq = std::get<models::Seq2Seq>(words.model());
  check_places({
      {"Corpus::from_file", [&] { Corpus::from_file(kNowhere); }},
      {"Corpus::from_text", [&] { Corpus::from_text(""); }},
      {"Corpus::from_text, tokenizer", [&] { Corpus::from_text("xyz", chars); }},
      {"Corpus::from_directory", [&] { Corpus::from_directory(kNowhere); }},
      {"Corpus.batch", [&] { corpus.batch(0, 4, rng); }},
      {"Corpus.windows", [&] { corpus.windows(1, 0); }},
      {"prepare_corpus", [&] { prepare_corpus(kNowhere, chars, kNowhere); }},
      {"Grammar::pairs", [&] { Grammar::pairs(-1, {}, rng); }},
      {"Grammar::parsed_pairs", [&] { Grammar::parsed_pairs(-1, {}, rng); }},
      {"read_pairs", [&] { read_pairs(kNowhere); }},
      {"tokenize", [&] { tokenize("\xff"); }},
      {"split_pairs", [&] { split_pairs(kPairs, 2, 1); }},
      {"grammar_pairs", [&] { grammar_pairs(-1); }},
      {"SentenceTokens", [&] { SentenceTokens{bytes}; }},
      {"SentenceTokens::pieces", [&] { SentenceTokens::pieces(one, 1); }},
      {"SentenceTokens.decode", [&] { tokens.decode(wrong); }},
      {"SentenceTokens.shown", [&] { tokens.shown(99); }},
      {"SentenceTokens::from_json", [&] { SentenceTokens::from_json("{"); }},
      {"PairSet", [&] { PairSet({}, tokens, tokens); }},
      {"PairSet.epoch", [&] { set.epoch(0, rng); }},
      {"PairSet.in_order", [&] { set.in_order(0); }},
      {"PairSet.batch", [&] { set.batch(wrong); }},
      {"PairBatches", [&] { PairBatches(set, 0, 1); }},
      {"Bpe::train", [&] { Bpe::train("a", 1); }},
      {"Bpe.decode", [&] { bytes.decode(std::vector<int64_t>{999}); }},
      {"Bpe.token", [&] { bytes.token(999); }},
      {"Bpe::from_json", [&] { Bpe::from_json("{"); }},
      {"Chars::from_text", [&] { Chars::from_text("\xff"); }},
      {"Chars.encode", [&] { Chars::from_text("a").encode("b"); }},
      {"Chars.decode", [&] { Chars::from_text("a").decode(wrong); }},
      {"Chars::from_json", [&] { Chars::from_json("{"); }},
      {"Tokenizer.encode", [&] { chars.encode("x"); }},
      {"Tokenizer.decode", [&] { chars.decode(wrong); }},
      {"Tokenizer::from_json", [&] { Tokenizer::from_json("{"); }},
      {"Tokenizer.save", [&] { chars.save(kNowhere); }},
      {"Tokenizer::load", [&] { Tokenizer::load(kNowhere); }},
      {"Words::from_sentences", [&] { Words::from_sentences(none); }},
      {"Words.word", [&] { Words::from_sentences(one).word(99); }},
      {"Words.decode", [&] { Words::from_sentences(one).decode(wrong); }},
      {"Words::from_json", [&] { Words::from_json("{"); }},
      {"bleu", [&] { bleu(one, pair); }},
      {"chrf", [&] { chrf(one, pair); }},
      {"exact_match", [&] { exact_match(one, pair); }},
      {"by_length", [&] { by_length(one, one, pair, 5); }},
      {"by_length, width", [&] { by_length(one, one, {{"a"}}, 0); }},
      {"score_translations", [&] { score_translations(kPairs, one); }},
      {"score_translations, width",
       [&] {
         score_translations({kPairs.data(), 1}, one, 0);
       }},
      {"live_page_html", [&] { live_page_html(seq2seq, {}); }},
      {"page_html", [&] { page_html({}); }},
      {"write_page", [&] { write_page({}, kNowhere); }},
      {"attention_maps", [&] { attention_maps(seq2seq, {}); }},
      {"page_lane", [&] { page_lane(seq2seq, TranslatedSentence{.source = {99}, .written = {1}}); }},
      {"svg", [&] { svg(flat); }},
      {"text", [&] { text(LineChart{}, 1); }},
      {"text of a heatmap", [&] { text(flat); }},
      {"draw_alignment",
       [&] {
         draw_alignment(one, one, ones({2, 2}));
       }},
      {"save_svg", [&] { save_svg(kNowhere / "a.svg", flat); }},
      {"png", [&] { png(ones({3}), 1); }},
  });
}

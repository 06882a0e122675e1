// What translators of all architectures share: batches without end, and scores.
#include <algorithm>
#include <csignal>

#include <heed/train/data/grammar/grammar.h>
#include <heed/train/translator.h>
#include "catch.h"
#include "temporary_directory.h"

using namespace heed;
using namespace heed::train;

namespace {

struct Task {
  std::vector<SentencePair> pairs;
  SentenceTokens source_words, target_words;
  explicit Task(std::vector<SentencePair> p)
      : pairs(std::move(p)),
        source_words(Words::from_sentences(side(pairs, &SentencePair::source))),
        target_words(Words::from_sentences(side(pairs, &SentencePair::target))) {}
};

Task grammar_task(int64_t count) {
  Rng rng(1);
  return Task(Grammar::pairs(count, {.max_words = 9}, rng));
}

}  // namespace

TEST_CASE("PairBatches: each epoch holds every pair once, in an order of its own that a late start finds again",
          "[train][translator]") {
  const Task task = grammar_task(50);
  const PairSet set(task.pairs, task.source_words, task.target_words);
  PairBatches batches(set, 8, 3);
  std::vector<std::string> order[2];
  for (int64_t step = 0; step < 14; ++step) {  // 7 batches an epoch, the last of 2
    const PairBatch batch = batches.at(step);
    const std::vector<int64_t> lengths = batch.source_length.to_vector<int64_t>();
    for (int64_t b = 0; b < batch.source.size(0); ++b) {
      const std::vector<int64_t> ids =
          batch.source[b].narrow(0, 0, lengths[static_cast<size_t>(b)]).to_vector<int64_t>();
      order[step / 7].push_back(task.source_words.decode(ids));
    }
    PairBatches late(set, 8, 3);
    CHECK(late.at(step).source.to_vector<int64_t>() == batch.source.to_vector<int64_t>());
  }
  std::vector<std::string> all = side(task.pairs, &SentencePair::source);
  std::sort(all.begin(), all.end());
  CHECK(order[0] != order[1]);
  for (auto& epoch : order) {
    std::sort(epoch.begin(), epoch.end());
    CHECK(epoch == all);
  }
  CHECK_THROWS_AS(PairBatches(set, 0, 3), ValueError);
}

TEST_CASE("Translator: learns a dozen sentences by heart, and translates them in the order given",
          "[train][translator]") {
  Rng rng(1);
  PairSplit split;
  split.train = Grammar::pairs(12, {.max_words = 6}, rng);
  split.held_out = split.train;
  for (const Arch arch : {Arch::rnn, Arch::attention, Arch::transformer}) {
    Translator translator(arch, nn::Cell::gru, split.train, 1);
    const TrainingReport report = learn_pairs(translator, split, {.steps = 60, .batch = 12, .quiet = true});
    INFO(arch_names()[static_cast<size_t>(arch)] << ": val_loss " << report.evaluation.at(0).second);
    CHECK(report.losses.size() == 60);
    CHECK(report.losses.back() < report.losses.front() / 10);
    CHECK(translator.score(split.train).exact_match == Approx(1));
    const auto together = translator.translate(side(split.train, &SentencePair::source));
    for (size_t i = 0; i < together.size(); ++i)
      CHECK(translator.text(together[i], split.train[i].source) == split.train[i].target);
  }
}

TEST_CASE("Translator: a sentence comes out beside others as it does alone", "[train][translator]") {
  const std::vector<SentencePair> pairs = {
      {"a", "x"}, {"b a c", "y z"}, {"c c d a b", "z"}, {"a b c d e f g h i j k l", "x y z w"}};
  for (const Arch arch : {Arch::rnn, Arch::attention, Arch::transformer})
    for (const int64_t beam : {1, 4}) {
      INFO(arch_names()[static_cast<size_t>(arch)] << ", beam " << beam);
      const Translator translator(arch, nn::Cell::gru, pairs, 1);  // untrained: most sentences find no end
      const auto together = translator.translate(side(pairs, &SentencePair::source), beam);
      for (size_t i = 0; i < pairs.size(); ++i) {
        const models::Translation alone = translator.translate(std::vector{pairs[i].source}, beam)[0];
        CHECK(together[i].tokens == alone.tokens);
        CHECK(together[i].finished == alone.finished);
        CHECK(together[i].score == Approx(alone.score));
      }
    }
}

TEST_CASE("Translator: learns by heart with pieces of words, and with labels smoothed", "[train][translator]") {
  Rng rng(1);
  PairSplit split;
  split.train = split.held_out = Grammar::pairs(12, {.max_words = 6}, rng);
  const auto pieces = [&](auto which) { return SentenceTokens::pieces(side(split.train, which), 320); };
  const SentenceTokens source = pieces(&SentencePair::source), target = pieces(&SentencePair::target);
  const auto config = translator_config(Arch::transformer, nn::Cell::gru, source.size(), target.size(), {.width = 64});
  Translator translator(source, target, config, 1);
  const PairTraining options{.steps = 100, .batch = 12, .label_smoothing = 0.1, .quiet = true};
  const TrainingReport report = learn_pairs(translator, split, options);
  CHECK(translator.score(split.train, 2).exact_match == Approx(1));
  // Smoothed, the loss cannot come near 0; that of what is held out is not smoothed.
  CHECK(report.evaluation.at(0).second < 0.2);
  CHECK(report.losses.back() > 0.3);
}

TEST_CASE("learn_pairs: weights become the mean of the last snapshots, interrupted or not", "[train][translator]") {
  Rng rng(1);
  PairSplit split;
  split.train = Grammar::pairs(12, {.max_words = 6}, rng);
  split.held_out = Grammar::pairs(4, {.max_words = 6}, rng);
  const tests::TemporaryDirectory place;
  std::vector<std::vector<double>> after;  // of the output's bias, after each step
  std::vector<bool> saved_means;           // whether it is saved as it is when all is done
  const auto learn = [&](PairTraining options) {
    Translator translator(Arch::rnn, nn::Cell::gru, split.train, 1);
    options.steps = 100;
    options.batch = 4;
    options.trainer.save_every = 1;
    options.quiet = true;
    options.trainer.directory = place.path();
    const auto bias = [&] { return translator.params().at("output.bias").to_vector<double>(); };
    const TrainingReport report = learn_pairs(translator, split, options, [&](const auto& into) {
      if (into == place.path()) after.push_back(bias());
    });
    saved_means.push_back(bias() == after.back());
    return std::pair(bias(), report.evaluation);
  };
  learn({});
  REQUIRE(after.size() == 100);
  const auto each = after;

  const auto [mean, evaluation] = learn({.trainer = {.average = 3}});  // after steps 96, 98 and 100
  for (size_t i = 0; i < mean.size(); ++i) {
    const double sum = each[95][i] + each[97][i] + each[99][i];
    CHECK(mean[i] == static_cast<float>(sum / 3));
  }
  PairTraining cut{.trainer = {.average = 3}};  // before the last snapshot
  cut.on_step = [](Moment& now) {
    if (now.step == 97) std::raise(SIGINT);
  };
  learn(cut);
  CHECK(learn({.resume = true, .trainer = {.average = 3}}) == std::pair(mean, evaluation));
  CHECK(saved_means == std::vector<bool>(4, true));

  Translator translator(Arch::rnn, nn::Cell::gru, split.train, 1);
  const auto refused = [&](TrainerOptions trainer) { learn_pairs(translator, split, {.trainer = trainer}); };
  CHECK_THROWS_WITH(refused({.average = 0}), Contains("average is 0; need 1 to 50"));
  CHECK_THROWS_WITH(refused({.average = 51}), Contains("average is 51; need 1 to 50"));
  CHECK_THROWS_WITH(refused({.ema = 0.9, .average = 2}), Contains("average is 2 and ema 0.9; need one of them"));
  CHECK_THROWS_WITH(refused({.average = 2, .patience = 2}),
                    Contains("average is 2 and patience 2, which may end the run before the last snapshots; need one"));
}

TEST_CASE("Translator: a word that has no token is the one that it looked at", "[train][translator]") {
  const std::vector<SentencePair> pairs = {{"i see tom", "je vois tom"}};
  const Translator translator(Arch::attention, nn::Cell::gru, pairs, 1);
  const SentenceTokens& words = translator.target_tokens();
  const auto tokens = [&](const std::string& sentence) { return words.encode(sentence); };
  models::Translation said{tokens("je vois zoé"), 0, 0, true, {}};
  CHECK(translator.text(said, "i see mary") == "je vois <unk>");
  said.alignment = from_vector<double>({0.9, 0.1, 0.0, 0.0, 0.8, 0.2, 0.2, 0.3, 0.5}, {3, 3});
  CHECK(translator.text(said, "i see mary") == "je vois mary");
  said.tokens[0] = words.pad();
  CHECK(translator.text(said, "i see mary") == "vois mary");
  said.tokens = tokens("je vois tom");
  CHECK(translator.text(said, "i see mary") == "je vois tom");
}

TEST_CASE("Translator: refuses a sentence without words, and translates none to none", "[train][translator]") {
  Rng rng(1);
  const Translator translator(Arch::rnn, nn::Cell::gru, Grammar::pairs(12, {.max_words = 6}, rng), 1);
  CHECK(translator.translate({}).empty());
  CHECK_THROWS_AS(translator.translate(std::vector<std::string>{""}), ValueError);
}

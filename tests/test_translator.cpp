// What translators of all architectures share: batches without end, and scores.
#include <algorithm>

#include <heed/train/data/grammar/grammar.h>
#include <heed/train/translator.h>
#include "catch.h"

using namespace heed;
using namespace heed::train;

namespace {

struct Task {
  std::vector<SentencePair> pairs;
  Words source_words, target_words;
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
    for (size_t i = 0; i < together.size(); ++i) CHECK(translator.text(together[i]) == split.train[i].target);
  }
}

TEST_CASE("Translator: refuses a sentence without words, and translates none to none", "[train][translator]") {
  Rng rng(1);
  const Translator translator(Arch::rnn, nn::Cell::gru, Grammar::pairs(12, {.max_words = 6}, rng), 1);
  CHECK(translator.translate({}).empty());
  CHECK_THROWS_AS(translator.translate(std::vector<std::string>{""}), ValueError);
}

TEST_CASE("score_translations: what is counted, by length of the source", "[train][translator]") {
  const std::vector<std::string> sources = {"a b", "a b c", "a b c d e f"},
                                 references = {"x y", "x y z", "u v w x y z"};
  const std::vector<std::string> candidates = {"x y", "x y", "u v w x y z"};
  const TranslationScores scores = score_translations(sources, candidates, references, 5);
  CHECK(scores.exact_match == Approx(2.0 / 3));
  REQUIRE(scores.rows.size() == 2);
  CHECK(scores.rows[0].exact_match == Approx(0.5));
  CHECK(scores.rows[1].exact_match == Approx(1));
  const std::string text = format_scores(scores);
  CHECK(text.find("    1 - 5             2        50.0%") != std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 4);
  CHECK_THROWS_AS(score_translations(sources, candidates, std::vector<std::string>{"x"}, 5), ValueError);
}

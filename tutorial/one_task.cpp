#include "one_task.h"

#include <map>

#include "translation.h"

using namespace heed;
using namespace heed::train;

namespace {

struct Result {
  std::string name;
  int64_t parameters;
  TrainingReport report;
  TranslationScores scores;
};

/// A GPT that translates by going on: English words, <bos>, French words, <eos>. One table holds both
/// vocabularies.
class GptTranslator {
 public:
  GptTranslator(const Words& source, const Words& target, uint64_t seed)
      : source_(source),
        target_(target),
        rng_(seed),
        params_(rng_),
        gpt_(params_, {.vocabulary = source.size() + target.size(),
                       .context = 64,
                       .layers = 4,
                       .heads = 4,
                       .channels = 128}) {}

  nn::Parameters& params() { return params_; }

  /// Mean cross-entropy of the French words and <eos>; the English words are read, not guessed.
  Tensor loss(const PairBatch& batch) const {
    const int64_t B = batch.source.size(0), S = batch.source.size(1), T = batch.decoder_input.size(1);
    const std::vector<int64_t> source = batch.source.to_vector<int64_t>(),
                               lengths = batch.source_length.to_vector<int64_t>();
    const std::vector<int64_t> input = batch.decoder_input.to_vector<int64_t>(),
                               target = batch.targets.to_vector<int64_t>();
    std::vector<int64_t> x(size_t(B * (S + T)), 0), y(x.size(), kIgnoreIndex);
    for (int64_t b = 0; b < B; ++b) {
      const int64_t n = lengths[size_t(b)], row = b * (S + T);
      for (int64_t s = 0; s < n; ++s) x[size_t(row + s)] = source[size_t(b * S + s)];
      for (int64_t t = 0; t < T; ++t) {
        x[size_t(row + n + t)] = french(input[size_t(b * T + t)]);
        if (target[size_t(b * T + t)] >= 0) y[size_t(row + n + t)] = french(target[size_t(b * T + t)]);
      }
    }
    return cross_entropy(gpt_(from_vector(x, {B, S + T})), from_vector(y, {B, S + T}));
  }

  /// Greedily, sentences of one length together.
  std::vector<std::string> translate(const std::vector<std::string>& sentences) {
    std::map<size_t, std::vector<size_t>> by_length;
    for (size_t i = 0; i < sentences.size(); ++i) by_length[split_words(sentences[i]).size()].push_back(i);
    const NoGrad no_grad;
    std::vector<std::string> translations(sentences.size());
    for (const auto& [n, rows] : by_length) {
      std::vector<int64_t> prompt;
      for (const size_t i : rows) {
        for (const int64_t id : source_.encode(sentences[i])) prompt.push_back(id);
        prompt.push_back(french(Words::kBos));
      }
      const int64_t B = std::ssize(rows), start = int64_t(n) + 1;
      const Tensor written = models::sample(gpt_, from_vector(prompt, {B, start}),
                                            {.tokens = 62 - int64_t(n), .temperature = 0}, rng_);
      for (int64_t b = 0; b < B; ++b) {
        std::vector<int64_t> ids = written[b].narrow(0, start, written.size(1) - start).to_vector<int64_t>();
        for (int64_t& id : ids) id = std::max<int64_t>(0, id - source_.size());
        translations[rows[size_t(b)]] = target_.decode(ids);
      }
    }
    return translations;
  }

 private:
  int64_t french(int64_t id) const { return source_.size() + id; }

  const Words &source_, &target_;
  Rng rng_;
  nn::Parameters params_;
  models::Gpt gpt_;
};

}  // namespace

void lesson::one_task(Lesson& l) {
  const PairSplit pairs = lesson::task(l);
  const PairTraining budget{.steps = l.budget(1500, 120), .seed = l.seed()};
  fmt::print(
      "Every model learns {} pairs in {} steps of {}, is 128 wide, and translates {} sentences it has not "
      "seen.\n",
      pairs.train.size(), budget.steps, budget.batch, pairs.held_out.size());
  std::vector<Result> results;
  const auto learn = [&](const std::string& name, Arch arch, nn::Cell cell) {
    Translator translator(arch, cell, pairs.train, l.seed());
    const TrainingReport report = lesson::whole(learn_pairs(translator, pairs, budget));
    results.push_back({name, translator.params().numel(), report, translator.score(pairs.held_out)});
    fmt::print("  {:<28} {:>4.0f} s\n", name, report.seconds);
  };
  learn("1990 RNN", Arch::rnn, nn::Cell::rnn_tanh);
  learn("1997 LSTM", Arch::rnn, nn::Cell::lstm);
  learn("2014 GRU, soft attention", Arch::attention, nn::Cell::gru);
  learn("2017 Transformer", Arch::transformer, nn::Cell::gru);

  const Words source_words = Words::from_sentences(side(pairs.train, &SentencePair::source));
  const Words target_words = Words::from_sentences(side(pairs.train, &SentencePair::target));
  GptTranslator gpt(source_words, target_words, l.seed());
  const PairSet train_set(pairs.train, source_words, target_words),
      held_out_set(pairs.held_out, source_words, target_words);
  const TrainingReport report = lesson::whole(learn_pairs(
      gpt.params(), [&](const PairBatch& b) { return gpt.loss(b); }, train_set, held_out_set, budget));
  const std::vector<std::string> said = gpt.translate(side(pairs.held_out, &SentencePair::source));
  results.push_back({"2018 GPT", gpt.params().numel(), report, score_translations(pairs.held_out, said)});
  fmt::print("  {:<28} {:>4.0f} s\n", results.back().name, report.seconds);

  l.heading("Exact match on unseen sentences, in percent, by words in the source");
  fmt::print("{:<26} parameters  seconds", "");
  for (const LengthRow& row : results[0].scores.rows) fmt::print("  {:>2}-{:<2}", row.from, row.to);
  fmt::print("    all   BLEU\n");
  std::vector<Series> by_length, losses;
  std::vector<std::vector<std::string>> table = {{"", "parameters"}};
  for (const LengthRow& row : results[0].scores.rows)
    table[0].push_back(fmt::format("{} to {} words", row.from, row.to));
  table[0].insert(table[0].end(), {"all", "BLEU"});
  for (const Result& r : results) {
    fmt::print("{:<26} {:>10}  {:>7.0f}", r.name, r.parameters, r.report.seconds);
    for (const LengthRow& row : r.scores.rows) fmt::print("  {:>5.1f}", 100 * row.exact_match);
    fmt::print("  {:>5.1f}  {:>5.1f}\n", 100 * r.scores.exact_match, r.scores.bleu);
    std::vector<std::string>& cells = table.emplace_back(std::vector{r.name, lesson::grouped(r.parameters)});
    for (const LengthRow& row : r.scores.rows) cells.push_back(fmt::format("{:.1f}", 100 * row.exact_match));
    cells.push_back(fmt::format("{:.1f}", 100 * r.scores.exact_match));
    cells.push_back(fmt::format("{:.1f}", r.scores.bleu));
    by_length.push_back(lesson::exact_series(r.name, r.scores));
    losses.push_back(lesson::loss_series(r.name, r.report.losses));
  }
  l.page("results", table);
  l.picture("exact", lesson::length_chart("Five of them on one task", "exact match (%)", by_length));
  l.picture("loss", lesson::loss_chart("Their losses", losses));

  const auto exact = [&](size_t i) { return 100 * results[i].scores.exact_match; };
  if (l.quick()) {
    for (size_t i = 0; i < results.size(); ++i)
      l.expect(results[i].name + ": loss after 120 steps", losses[i].y.back(), 0.2, i == 4 ? 4.2 : 3.2);
    return;
  }
  l.expect("1990 RNN: exact match (%)", exact(0), 8, 35);
  l.expect("1997 LSTM: exact match (%)", exact(1), 20, 50);
  l.expect("2014 attention: exact match (%)", exact(2), 85, 100);
  l.expect("2017 Transformer: exact match (%)", exact(3), 90, 100);
  l.expect("2018 GPT: exact match (%)", exact(4), 50, 90);
}

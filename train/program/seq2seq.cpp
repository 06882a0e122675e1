// `heed seq2seq train` and `heed seq2seq translate`.
#include <algorithm>
#include <cstdio>

#include "train/alignment.h"
#include "train/atomic_file.h"
#include "train/data/grammar.h"
#include "train/metrics.h"
#include "train/page_models.h"
#include "train/program/commands.h"
#include "train/program/translator.h"
#include "train/program/usage.h"
#include "train/progress.h"
#include "train/trainer.h"

namespace heed::train::program {
namespace {

constexpr int64_t kSteps = 3000;
constexpr int64_t kBatch = 64;
constexpr int64_t kGrammarPairs = 40'000;   // to train on
constexpr int64_t kGrammarHeldOut = 1'000;  // to test with
constexpr double kHeldOutShare = 0.05;      // of a file's sentences
constexpr int64_t kMostHeldOut = 1'000;     // that are translated
constexpr int64_t kMinFrequency = 2;        // of a file's words: rarer ones are unknown
constexpr uint64_t kSplitSeed = 0;          // the split does not change with the run's seed
constexpr int64_t kMostWords = 250;         // in a sentence
constexpr int64_t kLengthStep = 5;          // words to a row of the table by length
constexpr const char* kHeldOutFile = "held_out.tsv";  // in the model directory: the pairs that training never saw

// --- train ---------------------------------------------------------------------------------------------------------

struct TrainFlags {
  std::string pairs, out = "out/seq2seq", arch = "attention", cell = "gru";
  std::optional<int64_t> steps, threads;
  std::optional<uint64_t> seed;
  bool json = false, resume = false;
};

PairSplit grammar_pairs() {
  Rng rng(kSplitSeed);
  PairSplit split;
  split.train = Grammar::pairs(kGrammarPairs, {.split = Split::train}, rng);
  split.held_out = Grammar::pairs(kGrammarHeldOut, {.split = Split::test}, rng);
  return split;
}

PairSplit load_pairs(const std::string& file) {
  if (file.empty()) return grammar_pairs();
  PairSplit split = split_pairs(tokenize(read_pairs(file)), kHeldOutShare, kSplitSeed);
  if (split.train.empty() || split.held_out.empty())
    fail<FileError>({"seq2seq train"}, "'{}' has {} pairs to train on and {} to hold out; need more of them", file, split.train.size(),
                    split.held_out.size());
  if (std::ssize(split.held_out) > kMostHeldOut) {  // spread over the file, which may be sorted
    std::vector<SentencePair> some;
    for (int64_t i = 0; i < kMostHeldOut; ++i) some.push_back(split.held_out[static_cast<size_t>(i) * split.held_out.size() / kMostHeldOut]);
    split.held_out = std::move(some);
  }
  for (const auto* part : {&split.train, &split.held_out})
    for (const SentencePair& pair : *part)
      if (std::max(std::ssize(split_words(pair.source)), std::ssize(split_words(pair.target))) > kMostWords)
        fail<FileError>({"seq2seq train"}, "'{}' has a sentence of more than {} words: '{} ...'; need shorter ones", file, kMostWords,
                        pair.source.substr(0, 40));
  return split;
}

std::vector<std::string> side(std::span<const SentencePair> pairs, std::string SentencePair::*which) {
  std::vector<std::string> sentences;
  for (const SentencePair& pair : pairs) sentences.push_back(pair.*which);
  return sentences;
}

/// The pairs as --pairs reads them.
std::string tsv(std::span<const SentencePair> pairs) {
  std::string text;
  for (const SentencePair& pair : pairs) text += fmt::format("{}\t{}\n", pair.source, pair.target);
  return text;
}

TranslatorTraining new_training(const TrainFlags& flags, const PairSplit& split) {
  const auto index = [](const std::vector<std::string>& names, const std::string& name) {
    return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  TranslatorTraining training;
  training.pairs = flags.pairs;
  training.pair_count = std::ssize(split.train);
  training.arch = static_cast<Arch>(index(arch_names(), flags.arch));
  training.cell = cell_at(index(cell_names(), flags.cell));
  training.steps = flags.steps.value_or(kSteps);
  training.seed = flags.seed.value_or(training.seed);
  return training;
}

std::unique_ptr<Translator> new_translator(const TrainFlags& flags, const PairSplit& split) {
  const TranslatorTraining training = new_training(flags, split);
  const int64_t min_frequency = flags.pairs.empty() ? 1 : kMinFrequency;
  Words source = Words::from_sentences(side(split.train, &SentencePair::source), min_frequency);
  Words target = Words::from_sentences(side(split.train, &SentencePair::target), min_frequency);
  const ModelConfig config = default_config(training.arch, training.cell, source.size(), target.size());
  return std::make_unique<Translator>(training, std::move(source), std::move(target), config);
}

/// The batches of every epoch in turn. An epoch's order depends on the seed and its number alone, so that a resumed run
/// finds its place.
class Batches {
 public:
  Batches(const PairSet& set, uint64_t seed) : set_(set), seed_(seed) {}

  PairBatch at(int64_t step) {
    const int64_t count = (set_.size() + kBatch - 1) / kBatch, epoch = step / count;
    if (epoch != epoch_) {
      Rng rng(seed_ + 1000003 * static_cast<uint64_t>(epoch + 1));
      rows_ = set_.epoch(kBatch, rng);
      epoch_ = epoch;
    }
    return set_.batch(rows_[static_cast<size_t>(step % count)]);
  }

 private:
  const PairSet& set_;
  uint64_t seed_;
  int64_t epoch_ = -1;
  std::vector<std::vector<int64_t>> rows_;
};

int64_t count_words(const PairBatch& batch) {
  const std::vector<int64_t> targets = batch.targets.to_vector<int64_t>();
  return std::count_if(targets.begin(), targets.end(), [](int64_t id) { return id >= 0; });
}

/// Mean cross-entropy over all words of the set.
double mean_loss(const Translator& translator, const PairSet& set) {
  double sum = 0, count = 0;
  for (const auto& rows : set.in_order(kBatch)) {
    const PairBatch batch = set.batch(rows);
    const double words = static_cast<double>(count_words(batch));
    sum += translator.loss(batch).item<double>() * words;
    count += words;
  }
  return sum / count;
}

/// How well the held-out sentences are translated, greedily.
struct Scores {
  double exact_match, bleu;
  std::vector<LengthRow> rows;
};

Scores score(const Translator& translator, std::span<const SentencePair> held_out) {
  const std::vector<std::string> sources = side(held_out, &SentencePair::source), references = side(held_out, &SentencePair::target);
  std::vector<std::string> candidates;
  for (const models::Translation& translation : translator.translate(sources, 1)) candidates.push_back(translator.text(translation));
  return {exact_match(candidates, references), bleu(candidates, references).bleu, by_length(sources, candidates, references, kLengthStep)};
}

void print_table(const Scores& scores) {
  fmt::print(stderr, "source words  sentences  exact match   BLEU\n");
  for (const LengthRow& row : scores.rows)
    fmt::print(stderr, "{:>5} - {:<4}  {:>9}  {:>10.1f}%  {:>5.1f}\n", row.from, row.to, row.count, 100 * row.exact_match, row.bleu);
  fmt::print(stderr, "{:>12}  {:>9}  {:>10.1f}%  {:>5.1f}\n", "all", "", 100 * scores.exact_match, scores.bleu);
}

void print_report(const TrainingReport& report, const Translator& translator, const Scores& scores) {
  Json rows = Json::array();
  for (const LengthRow& row : scores.rows)
    rows.push_back({{"from", row.from}, {"to", row.to}, {"count", row.count}, {"exact_match", row.exact_match}, {"bleu", row.bleu}});
  const Json json = {{"arch", arch_names()[static_cast<size_t>(translator.training().arch)]},
                     {"parameters", translator.params().numel()},
                     {"steps", report.steps},
                     {"train_loss", report.train_loss},
                     {"val_loss", report.evaluation[0].second},
                     {"seconds", report.seconds},
                     {"tokens_per_s", report.tokens_per_second},
                     {"peak_mib", peak_mib()},
                     {"exact_match", scores.exact_match},
                     {"bleu", scores.bleu},
                     {"by_length", rows}};
  fmt::print("{}\n", json.dump());
}

/// Returns the exit code.
int train(const TrainFlags& flags) {
  use_threads(flags.threads);
  const std::filesystem::path directory = flags.out;
  std::unique_ptr<Translator> translator;
  if (flags.resume) translator = Translator::from_config(directory);
  const PairSplit split = load_pairs(translator ? translator->training().pairs : flags.pairs);
  if (!translator) translator = new_translator(flags, split);
  const TranslatorTraining& training = translator->training();
  if (std::ssize(split.train) != training.pair_count)
    fail<FileError>({"seq2seq train"}, "'{}' now gives {} pairs to train on; need the {} of the interrupted run", training.pairs, split.train.size(),
                    training.pair_count);
  make_directory(directory);

  const PairSet train_set(split.train, translator->source_words(), translator->target_words());
  const PairSet held_out_set(split.held_out, translator->source_words(), translator->target_words());
  const nn::Parameters& params = translator->params();
  constexpr double kRate = 2e-3;
  Adam optimizer(params, {.lr = kRate, .beta2 = 0.98});
  Trainer trainer(params, optimizer,
                  {.steps = training.steps,
                   .lr = warmup_cosine({.lr = kRate, .min_lr = kRate / 50, .warmup = std::min<int64_t>(200, training.steps / 10), .decay_steps = training.steps}),
                   .clip_norm = 1,
                   .evaluate_every = std::max<int64_t>(1, training.steps / 5),
                   .directory = directory});
  if (flags.resume) trainer.resume();
  fmt::print(stderr, "Translator ({}) of {} parameters learns {} pairs of {} in {} steps\n", arch_names()[static_cast<size_t>(training.arch)],
             format_count(static_cast<double>(params.numel())), train_set.size(), training.pairs.empty() ? "the grammar" : training.pairs, training.steps);

  Batches batches(train_set, training.seed);
  const TrainingReport report = trainer.run(
      [&](int64_t step) {
        const PairBatch batch = batches.at(step);
        return Step{[&translator, batch] { return translator->loss(batch); }, count_words(batch)};
      },
      [&] { return Numbers{{"val_loss", mean_loss(*translator, held_out_set)}}; }, [&] { translator->save(directory); });

  if (report.interrupted) {
    fmt::print(stderr, "Interrupted after step {}; saved. To go on: heed seq2seq train --resume --out {}\n", report.steps, directory.string());
    return 130;
  }
  write_file(directory / kHeldOutFile, tsv(split.held_out));
  const Scores scores = score(*translator, split.held_out);
  fmt::print(stderr, "{} steps in {}; {} held-out sentences, translated greedily; saved in {}\n", report.steps, format_duration(report.seconds),
             split.held_out.size(), directory.string());
  print_table(scores);
  if (flags.json) print_report(report, *translator, scores);
  return 0;
}

void add_train(CLI::App& seq2seq, int& exit_code) {
  const auto flags = std::make_shared<TrainFlags>();
  CLI::App* command = seq2seq.add_subcommand("train", "Train a translator on sentence pairs");
  const auto run = [&](const std::string& name, auto& value, const std::string& type, const CLI::Validator& valid, const std::string& help) {
    command->add_option(name, value, help)->type_name(type)->check(valid)->group(kRunGroup);
  };
  command->add_option("--pairs", flags->pairs, "UTF-8 lines of source, tab, target (default: English and French from a grammar)")->type_name("FILE")->group(kRunGroup);
  run("--arch", flags->arch, "rnn|attention|transformer", one_of(arch_names()),
      "one vector for a sentence, attention over an RNN's states, or a Transformer (default: attention)");
  run("--cell", flags->cell, "rnn|lstm|gru", one_of(cell_names()), "recurrent cell of rnn and attention (default: gru)");
  run("--steps", flags->steps, "N", whole_number(0), fmt::format("updates (default: {})", kSteps));
  run("--seed", flags->seed, "N", whole_number(0, kMostSeed), "of everything random (default: 1337)");
  command->add_option("--threads", flags->threads, "at most so many at once (default: all cores)")->type_name("N")->check(whole_number(1, 1024));
  command->add_option("--out", flags->out, "directory of the model (default: out/seq2seq)")->type_name("DIR");
  command->add_flag("--json", flags->json, "print one JSON object on stdout at the end");
  command->add_flag("--resume", flags->resume, "go on with the interrupted run in --out");
  command->callback([command, flags, &exit_code] {
    if (flags->resume) check_resume(*command);
    exit_code = train(*flags);
  });
}

// --- translate -------------------------------------------------------------------------------------------------------

struct TranslateFlags {
  std::string model, page, beside;
  int64_t beam = 1;
  bool align = false;
  std::vector<std::string> sentences;
};

std::vector<std::string> tokenized(std::span<const std::string> raw) {
  std::vector<std::string> sentences;
  for (const std::string& sentence : raw) {
    try {
      sentences.push_back(tokenize(sentence));
    } catch (const ValueError& error) {
      throw UsageError(error.what());
    }
    const int64_t words = std::ssize(split_words(sentences.back()));
    if (words < 1 || words > kMostWords)
      fail<UsageError>({"seq2seq translate"}, "sentence '{}' has {} words; need 1 to {}", sentence.substr(0, 40), words, kMostWords);
  }
  return sentences;
}

/// The model of --beside, if it was given.
std::unique_ptr<Translator> load_beside(const TranslateFlags& flags) {
  if (flags.beside.empty()) return nullptr;
  auto beside = Translator::load(flags.beside);
  if (beside->training().arch != Arch::rnn)
    fail<UsageError>({"seq2seq translate"}, "--beside is a model with attention; need one without, of --arch rnn");
  return beside;
}

void say_unknown(const Translator& translator, std::span<const std::string> sentences, const char* which) {
  for (const std::string& sentence : sentences)
    for (const std::string& word : translator.source_words().unknown(sentence)) fmt::print(stderr, "heed: the model{} does not know '{}'\n", which, word);
}

AttentionPage translation_page(const TranslateFlags& flags, const Translator& translator, const Translator* beside,
                               std::span<const std::string> sentences, std::span<const models::Translation> translations) {
  AttentionPage page{.title = "What a translator looks at", .about = translator.about(), .examples = {}};
  for (size_t i = 0; i < sentences.size(); ++i) {
    PageExample& example = page.examples.emplace_back(translator.page_example(sentences[i], translations[i]));
    example.lanes.push_back(beside ? beside->page_lane(sentences[i], beside->translate(sentences.subspan(i, 1), flags.beam)[0])
                                   : scheme_lane(example.lanes.front()));
  }
  return page;
}

int translate(const TranslateFlags& flags) {
  if (flags.page.empty() && !flags.beside.empty()) fail<UsageError>({"seq2seq translate"}, "--beside is drawn in a page; need --page FILE too");
  const std::vector<std::string> sentences = tokenized(flags.sentences);
  const auto translator = Translator::load(flags.model), beside = load_beside(flags);
  for (const auto& [given, name] : {std::pair(flags.align, "--align"), {!flags.page.empty(), "--page"}})
    if (given && translator->training().arch == Arch::rnn)
      fail<UsageError>({"seq2seq translate"}, "{} asks where an rnn without attention looks; need a model with attention", name);
  std::optional<AtomicFile> page;
  if (!flags.page.empty()) page.emplace(flags.page);  // before anything is said
  say_unknown(*translator, sentences, "");
  if (beside) say_unknown(*beside, sentences, " beside it");
  const auto translations = translator->translate(sentences, flags.beam);
  for (size_t i = 0; i < sentences.size(); ++i) {
    const std::string text = translator->text(translations[i]);
    fmt::print("{}\n", text);
    if (flags.align) fmt::print("\n{}\n", draw_alignment(split_words(sentences[i]), split_words(text), translations[i].alignment));
  }
  if (page) {
    page->write(page_html(translation_page(flags, *translator, beside.get(), sentences, translations)));
    page->commit();
  }
  return 0;
}

void add_translate(CLI::App& seq2seq, int& exit_code) {
  const auto flags = std::make_shared<TranslateFlags>();
  CLI::App* command = seq2seq.add_subcommand("translate", "Translate sentences with a trained translator");
  command->add_option("--model", flags->model, "directory that training wrote")->required()->type_name("DIR");
  command->add_option("--beam", flags->beam, "translations kept while searching (default: 1, greedy)")->type_name("N")->check(whole_number(1, 1000));
  command->add_flag("--align", flags->align, "draw where each word of the translation looked");
  command->add_option("--page", flags->page, "write an HTML page that shows how, word by word, and all weights")->type_name("FILE");
  command->add_option("--beside", flags->beside, "model without attention (--arch rnn) to show at work beside it in the page")->type_name("DIR");
  command->add_option("sentence", flags->sentences, "sentences, each in quotes")->required()->type_name("SENTENCE");
  command->callback([flags, &exit_code] { exit_code = translate(*flags); });
}

}  // namespace

void add_seq2seq(CLI::App& app, int& exit_code) {
  CLI::App* seq2seq = app.add_subcommand("seq2seq", "Translators: RNN encoder-decoder, attention, Transformer");
  require_command(*seq2seq);
  add_train(*seq2seq, exit_code);
  add_translate(*seq2seq, exit_code);
}

}  // namespace heed::train::program

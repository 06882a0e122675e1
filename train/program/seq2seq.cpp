#include <heed/train/program/seq2seq.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <span>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/parallel.h>
#include <heed/train/data/text.h>
#include <heed/train/distributed.h>
#include <heed/train/saved_translator.h>
#include <heed/train/show/page_models.h>
#include <heed/train/show/plot.h>
#include <heed/train/show/progress.h>

namespace heed::train::program {
namespace {

constexpr double kHeldOutShare = 0.05;                // of a file's sentences
constexpr int64_t kMostHeldOut = 1'000;               // that are translated
constexpr int64_t kMinFrequency = 2;                  // of a file's words: rarer ones are unknown
constexpr uint64_t kSplitSeed = 0;                    // the split does not change with the run's seed
constexpr int64_t kMostWords = 250;                   // in a sentence
constexpr const char* kHeldOutFile = "held_out.tsv";  // in the model directory: the pairs that training never saw

// --- train ---------------------------------------------------------------------------------------------------------

size_t distinct_sources(const PairSplit& split) {
  std::set<std::string_view> sources;
  for (const auto* part : {&split.train, &split.held_out})
    for (const SentencePair& pair : *part) sources.insert(pair.source);
  return sources.size();
}

PairSplit load_pairs(const std::string& file) {
  if (file.empty()) return grammar_pairs();
  PairSplit split = split_pairs(tokenize(read_pairs(file)), kHeldOutShare, kSplitSeed);
  if (split.train.empty() || split.held_out.empty())
    fail<FileError>({"seq2seq train"},
                    "'{}' has {} different sources; need at least {:.0f}, since a share of {} is held out", file,
                    distinct_sources(split), std::ceil(0.5 / kHeldOutShare), kHeldOutShare);
  if (std::ssize(split.held_out) > kMostHeldOut) {  // spread over the file, which may be sorted
    std::vector<SentencePair> some;
    for (int64_t i = 0; i < kMostHeldOut; ++i)
      some.push_back(split.held_out[static_cast<size_t>(i) * split.held_out.size() / kMostHeldOut]);
    split.held_out = std::move(some);
  }
  for (const auto* part : {&split.train, &split.held_out})
    for (const SentencePair& pair : *part)
      if (std::max(std::ssize(split_words(pair.source)), std::ssize(split_words(pair.target))) > kMostWords)
        fail<FileError>({"seq2seq train"}, "'{}' has a sentence of more than {} words: '{} ...'; need shorter ones",
                        file, kMostWords, pair.source.substr(0, 40));
  return split;
}

/// The pairs as --pairs reads them.
std::string tsv(std::span<const SentencePair> pairs) {
  std::string text;
  for (const SentencePair& pair : pairs) text += fmt::format("{}\t{}\n", pair.source, pair.target);
  return text;
}

/// Of all pairs, to notice a change.
std::string hash_of(const PairSplit& split) {
  return fmt::format("{:016x}", fnv1a(tsv(split.train) + "\n" + tsv(split.held_out)));
}

TranslatorTraining new_training(const TranslatorTrainFlags& flags, const PairSplit& split) {
  const auto index = [](const std::vector<std::string>& names, const std::string& name) {
    return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  TranslatorTraining training;
  training.pairs = flags.pairs;
  training.pair_count = std::ssize(split.train);
  training.pairs_hash = hash_of(split);
  training.arch = static_cast<Arch>(index(arch_names(), flags.arch));
  training.cell = cell_at(index(cell_names(), flags.cell));
  training.steps = flags.steps.value_or(kTranslatorSteps);
  training.seed = flags.seed.value_or(training.seed);
  return training;
}

std::unique_ptr<SavedTranslator> new_translator(const TranslatorTrainFlags& flags, const PairSplit& split) {
  const TranslatorTraining training = new_training(flags, split);
  const int64_t min_frequency = flags.pairs.empty() ? 1 : kMinFrequency;
  Words source = Words::from_sentences(side(split.train, &SentencePair::source), min_frequency);
  Words target = Words::from_sentences(side(split.train, &SentencePair::target), min_frequency);
  const TranslatorConfig config = default_config(training.arch, training.cell, source.size(), target.size());
  return std::make_unique<SavedTranslator>(training, std::move(source), std::move(target), config);
}

}  // namespace

int train_translator(const TranslatorTrainFlags& flags) {
  const Distributed world;
  if (world.size() > 1)
    fail<UsageError>({"seq2seq train"}, "mpirun started {} processes; need one, as only gpt train shares its work",
                     world.size());
  if (flags.threads) set_num_threads(static_cast<int>(*flags.threads));
  const std::filesystem::path directory = flags.out;
  std::unique_ptr<SavedTranslator> translator;
  if (flags.resume) translator = SavedTranslator::from_config(directory);
  const PairSplit split = load_pairs(translator ? translator->training().pairs : flags.pairs);
  if (!translator) translator = new_translator(flags, split);
  const TranslatorTraining& training = translator->training();
  if (std::ssize(split.train) != training.pair_count)
    fail<FileError>({"seq2seq train"}, "'{}' now gives {} pairs to train on; need the {} of the interrupted run",
                    training.pairs, split.train.size(), training.pair_count);
  if (!training.pairs_hash.empty() && hash_of(split) != training.pairs_hash)
    fail<FileError>({"seq2seq train"}, "'{}' has changed: it has as many pairs, but others; need the interrupted run's",
                    training.pairs);
  const RunDirectory hold(directory, flags.model_there());

  fmt::print(stderr, "Translator ({}) of {} parameters learns {} pairs of {} in {} steps\n",
             arch_names()[static_cast<size_t>(training.arch)],
             format_count(static_cast<double>(translator->params().numel())), split.train.size(),
             training.pairs.empty() ? "the grammar" : training.pairs, training.steps);
  const TrainingReport report = learn_pairs(*translator, split,
                                            {.steps = training.steps,
                                             .seed = training.seed,
                                             .directory = directory,
                                             .save_every = flags.save_every,
                                             .resume = flags.resume},
                                            [&] { translator->save(directory); });

  if (report.interrupted) return say_interrupted("seq2seq", report, flags);
  write_file(directory / kHeldOutFile, tsv(split.held_out));
  const TranslationScores scores = translator->score(split.held_out);
  fmt::print(stderr, "{} steps in {}; {} held-out sentences, translated greedily; saved in {}\n", report.steps,
             format_duration(report.seconds), split.held_out.size(), directory.string());
  fmt::print(stderr, "{}", format_scores(scores));
  if (flags.json)
    print_report(report, translator->params().numel(), arch_names()[static_cast<size_t>(training.arch)], scores);
  return 0;
}

// --- translate -------------------------------------------------------------------------------------------------------

namespace {

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
      fail<UsageError>({"seq2seq translate"}, "sentence '{}' has {} words; need 1 to {}", sentence.substr(0, 40), words,
                       kMostWords);
  }
  return sentences;
}

/// The model of --beside, if it was given.
std::unique_ptr<SavedTranslator> load_beside(const TranslateFlags& flags) {
  if (flags.beside.empty()) return nullptr;
  auto beside = load_translator(flags.beside);
  if (beside->training().arch != Arch::rnn)
    fail<UsageError>({"seq2seq translate"}, "--beside is a model with attention; need one without, of --arch rnn");
  return beside;
}

void say_unknown(const Translator& translator, std::span<const std::string> sentences, const char* which) {
  for (const std::string& sentence : sentences)
    for (const std::string& word : translator.source_words().unknown(sentence))
      fmt::print(stderr, "heed: the model{} does not know '{}'\n", which, word);
}

AttentionPage translation_page(const TranslateFlags& flags, const SavedTranslator& translator,
                               const SavedTranslator* beside, std::span<const std::string> sentences,
                               std::span<const models::Translation> translations) {
  const char* kind = translator.training().arch == Arch::attention ? "Encoder-decoder with attention: " : "";
  AttentionPage page{.title = "What a translator looks at", .about = kind + translator.about(), .examples = {}};
  for (size_t i = 0; i < sentences.size(); ++i) {
    PageExample& example = page.examples.emplace_back(translator.page_example(sentences[i], translations[i]));
    example.lanes.push_back(
        beside ? beside->page_lane(sentences[i], beside->translate(sentences.subspan(i, 1), flags.beam)[0])
               : scheme_lane(example.lanes.front()));
  }
  return page;
}

}  // namespace

int translate(const TranslateFlags& flags) {
  if (flags.page.empty() && !flags.beside.empty())
    fail<UsageError>({"seq2seq translate"}, "--beside is drawn in a page; need --page FILE too");
  const std::vector<std::string> sentences = tokenized(flags.sentences);
  const auto translator = load_translator(flags.model), beside = load_beside(flags);
  for (const auto& [given, name] : {std::pair(flags.align, "--align"), {!flags.page.empty(), "--page"}})
    if (given && translator->training().arch == Arch::rnn)
      fail<UsageError>({"seq2seq translate"},
                       "{} asks where an rnn without attention looks; need a model with attention", name);
  std::optional<AtomicFile> page;
  if (!flags.page.empty()) page.emplace(flags.page);  // before anything is said
  say_unknown(*translator, sentences, "");
  if (beside) say_unknown(*beside, sentences, " beside it");
  const auto translations = translator->translate(sentences, flags.beam);
  for (size_t i = 0; i < sentences.size(); ++i) {
    const std::string text = translator->text(translations[i]);
    fmt::print("{}\n", text);
    if (flags.align)
      fmt::print("\n{}\n", draw_alignment(split_words(sentences[i]), split_words(text), translations[i].alignment));
  }
  if (page) {
    page->write(page_html(translation_page(flags, *translator, beside.get(), sentences, translations)));
    page->commit();
  }
  return 0;
}

}  // namespace heed::train::program

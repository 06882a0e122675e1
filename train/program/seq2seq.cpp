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
#include <heed/train/saved_translator.h>
#include <heed/train/show/page_models.h>
#include <heed/train/show/plot.h>
#include <heed/train/show/progress.h>

namespace heed::train::program {
namespace {

constexpr double kHeldOutShare = 0.05;                // of a file's sentences
constexpr size_t kMostHeldOut = 1'000;                // that are translated
constexpr int64_t kMinCount = 2;                      // of a file's words: rarer ones are unknown
constexpr uint64_t kSplitSeed = 0;                    // the split does not change with the run's seed
constexpr const char* kHeldOutFile = "held_out.tsv";  // in the model directory: the pairs that training never saw

// --- train ---------------------------------------------------------------------------------------------------------

using Sources = std::set<std::string, std::less<>>;

Sources sources_of(std::span<const SentencePair> pairs) {
  Sources sources;
  for (const SentencePair& pair : pairs) sources.insert(pair.source);
  return sources;
}

/// Keeps the pairs of `most` sources, spread over the file, which may be sorted.
void thin_out(std::vector<SentencePair>& pairs, size_t most) {
  const size_t count = sources_of(pairs).size();
  if (count <= most) return;
  std::set<std::string_view> seen;
  Sources kept;
  for (const SentencePair& pair : pairs)
    if (const size_t n = seen.size(); seen.insert(pair.source).second && kept.size() * count <= n * most)
      kept.insert(pair.source);
  std::erase_if(pairs, [&](const SentencePair& pair) { return !kept.contains(pair.source); });
}

PairSplit load_pairs(const std::string& file, const std::string& valid_file) {
  const Op op{"seq2seq train"};
  if (file.empty()) return grammar_pairs();
  PairSplit split = {tokenize(read_pairs(file)), {}};
  if (valid_file.empty()) {
    split = split_pairs(split.train, kHeldOutShare, kSplitSeed);
    if (split.train.empty() || split.held_out.empty())
      fail<FileError>(op, "'{}' has {} different sources; need at least {:.0f}, since a share of {} is held out", file,
                      sources_of(split.train).size() + sources_of(split.held_out).size(),
                      std::ceil(0.5 / kHeldOutShare), kHeldOutShare);
    thin_out(split.held_out, kMostHeldOut);
    return split;
  }
  split.held_out = tokenize(read_pairs(valid_file));
  const Sources held_out = sources_of(split.held_out);
  const size_t there = std::erase_if(split.train, [&](const auto& pair) { return held_out.contains(pair.source); });
  if (split.train.empty())
    fail<FileError>(op, "'{}' has no source that '{}' has not; need others to train on", file, valid_file);
  if (there > 0)
    fmt::print(stderr, "heed: left out of training, since '{}' has their sources too: {} of the pairs\n", valid_file,
               there);
  return split;
}

/// Leaves out the pairs that have a side of more than `most` tokens, and says so.
void drop_long(std::vector<SentencePair>& pairs, const Translator& translator, int64_t most, const char* from) {
  const size_t long_ones = std::erase_if(pairs, [&](const SentencePair& pair) {
    return std::ssize(translator.source_tokens().encode(pair.source)) > most ||
           std::ssize(translator.target_tokens().encode(pair.target)) > most;
  });
  if (long_ones > 0)
    fmt::print(stderr, "heed: left out of {}, since longer than {} tokens: {} of the pairs\n", from, most, long_ones);
  if (pairs.empty())
    fail<FileError>({"seq2seq train"}, "no pair has at most {} tokens on each side; need a larger --max-length", most);
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
  training.valid_pairs = flags.valid_pairs;
  training.pair_count = std::ssize(split.train);
  training.pairs_hash = hash_of(split);
  training.arch = static_cast<Arch>(index(arch_names(), flags.arch));
  training.cell = cell_at(index(cell_names(), flags.cell));
  training.steps = flags.steps.value_or(kTranslatorSteps);
  training.seed = flags.seed.value_or(training.seed);
  training.batch = flags.batch.value_or(training.batch);
  training.lr = flags.lr.value_or(training.lr);
  training.label_smoothing = flags.label_smoothing.value_or(training.label_smoothing);
  training.max_length = flags.max_length.value_or(training.max_length);
  return training;
}

/// The options that go together, and fit one another.
TranslatorSizes checked_sizes(const TranslatorTrainFlags& flags) {
  const Op op{"seq2seq train"};
  const auto only_with = [&](bool given, const char* option, bool fits, const char* need) {
    if (given && !fits) fail<UsageError>(op, "{} is given without {}", option, need);
  };
  only_with(!flags.valid_pairs.empty(), "--valid-pairs", !flags.pairs.empty(), "--pairs");
  only_with(flags.vocabulary.has_value(), "--vocabulary", flags.tokens == "bpe", "--tokens bpe");
  only_with(flags.min_count.has_value(), "--min-count", flags.tokens == "words", "--tokens words");
  only_with(flags.layers.has_value(), "--layers", flags.arch == "transformer", "--arch transformer");
  only_with(flags.heads.has_value(), "--heads", flags.arch == "transformer", "--arch transformer");
  TranslatorSizes sizes;
  sizes.width = flags.width.value_or(sizes.width);
  sizes.layers = flags.layers.value_or(sizes.layers);
  sizes.heads = flags.heads.value_or(sizes.heads);
  sizes.dropout = flags.dropout.value_or(sizes.dropout);
  sizes.max_length = flags.max_length.value_or(sizes.max_length);
  if (flags.arch == "transformer" && sizes.width % sizes.heads != 0)
    fail<UsageError>(op, "--heads {} does not divide --width {}", sizes.heads, sizes.width);
  return sizes;
}

std::unique_ptr<SavedTranslator> new_translator(const TranslatorTrainFlags& flags, const TranslatorSizes& sizes,
                                                const PairSplit& split) {
  const TranslatorTraining training = new_training(flags, split);
  const auto tokens = [&](std::string SentencePair::*which) -> SentenceTokens {
    const std::vector<std::string> sentences = side(split.train, which);
    if (flags.tokens == "bpe") return SentenceTokens::pieces(sentences, flags.vocabulary.value_or(kPieces));
    return Words::from_sentences(sentences, flags.min_count.value_or(flags.pairs.empty() ? 1 : kMinCount));
  };
  SentenceTokens source = tokens(&SentencePair::source), target = tokens(&SentencePair::target);
  const TranslatorConfig config = translator_config(training.arch, training.cell, source.size(), target.size(), sizes);
  return std::make_unique<SavedTranslator>(training, std::move(source), std::move(target), config);
}

}  // namespace

int train_translator(const TranslatorTrainFlags& flags) {
  if (flags.threads) set_num_threads(static_cast<int>(*flags.threads));
  const std::filesystem::path directory = flags.out;
  std::unique_ptr<SavedTranslator> translator;
  if (flags.resume) translator = SavedTranslator::from_config(directory);
  const TranslatorSizes sizes = checked_sizes(flags);
  PairSplit split = translator ? load_pairs(translator->training().pairs, translator->training().valid_pairs)
                               : load_pairs(flags.pairs, flags.valid_pairs);
  if (!translator) translator = new_translator(flags, sizes, split);
  const TranslatorTraining& training = translator->training();
  if (std::ssize(split.train) != training.pair_count)
    fail<FileError>({"seq2seq train"}, "'{}' now gives {} pairs to train on; need the {} of the interrupted run",
                    training.pairs, split.train.size(), training.pair_count);
  if (!training.pairs_hash.empty() && hash_of(split) != training.pairs_hash)
    fail<FileError>({"seq2seq train"}, "'{}' has changed: it has as many pairs, but others; need the interrupted run's",
                    training.pairs);
  drop_long(split.train, *translator, training.max_length, "training");
  drop_long(split.held_out, *translator, training.max_length, "what is held out");
  const RunDirectory hold(directory, flags.model_there());

  fmt::print(stderr, "Translator ({}) of {} parameters learns {} pairs of {} in {} steps\n",
             arch_names()[static_cast<size_t>(training.arch)],
             format_count(static_cast<double>(translator->params().numel())), split.train.size(),
             training.pairs.empty() ? "the grammar" : training.pairs, training.steps);
  const TrainingReport report = learn_pairs(*translator, split,
                                            {.steps = training.steps,
                                             .batch = training.batch,
                                             .lr = training.lr,
                                             .label_smoothing = training.label_smoothing,
                                             .seed = training.seed,
                                             .directory = directory,
                                             .save_every = flags.save_every,
                                             .resume = flags.resume},
                                            [&] { translator->save(directory); });

  if (report.interrupted) return say_interrupted("seq2seq", report, flags);
  write_file(directory / kHeldOutFile, tsv(split.held_out));
  const TranslationScores scores = translator->score(split.held_out, flags.beam);
  const std::string how = flags.beam == 1 ? "greedily" : fmt::format("with a beam of {}", flags.beam);
  fmt::print(stderr, "{} steps in {}; held-out sentences, translated {}; saved in {}\n", report.steps,
             format_duration(report.seconds), how, directory.string());
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
    if (sentences.back().empty())
      fail<UsageError>({"seq2seq translate"}, "sentence '{}' has no words; need at least one", sentence);
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
    for (const std::string& word : translator.source_tokens().unknown(sentence))
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
    fmt::print("{}\n", translator->text(translations[i], sentences[i]));
    if (flags.align) fmt::print("\n{}\n", translator->draw(sentences[i], translations[i]));
  }
  if (page) {
    page->write(page_html(translation_page(flags, *translator, beside.get(), sentences, translations)));
    page->commit();
  }
  return 0;
}

}  // namespace heed::train::program

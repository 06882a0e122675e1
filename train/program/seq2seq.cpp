#include <heed/train/program/commands.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>
#include <heed/train/distributed.h>
#include <heed/train/model_config.h>
#include <heed/train/program/options.h>
#include <heed/train/show/page_translator.h>
#include <heed/train/show/progress.h>
#include <heed/train/show/say.h>

namespace heed::train::program {
namespace {

constexpr double kHeldOutShare = 0.05;                // of a file's sentences
constexpr size_t kMostHeldOut = 1'000;                // that are translated
constexpr int64_t kMinCount = 2;                      // of a file's words: rarer ones are unknown
constexpr uint64_t kSplitSeed = 0;                    // the split does not change with the run's seed
constexpr size_t kManyWords = 20;                     // a sentence of as many must not become half as long unnoticed
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
    say("heed: left out of training, since '{}' has their sources too: {} of the pairs\n", valid_file, there);
  return split;
}

/// Leaves out the pairs that have a side of more tokens than the translator was trained on, and says so.
void drop_long(const Op& op, std::vector<SentencePair>& pairs, const SavedTranslator& translator, const char* from) {
  const int64_t most = translator.training().max_length;
  const size_t long_ones = std::erase_if(pairs, [&](const SentencePair& pair) {
    return std::ssize(translator.source_tokens().encode(pair.source)) > most ||
           std::ssize(translator.target_tokens().encode(pair.target)) > most;
  });
  if (long_ones > 0) say("heed: left out of {}, since longer than {} tokens: {} of the pairs\n", from, most, long_ones);
  if (pairs.empty())
    fail<FileError>(op, "no pair has at most {} tokens on each side, the --max-length of training; need one", most);
}

/// The pairs as --pairs reads them.
std::string tsv(std::span<const SentencePair> pairs) {
  std::string text;
  for (const SentencePair& pair : pairs) text += fmt::format("{}\t{}\n", pair.source, pair.target);
  return text;
}

/// Of all pairs, to notice a change.
std::string hash_of(const PairSplit& split) { return hex(fnv1a(tsv(split.train) + "\n" + tsv(split.held_out))); }

TranslatorTraining new_training(const TranslatorTrainFlags& flags, const PairSplit& split) {
  TranslatorTraining training = flags.training;
  training.pair_count = std::ssize(split.train);
  training.pairs_hash = hash_of(split);
  training.arch = static_cast<Arch>(std::ranges::find(arch_names(), flags.arch) - arch_names().begin());
  if (flags.cell) training.cell = cell_named(*flags.cell);
  training.rules = rules_of(flags, training.steps, default_evaluate_every(training.steps));
  return training;
}

/// Throws UsageError if options do not go together.
TranslatorSizes checked_sizes(const TranslatorTrainFlags& flags) {
  const Op op{"seq2seq train"};
  const auto only_with = [&](bool given, const char* option, bool fits, const char* need) {
    if (given && !fits) fail<UsageError>(op, "{} is given without {}", option, need);
  };
  only_with(!flags.training.valid_pairs.empty(), "--valid-pairs", flags.resume || !flags.training.pairs.empty(),
            "--pairs");
  only_with(flags.vocabulary.has_value(), "--vocabulary", flags.tokens == "bpe", "--tokens bpe");
  only_with(flags.min_count.has_value(), "--min-count", flags.tokens == "words", "--tokens words");
  only_with(flags.cell.has_value(), "--cell", flags.arch != "transformer", "--arch rnn or attention");
  only_with(flags.layers.has_value(), "--layers", flags.arch == "transformer", "--arch transformer");
  only_with(flags.heads.has_value(), "--heads", flags.arch == "transformer", "--arch transformer");
  if (flags.rules.ema != 0 && flags.training.average > 1)
    fail<UsageError>(op, "--ema is given with --average, which is a mean of weights too; need one of them");
  if (flags.rules.patience != 0 && flags.training.average > 1)
    fail<UsageError>(op, "--patience is given with --average, and may end the run before the last snapshots; need one");
  TranslatorSizes sizes = flags.sizes;
  sizes.max_length = flags.training.max_length;
  sizes.layers = flags.layers.value_or(sizes.layers);
  sizes.heads = flags.heads.value_or(sizes.heads);
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
    return Words::from_sentences(sentences, flags.min_count.value_or(training.pairs.empty() ? 1 : kMinCount));
  };
  SentenceTokens source = tokens(&SentencePair::source), target = tokens(&SentencePair::target);
  const TranslatorConfig config = translator_config(training.arch, training.cell, source.size(), target.size(), sizes);
  return std::make_unique<SavedTranslator>(training, std::move(source), std::move(target), config);
}

/// For --json.
Json to_json(const std::string& arch, const TranslationScores& scores) {
  Json rows = Json::array();
  for (const LengthRow& row : scores.rows)
    rows.push_back({{"from", row.from},
                    {"to", row.to},
                    {"count", row.count},
                    {"exact_match", row.exact_match},
                    {"bleu", row.bleu}});
  return {{"arch", arch},
          {"exact_match", scores.exact_match},
          {"bleu", scores.bleu},
          {"chrf", scores.chrf},
          {"signature", scores.signature},
          {"exact_match_of_one", scores.exact_match_of_one},
          {"bleu_of_one", scores.bleu_of_one},
          {"by_length", rows}};
}

}  // namespace

int train_translator(const TranslatorTrainFlags& flags) {
  const Distributed world;
  if (world.size() > 1)
    fail<UsageError>({"seq2seq train"}, "mpirun started {} processes; need one, as only gpt train shares its work",
                     world.size());
  const std::filesystem::path directory = flags.out;
  std::unique_ptr<SavedTranslator> translator;
  if (flags.resume) {
    check_interrupted(flags);
    translator = SavedTranslator::from_config(directory);
    TranslatorTraining& t = translator->training();
    t.pairs = path_now(t.pairs, flags.training.pairs, "--pairs");
    t.valid_pairs = path_now(t.valid_pairs, flags.training.valid_pairs, "--valid-pairs");
    for (const std::string* file : {&t.pairs, &t.valid_pairs}) check_regular(*file, {"seq2seq train"});
  }
  const TranslatorSizes sizes = checked_sizes(flags);
  PairSplit split = translator ? load_pairs(translator->training().pairs, translator->training().valid_pairs)
                               : load_pairs(flags.training.pairs, flags.training.valid_pairs);
  if (!translator) translator = new_translator(flags, sizes, split);
  TranslatorTraining& training = translator->training();
  if (std::ssize(split.train) != training.pair_count)
    fail<FileError>({"seq2seq train"}, "'{}' now gives {} pairs to train on; need the {} of the interrupted run",
                    training.pairs, split.train.size(), training.pair_count);
  if (!training.pairs_hash.empty() && hash_of(split) != training.pairs_hash)
    fail<FileError>({"seq2seq train"}, "'{}' has changed: it has as many pairs, but others; need the interrupted run's",
                    training.pairs);
  drop_long({"seq2seq train"}, split.train, *translator, "training");
  drop_long({"seq2seq train"}, split.held_out, *translator, "what is held out");
  const Metadata files = {{"--pairs", training.pairs}, {"--valid-pairs", training.valid_pairs}};
  TrainerOptions options = trainer_options(flags, training.rules, training.steps, files, hold_directory(flags));
  options.average = training.average;

  say("Translator ({}) of {} parameters learns {} pairs of {} in {} steps\n",
      arch_names()[static_cast<size_t>(training.arch)], format_count(static_cast<double>(translator->params().numel())),
      split.train.size(), training.pairs.empty() ? "the grammar" : training.pairs, training.steps);
  TranslationScores scores;
  const auto score = [&](const Tell& tell) {
    write_file(directory / kHeldOutFile, tsv(split.held_out));
    scores = translator->score(split.held_out, flags.beam, tell);
    return Measurements{{"exact_match", scores.exact_match}, {"bleu", scores.bleu}, {"chrf", scores.chrf}};
  };
  const TrainingReport report = learn_pairs(*translator, split,
                                            {.steps = training.steps,
                                             .batch = training.batch,
                                             .lr = training.lr,
                                             .label_smoothing = training.label_smoothing,
                                             .seed = training.seed,
                                             .resume = flags.resume,
                                             .trainer = options,
                                             .score = {score},
                                             .on_step = [&](Moment& now) { training.rules.done = now.step; }},
                                            [&, first = true](const std::filesystem::path& into) mutable {
                                              if (std::exchange(first, false))  // of another run, beside its model
                                                remove_if_there(directory / kHeldOutFile, {"seq2seq train"});
                                              translator->save(into);
                                            });

  const std::string use =
      fmt::format("heed seq2seq translate --model {} {}", shell_word(flags.out), shell_word(split.held_out[0].source));
  if (report.ended != Ended::interrupted) {
    const std::string how = flags.beam == 1 ? "greedily" : fmt::format("with a beam of {}", flags.beam);
    say("{} steps in {}; held-out sentences, translated {}; saved in {}\n{}", report.steps,
        format_duration(report.seconds), how, directory.string(), format_scores(scores));
    if (flags.json)
      print_report(report, translator->params().numel(),
                   to_json(arch_names()[static_cast<size_t>(training.arch)], scores));
  }
  say_end("seq2seq", report, flags, use);
  return exit_code_of(report);
}

// --- evaluate -------------------------------------------------------------------------------------------------------

int evaluate_translator(const TranslatorEvaluateFlags& flags) {
  const Op op{"seq2seq evaluate"};
  const auto translator = load_translator(flags.model);
  const std::filesystem::path held_out = std::filesystem::path(flags.model) / kHeldOutFile;
  if (flags.pairs.empty() && !is_there(held_out))
    fail<FileError>(op, "'{}' has no {}, which training writes at its end; need --pairs FILE", flags.model,
                    kHeldOutFile);
  std::vector<SentencePair> pairs = tokenize(read_pairs(flags.pairs.empty() ? held_out.string() : flags.pairs));
  drop_long(op, pairs, *translator, "what is scored");
  const TranslationScores scores = translator->score(pairs, flags.beam);
  if (flags.json)
    fmt::print("{}\n", dump_json(to_json(arch_names()[static_cast<size_t>(translator->training().arch)], scores)));
  else fmt::print("{}", format_scores(scores));
  return 0;
}

// --- translate -------------------------------------------------------------------------------------------------------

namespace {

/// The words of a sentence as people write it.
std::string words_of(const std::string& raw) {
  if (const size_t bad = find_invalid_utf8(raw); bad != raw.npos)
    throw UsageError(fmt::format("the sentence is not UTF-8: byte {} (0x{:02x}); need UTF-8", bad,
                                 static_cast<unsigned char>(raw[bad])));
  return tokenize(raw);
}

/// The words in parts that the model can take, said aloud if there are several. A part ends behind the last mark that
/// ends a sentence, or else a clause, or else with the last word that fits.
std::vector<std::string> parts_of(const std::string& sentence, const SavedTranslator& translator) {
  const int64_t most = translator.training().max_length;
  const std::vector<std::string> words = split_words(sentence);
  std::vector<std::string> parts;
  for (size_t first = 0; first < words.size();) {
    size_t end = first;
    for (int64_t tokens = 0; end < words.size(); ++end) {
      const int64_t more = std::ssize(translator.source_tokens().encode(words[end]));
      if (more > most)
        throw UsageError(fmt::format("word '{} ...' is {} tokens; the model takes at most {}", words[end].substr(0, 40),
                                     more, most));
      if ((tokens += more) > most) break;
    }
    if (end < words.size()) {
      const auto last_of = [&](const std::set<std::string>& marks) {
        size_t i = end;
        while (i > first && !marks.contains(words[i - 1])) --i;
        return i;
      };
      if (const size_t stop = last_of({".", "!", "?", "…"}); stop > first) end = stop;
      else if (const size_t pause = last_of({",", ";", ":"}); pause > first) end = pause;
    }
    const std::span part(words.begin() + static_cast<std::ptrdiff_t>(first), end - first);
    parts.push_back(join(std::vector<std::string>(part.begin(), part.end()), " "));
    first = end;
  }
  if (parts.size() > 1)
    say("heed: '{} ...' is longer than the {} tokens that the model takes; split in {}\n", sentence.substr(0, 40), most,
        parts.size());
  return parts;
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
      say("heed: the model{} does not know '{}'\n", which, word);
}

AttentionPage translation_page(const TranslateFlags& flags, const SavedTranslator& translator,
                               const SavedTranslator* beside, std::span<const std::string> sentences,
                               std::span<const models::Translation> translations) {
  const char* kind = translator.training().arch == Arch::attention ? "Encoder-decoder with attention: " : "";
  AttentionPage page{.title = "What a translator looks at", .about = kind + about(translator), .examples = {}};
  for (size_t i = 0; i < sentences.size(); ++i) {
    PageExample& example = page.examples.emplace_back(page_example(translator, sentences[i], translations[i]));
    example.lanes.push_back(
        beside ? page_lane(*beside, sentences[i], beside->translate(sentences.subspan(i, 1), flags.beam)[0])
               : scheme_lane(example.lanes.front()));
  }
  return page;
}

/// Says aloud if much of a sentence may have been lost: no end was found, or the translation is less than half as long.
void say_short(const std::string& sentence, const models::Translation& translation) {
  const size_t words = split_words(sentence).size(), written = translation.tokens.size();
  if (!translation.finished)
    say("heed: the translation of '{} ...' found no end and was cut off after {} tokens\n", sentence.substr(0, 40),
        written);
  else if (words >= kManyWords && 2 * written < words)
    say("heed: {} words became {} tokens: '{} ...' may be longer than what the model learned from\n", words, written,
        sentence.substr(0, 40));
}

/// Translates each sentence, given in parts, and prints it.
std::vector<models::Translation> answer(const TranslateFlags& flags, const SavedTranslator& translator,
                                        const std::vector<std::vector<std::string>>& sentences) {
  std::vector<std::string> all;
  for (const auto& parts : sentences) all.insert(all.end(), parts.begin(), parts.end());
  say_unknown(translator, all, "");
  const std::vector<models::Translation> translations = translator.translate(all, flags.beam);
  size_t next = 0;
  for (const auto& parts : sentences) {
    std::string text, drawings;
    for (const std::string& part : parts) {
      const models::Translation& translation = translations[next++];
      text += (text.empty() ? "" : " ") + translator.text(translation, part);
      say_short(part, translation);
      if (flags.align) drawings += "\n" + translator.draw(part, translation) + "\n";
    }
    fmt::print("{}\n{}", text, drawings);
  }
  std::fflush(stdout);
  return translations;
}

/// A line for each line of stdin, as it comes. One that cannot be translated is said, and answered by an empty line.
int answer_lines(const TranslateFlags& flags, const SavedTranslator& translator) {
  int exit_code = 0;
  std::string line;
  int64_t number = 1;
  for (; !std::ferror(stdout) && std::getline(std::cin, line); ++number) {
    std::vector<std::vector<std::string>> sentence(1);
    try {
      sentence[0] = parts_of(words_of(line), translator);
    } catch (const Error& error) {
      say("heed: line {}: {}\n", number, error.what());
      exit_code = 1;
    }
    answer(flags, translator, sentence);
  }
  if (std::cin.bad())
    fail<FileError>({"seq2seq translate"},
                    "line {} of standard input cannot be read, or memory has no room for it; need a sentence in each "
                    "line",
                    number);
  return exit_code;
}

}  // namespace

int translate(const TranslateFlags& flags) {
  const Op op{"seq2seq translate"};
  if (flags.page.empty() && !flags.beside.empty())
    fail<UsageError>(op, "--beside is drawn in a page; need --page FILE too");
  if (!flags.page.empty() && flags.sentences.empty())
    fail<UsageError>(op, "--page shows the sentences of the command line; need at least one");
  std::vector<std::string> words;
  for (const std::string& sentence : flags.sentences) {
    words.push_back(words_of(sentence));
    if (words.back().empty()) fail<UsageError>(op, "sentence '{}' has no words; need at least one", sentence);
  }
  const auto translator = load_translator(flags.model), beside = load_beside(flags);
  for (const auto& [given, name] : {std::pair(flags.align, "--align"), {!flags.page.empty(), "--page"}})
    if (given && translator->training().arch == Arch::rnn)
      fail<UsageError>(op, "{} asks where an rnn without attention looks; need a model with attention", name);
  if (flags.sentences.empty()) return answer_lines(flags, *translator);

  std::optional<AtomicFile> page;
  if (!flags.page.empty()) page.emplace(flags.page);  // before anything is said
  std::vector<std::vector<std::string>> sentences;
  std::vector<std::string> parts;
  for (const std::string& sentence : words) {
    sentences.push_back(parts_of(sentence, *translator));
    parts.insert(parts.end(), sentences.back().begin(), sentences.back().end());
  }
  if (beside) say_unknown(*beside, parts, " beside it");
  const auto translations = answer(flags, *translator, sentences);
  if (page) {
    page->write(page_html(translation_page(flags, *translator, beside.get(), parts, translations)));
    page->commit();
  }
  return 0;
}

}  // namespace heed::train::program

// Sentence pairs from a file, made into words, and into batches for a translator.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <heed/tensor/error.h>
#include <heed/tensor/random.h>
#include <heed/tensor/tensor.h>
#include <heed/train/data/grammar/grammar.h>
#include <heed/train/data/tokenizer/words.h>

namespace heed::train {

/// The pairs of a UTF-8 file with one pair a line: source, tab, target; anything behind a second tab is left
/// out, as are blank lines, a byte order mark and "\r" at line ends. Throws FileError as read_text does, and
/// naming file and line if a line has no tab or an empty side, or if there is no pair at all.
std::vector<SentencePair> read_pairs(const std::filesystem::path& path, Loc loc = Loc::current());

/// A raw sentence as lower-case words with one space between them. Every punctuation mark is a word. An
/// apostrophe stays with an elided French word before it ("l'homme" gives "l' homme"), else it goes with what
/// follows ("I'm" gives "i 'm"); "aujourd'hui" is one word. Hyphens within words stay. Throws ValueError if
/// `raw` is not UTF-8.
std::string tokenize(std::string_view raw, Loc loc = Loc::current());
std::vector<SentencePair> tokenize(std::span<const SentencePair> raw, Loc loc = Loc::current());

struct PairSplit {
  std::vector<SentencePair> train, held_out;
};

/// A share of the distinct source sentences, rounded to the nearest count, drawn by `seed`, goes with all its
/// translations to held_out; the rest to train. Both keep the order of `pairs`. No source is in both.
/// Throws ValueError if fraction is not in [0, 1].
PairSplit split_pairs(std::span<const SentencePair> pairs, double fraction, uint64_t seed, Loc loc = Loc::current());

/// Sentences of the grammar: distinct ones to train on, and others that training never sees.
PairSplit grammar_pairs(int64_t train = 40'000, int64_t held_out = 1'000, uint64_t seed = 0, Loc loc = Loc::current());

/// All sources, or all targets.
std::vector<std::string> side(std::span<const SentencePair> pairs, std::string SentencePair::*which);

/// B pairs, sources padded to S words and targets to T. All tensors are i64.
struct PairBatch {
  Tensor source;         ///< (B, S): word ids, then Words::kPad
  Tensor source_length;  ///< (B): words of each source
  Tensor decoder_input;  ///< (B, T): kBos, the words, then kPad
  Tensor targets;        ///< (B, T): the words, kEos, then -1, which losses leave out

  /// How many targets count: all words, and an end for each pair.
  int64_t target_words() const;
};

/// Pairs as word ids, to be taken in batches.
class PairSet {
 public:
  /// Words that the vocabularies lack become Words::kUnk. Throws ValueError if there is no pair or a side has
  /// no words.
  PairSet(std::span<const SentencePair> pairs, const Words& source_words, const Words& target_words,
          Loc loc = Loc::current());

  int64_t size() const { return std::ssize(pairs_); }

  /// The row numbers of the batches of one epoch: every pair once, `batch` to a batch (one may be smaller).
  /// Pairs are shuffled, then sorted by the lengths of source and target, so that those that share a batch
  /// need little padding; then the batches are shuffled. The generator decides all. Throws ValueError if
  /// batch is less than 1.
  std::vector<std::vector<int64_t>> epoch(int64_t batch, Rng& rng, Loc loc = Loc::current()) const;

  /// The same without any chance: rows 0, 1, 2, ... as they come. For evaluation.
  std::vector<std::vector<int64_t>> in_order(int64_t batch, Loc loc = Loc::current()) const;

  /// The pairs of some rows, padded. Throws IndexError for a row outside [0, size()), ValueError if there are
  /// none.
  PairBatch batch(std::span<const int64_t> rows, Loc loc = Loc::current()) const;

 private:
  struct Ids {
    std::vector<int64_t> source, target;
  };
  std::vector<Ids> pairs_;
};

/// The batches of every epoch in turn. An epoch's order depends on the seed and its number alone, so that a resumed run
/// finds its place.
class PairBatches {
 public:
  /// `set` must outlive it. Throws ValueError if batch is less than 1.
  PairBatches(const PairSet& set, int64_t batch, uint64_t seed, Loc loc = Loc::current());
  /// The batch of a step, counted from 0.
  PairBatch at(int64_t step);

 private:
  const PairSet& set_;
  int64_t batch_;
  uint64_t seed_;
  int64_t epoch_ = -1;
  std::vector<std::vector<int64_t>> rows_;
};

}  // namespace heed::train

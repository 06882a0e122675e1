// Sentence pairs from a file, made into words, and into batches for a translator.
#pragma once

#include <array>
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
#include <heed/train/data/tokenizer/tokenizer.h>

namespace heed::train {

/// The pairs of a UTF-8 file with one pair a line: source, tab, target. What follows a second tab is left out (files of
/// manythings.org have licences there), and so are blank lines, a byte order mark, "\r" at line ends and white space of
/// any kind around a side. Throws FileError as read_text does, and naming file and line if a line has no tab or an
/// empty side, or if there is no pair at all.
std::vector<SentencePair> read_pairs(const std::filesystem::path& path, Loc loc = Loc::current());

/// A raw sentence as lower-case words with one space between them. Every punctuation mark is a word. An
/// apostrophe stays with an elided French word before it ("l'homme" gives "l' homme"), else it goes with what
/// follows ("I'm" gives "i 'm"); "aujourd'hui" is one word. Hyphens within words stay. Throws ValueError if
/// `raw` is not UTF-8.
std::string tokenize(std::string_view raw, Loc loc = Loc::current());
std::vector<SentencePair> tokenize(std::span<const SentencePair> raw, Loc loc = Loc::current());

/// What is trained on, and what is not.
struct PairSplit {
  std::vector<SentencePair> train, held_out;  ///< no source in both
};

/// A share of the distinct source sentences, rounded to the nearest count, drawn by `seed`, goes with all its
/// translations to held_out; the rest to train. Both keep the order of `pairs`. No source is in both.
/// Throws ValueError if fraction is not in [0, 1].
PairSplit split_pairs(std::span<const SentencePair> pairs, double fraction, uint64_t seed, Loc loc = Loc::current());

/// Sentences of the grammar: distinct ones to train on, a tenth of them with a full stop, and others that training
/// never sees. To train on there are all of the grammar's phrases besides.
PairSplit grammar_pairs(int64_t train = 40'000, int64_t held_out = 1'000, uint64_t seed = 0, Loc loc = Loc::current());

/// All sources, or all targets.
std::vector<std::string> side(std::span<const SentencePair> pairs, std::string SentencePair::*which);

/// The tokens of one language's sentences: whole words, or pieces of words. Sentences are words with one space between.
class SentenceTokens {
 public:
  /// Whole words.
  explicit(false) SentenceTokens(Words words);
  /// Byte pairs. Throws ValueError if "<pad>", "<bos>" and "<eos>" are not among the special tokens.
  explicit(false) SentenceTokens(Bpe pieces, Loc loc = Loc::current());
  /// `count` byte pairs, or as many as there are, learnt from sentences. Throws as Bpe::train does.
  static SentenceTokens pieces(std::span<const std::string> sentences, int64_t count, Loc loc = Loc::current());

  /// How many tokens there are.
  int64_t size() const { return tokens_.size(); }
  /// The byte pairs; null if the tokens are whole words.
  const Bpe* bpe() const { return std::get_if<Bpe>(&tokens_.kind()); }
  /// The ids of "<pad>", "<bos>" and "<eos>".
  int64_t pad() const { return special_[0]; }
  int64_t begin() const { return special_[1]; }
  int64_t end() const { return special_[2]; }

  /// The ids of a sentence, without begin and end.
  std::vector<int64_t> encode(std::string_view sentence) const;
  /// The sentence of `ids` up to the first end. Throws IndexError.
  std::string decode(std::span<const int64_t> ids, Loc loc = Loc::current()) const;
  /// Whether the id stands for any unknown word.
  bool is_unknown(int64_t id) const { return id == special_[3]; }
  /// The words of a sentence that have no token, each once, in their order.
  std::vector<std::string> unknown(std::string_view sentence) const;

  /// For people: a token, and those of a sentence. What continues a word has "##" before it.
  std::string shown(int64_t id, Loc loc = Loc::current()) const;
  std::vector<std::string> shown(std::string_view sentence) const;

  /// A tokenizer.json of Hugging Face's `tokenizers`, and back. from_json throws FileError, saying what is wrong.
  std::string to_json() const { return tokens_.to_json(); }
  static SentenceTokens from_json(std::string_view json, Loc loc = Loc::current());

 private:
  const Words* words() const { return std::get_if<Words>(&tokens_.kind()); }

  Tokenizer tokens_;                // words or byte pairs
  std::array<int64_t, 4> special_;  // pad, begin, end, unknown (-1: none)
};

/// B pairs, sources padded to S tokens and targets to T. All tensors are i64.
struct PairBatch {
  Tensor source;         ///< (B, S): token ids, then the padding's
  Tensor source_length;  ///< (B): tokens of each source
  Tensor decoder_input;  ///< (B, T): the begin, the tokens, then padding
  Tensor targets;        ///< (B, T): the tokens, the end, then -1, which losses leave out

  /// How many targets count: all tokens, and an end for each pair.
  int64_t target_tokens() const;
};

/// Pairs as token ids, to be taken in batches.
class PairSet {
 public:
  /// Throws ValueError if there is no pair or a side has no words.
  PairSet(std::span<const SentencePair> pairs, const SentenceTokens& source, const SentenceTokens& target,
          Loc loc = Loc::current());

  /// How many pairs.
  int64_t size() const { return std::ssize(pairs_); }
  /// Tokens of the source of a row in [0, size()).
  int64_t source_size(int64_t row) const { return std::ssize(pairs_[static_cast<size_t>(row)].source); }

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
  int64_t source_pad_, target_pad_, begin_, end_;
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

// One token per word: the vocabularies of the translators.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <heed/tensor/error.h>

namespace heed::train {

/// The words of a text with one space between them.
std::vector<std::string> split_words(std::string_view sentence);

/// A vocabulary of words. Four ids are special; the words follow, the most frequent first, equals in byte
/// order.
class Words {
 public:
  static constexpr int64_t kPad = 0, kBos = 1, kEos = 2, kUnk = 3;  ///< "<pad>", "<bos>", "<eos>", "<unk>"

  /// Every word that occurs at least `min_frequency` times in `sentences`. The names of the special tokens
  /// ("<pad>", "<bos>", "<eos>", "<unk>") are never words. Throws ValueError if no word is left, or one is
  /// not UTF-8.
  static Words from_sentences(std::span<const std::string> sentences, int64_t min_frequency = 1,
                              Loc loc = Loc::current());

  /// How many words there are, the special tokens included.
  int64_t size() const { return static_cast<int64_t>(words_.size()); }
  /// The word of an id; special tokens have their names. Throws IndexError.
  const std::string& word(int64_t id, Loc loc = Loc::current()) const;
  /// The id of a word; kUnk if it is unknown.
  int64_t id(std::string_view word) const;

  /// Ids of the words of a sentence; neither kBos nor kEos is added.
  std::vector<int64_t> encode(std::string_view sentence) const;
  /// The sentence of `ids` up to the first kEos; kPad and kBos are left out. Throws IndexError.
  std::string decode(std::span<const int64_t> ids, Loc loc = Loc::current()) const;
  /// The words of a sentence that the vocabulary lacks, each once, in their order.
  std::vector<std::string> unknown(std::string_view sentence) const;

  /// A tokenizer.json of Hugging Face's `tokenizers`, for sentences whose words have one space between them, and back.
  /// from_json throws FileError, saying what is wrong, for anything else but the vocabularies of heed 0.1.
  std::string to_json() const;
  static Words from_json(std::string_view json, Loc loc = Loc::current());
  /// Whether the ids are the same.
  bool operator==(const Words&) const = default;

 private:
  Words();
  static constexpr int64_t kSpecial = 4;

  bool add(const std::string& word);  ///< false if it was there, or is special

  std::vector<std::string> words_;
  std::map<std::string, int64_t, std::less<>> ids_;  // without the special tokens
};

}  // namespace heed::train

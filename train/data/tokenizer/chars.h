// One token per character: the vocabulary of small GPTs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <heed/tensor/error.h>

namespace heed::train {

/// A vocabulary of Unicode code points; a character's id is its rank in code point order, as in nanoGPT.
class Chars {
 public:
  /// Every distinct character of `text`. Throws ValueError if it is empty or not UTF-8.
  static Chars from_text(std::string_view text, Loc loc = Loc::current());

  /// How many characters there are.
  int64_t size() const { return static_cast<int64_t>(characters_.size()); }

  /// Ids of all characters of `text`. Throws ValueError naming those that the vocabulary lacks, and those it
  /// has; or the byte where `text` is not UTF-8.
  std::vector<int64_t> encode(std::string_view text, Loc loc = Loc::current()) const;

  /// The text of `ids`. Throws IndexError for an id outside [0, size()).
  std::string decode(std::span<const int64_t> ids, Loc loc = Loc::current()) const;

  /// A tokenizer.json of Hugging Face's `tokenizers`, and back. from_json throws FileError, saying what is wrong, for
  /// anything else but the vocabularies of heed 0.1.
  std::string to_json() const;
  static Chars from_json(std::string_view json, Loc loc = Loc::current());
  /// Whether the ids are the same.
  bool operator==(const Chars&) const = default;

 private:
  explicit Chars(std::u32string characters) : characters_(std::move(characters)) {}
  int64_t find(char32_t character) const;  ///< its id, or -1

  std::u32string characters_;  // strictly increasing
};

}  // namespace heed::train

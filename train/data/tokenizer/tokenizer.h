// Any of the tokenizers: of characters, of words, or byte-level BPE.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <heed/tensor/error.h>
#include <heed/train/data/tokenizer/bpe.h>
#include <heed/train/data/tokenizer/chars.h>
#include <heed/train/data/tokenizer/words.h>

namespace heed::train {

constexpr const char* kTokenizerFile = "tokenizer.json";  ///< of a model's directory

/// What a model's folder says of its tokens beside tokenizer.json. save_gpt writes it again.
struct TokenNotes {
  std::optional<int64_t> begin = {};         ///< stands before a text
  std::vector<int64_t> ends = {};            ///< each ends a text
  std::string chat_template = {};            ///< Jinja
  std::string generation = {}, config = {};  ///< generation_config.json and tokenizer_config.json as they were
};

/// Texts to ids and back, by characters, words or byte pairs.
class Tokenizer {
 public:
  /// Which it may be.
  using Kind = std::variant<Chars, Words, Bpe>;
  /// Any of them.
  template <class T>
  requires std::constructible_from<Kind, T>
  explicit(false) Tokenizer(T kind) : kind_(std::move(kind)) {}

  /// Which it is.
  const Kind& kind() const { return kind_; }
  /// How many tokens there are.
  int64_t size() const;
  /// Throws ValueError for text that it has no tokens for.
  std::vector<int64_t> encode(std::string_view text, Loc loc = Loc::current()) const;
  /// Throws IndexError for an id outside [0, size()). begins: whether the ids begin a text, as Bpe::decode says.
  std::string decode(std::span<const int64_t> ids, bool begins = true, Loc loc = Loc::current()) const;
  /// A start of a text that has some megabytes, or all of the text: its ids and those of the rest are those of the
  /// whole.
  std::string_view first_part(std::string_view text) const;
  /// The tokens that the post-processor of its file puts before a text, which encode leaves out.
  std::vector<int64_t> before() const;
  /// The tokens that end a text: those of its folder, or "<|endoftext|>", or none.
  std::vector<int64_t> ends() const;
  /// The first of these, and the token before a text, the same unless the folder says else; -1: none.
  int64_t end_of_text() const;
  int64_t begin_of_text() const;

  /// A tokenizer.json of Hugging Face's `tokenizers`, and back: see Bpe, Chars and Words. load takes such a file, or a
  /// directory with one. Throws FileError, saying what is wrong, for anything else but the vocabularies of heed 0.1.
  std::string to_json() const;
  static Tokenizer from_json(std::string_view json, Loc loc = Loc::current());
  void save(const std::filesystem::path& path, Loc loc = Loc::current()) const;
  static Tokenizer load(std::filesystem::path path, Loc loc = Loc::current());

  TokenNotes notes;  ///< of the folder that SavedGpt or read_tokenizer read

 private:
  Kind kind_;
};

}  // namespace heed::train

// A text as tokens for a GPT: training and validation split, random batches, and windows over all of a split.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <heed/tensor/random.h>
#include <heed/tensor/tensor.h>
#include <heed/train/data/tokenizer/tokenizer.h>

namespace heed::train {

/// Which part of a text: the first 90% of its tokens (rounded down), or the rest; or what two files hold.
enum class Part : uint8_t { train, validation };

/// x: token ids (B, T) i64; y: the ids that follow each (B, T) i64.
struct TokenBatch {
  Tensor x, y;  ///< (B, T) i64
};

/// Token ids somewhere in memory: of two bytes each, or of four where the vocabulary needs them.
class TokenIds {
 public:
  TokenIds() = default;
  explicit TokenIds(std::span<const uint16_t> ids) : size_(ids.size()), narrow_(ids.data()) {}
  explicit TokenIds(std::span<const int32_t> ids) : size_(ids.size()), wide_(ids.data()) {}

  /// How many ids, and id i in [0, size).
  size_t size() const { return size_; }
  int64_t operator[](size_t i) const { return narrow_ ? narrow_[i] : wide_[i]; }
  /// The ids from `first` on, as many as `count`.
  TokenIds part(size_t first, size_t count) const {
    return narrow_ ? TokenIds(std::span(narrow_ + first, count)) : TokenIds(std::span(wide_ + first, count));
  }
  /// All of them, copied.
  std::vector<int64_t> to_vector() const;

 private:
  size_t size_ = 0;
  const uint16_t* narrow_ = nullptr;
  const int32_t* wide_ = nullptr;
};

constexpr const char *kTrainFile = "train.bin", *kValidationFile = "val.bin";  ///< as nanoGPT calls them

/// A text as the ids of its tokens, in two parts.
class Corpus {
 public:
  /// The unix_text of a UTF-8 file, with the vocabulary of all its characters. Throws FileError as read_text does.
  static Corpus from_file(const std::filesystem::path& path, Loc loc = Loc::current());
  /// Throws ValueError if the text is empty or not UTF-8.
  static Corpus from_text(std::string_view text, Loc loc = Loc::current());
  /// With a tokenizer; all of the text is the part `whole`, if that is given. Throws ValueError also if the tokenizer
  /// has no tokens for some of the text.
  static Corpus from_text(std::string_view text, Tokenizer tokenizer, std::optional<Part> whole = {},
                          Loc loc = Loc::current());
  /// The ids of a directory's train.bin and val.bin, or *_train.bin and *_val.bin: two bytes each, as nanoGPT writes
  /// them, or llm.c with its header. They stay in their files, which are mapped. Without a tokenizer, that of the
  /// directory's tokenizer.json. Throws FileError if a file is not there, has half an id, no id, an id that the
  /// tokenizer has not, or not as many as its header says.
  static Corpus from_directory(const std::filesystem::path& directory, std::optional<Tokenizer> tokenizer = {},
                               Loc loc = Loc::current());

  /// How many distinct tokens there are.
  int64_t vocabulary() const { return tokenizer_.size(); }
  /// What made them of the text.
  const Tokenizer& tokenizer() const { return tokenizer_; }
  /// All token ids of a part, in the order of the text. They live as long as the corpus.
  const TokenIds& tokens(Part part) const { return part == Part::train ? train_ : validation_; }
  /// How many bytes of text they are, without the part's first token.
  int64_t bytes(Part part) const;

  /// `batch` windows of `context` tokens, each from a place of its own, drawn as nanoGPT draws them: one word
  /// of the generator for each. Throws ValueError if a size is less than 1, or the part has not context + 1
  /// tokens.
  TokenBatch batch(int64_t batch, int64_t context, Rng& rng, Part part = Part::train, Loc loc = Loc::current()) const;

  /// A whole part in windows of `context` tokens side by side, `batch` windows at a time, so that every token
  /// but the part's first is predicted exactly once. What does not fill a window comes last, as one shorter
  /// window: the mean loss of the part is that of the batches weighted by y.numel(). Throws ValueError if a
  /// size is less than 1, or the part has fewer than 2 tokens.
  std::vector<TokenBatch> windows(int64_t batch, int64_t context, Part part = Part::validation,
                                  Loc loc = Loc::current()) const;

 private:
  Corpus(Tokenizer tokenizer, std::shared_ptr<const void> owner, TokenIds train, TokenIds validation)
      : tokenizer_(std::move(tokenizer)), owner_(std::move(owner)), train_(train), validation_(validation) {}

  Tokenizer tokenizer_;
  std::shared_ptr<const void> owner_;  // of the ids
  TokenIds train_, validation_;
};

/// Writes train.bin, val.bin and tokenizer.json into a directory, as from_directory reads them: the first 90% of the
/// text's bytes, and the rest. The file is read and written as it goes, however long it is; its byte order mark and the
/// "\r" of its line ends are left out, unless `keep_cr`. Throws FileError if it is no UTF-8 text, or the vocabulary
/// does not fit into two bytes, and as Tokenizer::encode does; then no file of the directory is changed. Stopped at
/// any moment over older files, it leaves those, or the new ones, or no val.bin. Returns how many ids each part has.
std::pair<int64_t, int64_t> prepare_corpus(const std::filesystem::path& text, const Tokenizer& tokenizer,
                                           const std::filesystem::path& directory, bool keep_cr = false,
                                           Loc loc = Loc::current());

}  // namespace heed::train

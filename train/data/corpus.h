// A text as characters for a GPT: training and validation split, random batches, and windows over all of a
// split.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <heed/tensor/random.h>
#include <heed/tensor/tensor.h>
#include <heed/train/data/tokenizer/chars.h>

namespace heed::train {

/// Which part of a text: the first 90% of its characters (rounded down), or the rest.
enum class Part : uint8_t { train, validation };

/// x: token ids (B, T) i64; y: the ids that follow each (B, T) i64.
struct TokenBatch {
  Tensor x, y;
};

class Corpus {
 public:
  /// The unix_text of a UTF-8 file, with the vocabulary of all its characters. Throws FileError as read_text does.
  static Corpus from_file(const std::filesystem::path& path, Loc loc = Loc::current());
  /// Throws ValueError if the text is empty or not UTF-8.
  static Corpus from_text(std::string_view text, Loc loc = Loc::current());
  /// With the vocabulary of a trained model. Throws ValueError also if that lacks some of the characters.
  static Corpus from_text(std::string_view text, Chars chars, Loc loc = Loc::current());

  /// How many distinct tokens there are.
  int64_t vocabulary() const { return chars_.size(); }
  const Chars& chars() const { return chars_; }
  /// All token ids of a part, in the order of the text.
  std::span<const int32_t> tokens(Part part) const;

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
  Corpus(Chars chars, std::vector<int32_t> ids) : chars_(std::move(chars)), ids_(std::move(ids)) {}
  static TokenBatch rows(std::span<const int32_t> tokens, std::span<const int64_t> offsets, int64_t context);

  Chars chars_;
  std::vector<int32_t> ids_;  // four bytes each: texts are long
};

}  // namespace heed::train

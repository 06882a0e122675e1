// Byte pair encoding, as GPT-2's: tokens are frequent runs of bytes, and any bytes can be encoded. Or as Llama 2's: of
// characters, with bytes in place of those that the vocabulary lacks.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <heed/tensor/error.h>
#include <heed/train/data/tokenizer/pieces.h>

namespace heed::train {

constexpr const char* kEndOfText = "<|endoftext|>";  ///< GPT-2's special token, between texts

/// A token whose text is never cut: where it stands in a text, it is that token.
struct SpecialToken {
  std::string text;                              ///< as it stands in texts, normalized if the token is
  int64_t id = 0;                                ///< its token
  bool strip_left = false, strip_right = false;  ///< takes the white space on that side with it
  bool normalized = false;                       ///< is looked for in what the others leave of a text
  bool control = true;                           ///< what `tokenizers` call special: no part of what a text says
  std::string name = {};                         ///< of files, where it is not the text

  bool operator==(const SpecialToken&) const = default;  ///< in everything
};

/// Which parts of a text, between its special tokens, get a space before them.
enum class AddedSpace : uint8_t {
  none,
  first_without,  ///< the first, if it has none
  all_without,    ///< those that have none
  all,            ///< all, also those that have one
};

/// How a text is cut, and what is done besides.
struct BpeForm {
  Cut cut = Cut::gpt2;                        ///< into pieces
  AddedSpace added_space = AddedSpace::none;  ///< before parts of it
  bool strips_space = false;                  ///< which decode leaves out, where a text begins
  bool composes = false;                      ///< its letters with their marks (NFC)
  bool takes_whole = false;                   ///< a piece that is a token is that one, whatever its merges say
  bool of_characters = false;                 ///< characters are merged; bytes stand for those that are no tokens

  bool operator==(const BpeForm&) const = default;  ///< in everything
};

/// Text is first cut into pieces, by a new one as GPT-2 cuts it. Within each piece, neighbouring tokens are merged, the
/// earliest learned merge first. Ids of a new one: the 256 bytes in GPT-2's order ("!" is 0), then the merges in
/// theirs, then the special tokens.
class Bpe {
 public:
  /// Two tokens, which become one.
  using Pair = std::pair<int64_t, int64_t>;

  /// Learns merges from `text` until there are `vocabulary` tokens, special ones included, each time the most
  /// frequent pair (of equals, that with the smaller ids); stops early when no pair occurs twice. Throws ValueError
  /// if vocabulary is less than the 256 bytes and the special tokens, or one of these is empty or there twice.
  static Bpe train(std::string_view text, int64_t vocabulary, std::span<const std::string> special = {},
                   Loc loc = Loc::current());

  /// How many tokens there are.
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  /// The bytes of a token. Throws IndexError.
  const std::string& token(int64_t id, Loc loc = Loc::current()) const;
  /// Those that are never cut.
  const std::vector<SpecialToken>& special() const { return special_; }

  /// Those that the post-processor of its file puts before a text, which encode leaves out.
  const std::vector<int64_t>& before() const { return before_; }

  /// As its file says; of a new one GPT-2's.
  const BpeForm& form() const { return form_; }
  /// Whether a piece begins at every space that follows no white space.
  bool cuts_at_spaces() const;

  /// Throws ValueError for a byte that the vocabulary lacks: none does that heed trained.
  std::vector<int64_t> encode(std::string_view text, Loc loc = Loc::current()) const;
  /// The bytes of `ids`; not UTF-8 if they end within a character. Of a form that strips_space, without the space that
  /// encode put before a text, if the ids begin one. Throws IndexError.
  std::string decode(std::span<const int64_t> ids, bool begins = true, Loc loc = Loc::current()) const;

  /// The token that is this byte alone, or -1.
  int64_t token_of_byte(size_t byte) const { return id_of_byte_[byte]; }
  /// The merges in their order: two tokens that become one.
  const std::vector<Pair>& merges() const { return order_; }
  /// The tokens by id, and the merges as "a b", as files show them.
  std::vector<std::string> names() const;
  std::vector<std::string> shown_merges() const;

  /// A tokenizer.json of Hugging Face's `tokenizers`, and back; what was read is written as it came. from_json takes
  /// byte-level BPEs that cut in a way of Cut (other ids, an added space, special tokens anywhere, letters composed
  /// with their marks), and those of characters as Llama 2, TinyLlama and Mistral have them, made from sentencepiece's.
  /// It throws FileError, saying what is wrong, for anything else, and for what would change the ids and heed has not,
  /// by its name. encode leaves out what a post-processor adds around a text, as with add_special_tokens=False.
  std::string to_json() const;
  static Bpe from_json(std::string_view json, Loc loc = Loc::current());
  /// Whether the ids are the same, and the texts of them, however the files are written.
  bool operator==(const Bpe& other) const;

 private:
  struct Merge {
    int32_t left = -1, right = -1, rank = 0, id = 0;  // its place among the merges, and the token that it makes
  };
  struct Part {
    std::string_view text;
    const SpecialToken* special;  // null: text to cut and merge
  };
  class Merger;

  Bpe();  ///< the bytes alone
  int64_t add(const std::string& token);
  void set_special(std::vector<SpecialToken> special);
  /// The longest special token of one of the two kinds that `text` begins with, or null.
  const SpecialToken* special_at(std::string_view text, bool normalized) const;
  bool add_merge(Pair pair, int64_t id);  ///< false if it is there
  /// Of the character at byte i, and moves i behind it; -1: none.
  int64_t id_of_character(std::string_view text, size_t& i) const;
  /// The text between special tokens and these, in turn; `made` holds parts that are not in `text` as they are.
  std::vector<Part> parts(std::string_view text, std::deque<std::string>& made) const;
  std::string normalized(std::string_view text) const;
  /// By one kind of special tokens.
  std::vector<Part> cut(std::string_view text, bool normalized) const;

  std::vector<std::string> tokens_;                            // by id
  std::vector<SpecialToken> special_;                          // the longest first
  std::array<std::vector<int32_t>, 2> by_text_;                // places of the two kinds in it
  const Merge* find_merge(int32_t left, int32_t right) const;  ///< null: they do not merge
  size_t slot(int32_t left, int32_t right) const;

  std::vector<Merge> table_;         // of 2^n: a merge is in the first free slot from its hash on
  std::vector<Pair> order_;          // of the merges
  std::vector<int64_t> id_of_byte_;  // 256; -1: none
  BpeForm form_;
  std::unordered_map<std::string, int64_t> whole_;    // tokens by their bytes, if pieces may be taken whole
  std::unordered_map<char32_t, int64_t> characters_;  // tokens of one
  std::vector<int64_t> before_;
  std::string json_;  // that was read
};

}  // namespace heed::train

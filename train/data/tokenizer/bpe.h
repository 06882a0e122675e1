// Byte-level byte pair encoding, as GPT-2's: tokens are frequent runs of bytes, and any bytes can be encoded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <heed/tensor/error.h>

namespace heed::train {

/// Text is first cut as GPT-2 cuts it: a word with the space before it, a number, a run of signs, white
/// space, and 's, 't, 're, 've, 'm, 'll, 'd apart. Within each piece, neighbouring tokens are merged, the
/// earliest learned merge first. Ids: the 256 bytes in GPT-2's order ("!" is 0), then the merges in theirs.
/// Which characters are letters or digits is exact for Latin text; other scripts may be cut differently from
/// GPT-2.
class Bpe {
 public:
  /// Learns merges from `text` until there are `vocabulary` tokens, each time the most frequent pair (of
  /// equals, that with the smaller ids); stops early when no pair occurs twice. Throws ValueError if
  /// vocabulary is less than 256.
  static Bpe train(std::string_view text, int64_t vocabulary, Loc loc = Loc::current());

  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  /// The bytes of a token. Throws IndexError.
  const std::string& token(int64_t id, Loc loc = Loc::current()) const;

  std::vector<int64_t> encode(std::string_view text) const;
  /// The bytes of `ids`; not UTF-8 if they end within a character. Throws IndexError.
  std::string decode(std::span<const int64_t> ids, Loc loc = Loc::current()) const;

  /// GPT-2's merges file (merges.txt, vocab.bpe): a line a merge, two tokens with a space between, in which
  /// every byte is shown as a printable character ("Ġ" is a space); an optional first line "#version: ...".
  /// from_merges throws FileError with the line if a merge is not two tokens that exist by then, or is there
  /// twice.
  std::string to_merges() const;
  static Bpe from_merges(std::string_view merges, Loc loc = Loc::current());
  void save(const std::filesystem::path& path, Loc loc = Loc::current()) const;
  static Bpe load(const std::filesystem::path& path, Loc loc = Loc::current());

 private:
  using Pair = std::pair<int64_t, int64_t>;

  Bpe();
  static Bpe parse(std::string_view merges, const std::string& from, const Op& op);
  void add(Pair pair);
  std::vector<int64_t> bytes_of(std::string_view piece) const;
  std::vector<int64_t> merged(std::vector<int64_t> ids) const;

  std::vector<std::string> tokens_;  // by id
  std::map<Pair, int64_t> merges_;   // to the id of the token that they make, which is also their order
  std::vector<int64_t> id_of_byte_;  // 256
};

/// The pieces that text is cut into before merging; together they are the text. Public for tests.
std::vector<std::string_view> gpt2_pieces(std::string_view text);

}  // namespace heed::train

#include <heed/train/data/tokenizer/bpe.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>

namespace heed::train {

namespace {

enum class Class : uint8_t { space, letter, digit, sign };

Class class_of(char32_t c) {
  const bool fraction = c == 0xB2 || c == 0xB3 || c == 0xB9 || (c >= 0xBC && c <= 0xBE);  // ² ³ ¹ ¼ ½ ¾
  if ((c >= U'0' && c <= U'9') || fraction) return Class::digit;
  if (is_space(c) && c != 0x200B && c != 0xFEFF) return Class::space;
  const bool combining = c >= 0x300 && c <= 0x36F;
  return is_word_character(c) && !combining ? Class::letter : Class::sign;
}

/// Bytes of the contraction at the start of `text`, or 0.
size_t contraction(std::string_view text) {
  for (std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(ending)) return ending.size();
  return 0;
}

/// Where the run of characters of one class that starts at byte i ends; `last` becomes the start of its last
/// character.
size_t run_end(std::string_view text, size_t i, Class wanted, size_t& last) {
  last = i;
  for (size_t next = i; i < text.size(); i = next) {
    if (class_of(next_code_point(text, next)) != wanted) break;
    last = i;
  }
  return i;
}

/// The character that stands for each byte in a merges file: itself if printable in Latin-1, else one from
/// U+0100 on.
char32_t shown(int byte) {
  const auto printable = [](int b) { return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE; };
  if (printable(byte)) return static_cast<char32_t>(byte);
  char32_t stand_in = 0x100;
  for (int b = 0; b < byte; ++b) stand_in += !printable(b);
  return stand_in;
}

std::string shown(const std::string& token) {
  std::string text;
  for (const char c : token) text += encode_utf8(shown(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::vector<std::string_view> gpt2_pieces(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + contraction(text.substr(i)), last = 0, first = i, peek = i;
    if (end == i) {
      // A space may lead a word, but not white space.
      if (text[i] == ' ' && i + 1 < text.size()) peek = first = i + 1;
      Class kind = class_of(next_code_point(text, peek));
      if (kind == Class::space) first = peek = i, kind = class_of(next_code_point(text, peek));
      end = run_end(text, first, kind, last);
      // White space leaves its last character to what follows, if it has more than one.
      if (kind == Class::space && end < text.size() && last > i) end = last;
    }
    pieces.push_back(text.substr(i, end - i));
    i = end;
  }
  return pieces;
}

Bpe::Bpe() : id_of_byte_(256) {
  // The bytes shown as themselves come first, then the others: the order of the characters that show them.
  std::vector<int> order(256);
  for (int b = 0; b < 256; ++b) order[b] = b;
  std::sort(order.begin(), order.end(), [](int a, int b) { return shown(a) < shown(b); });
  for (int64_t id = 0; id < 256; ++id) {
    tokens_.emplace_back(1, static_cast<char>(order[id]));
    id_of_byte_[order[id]] = id;
  }
}

void Bpe::add(Pair pair) {
  merges_.emplace(pair, size());
  tokens_.push_back(tokens_[pair.first] + tokens_[pair.second]);
}

std::vector<int64_t> Bpe::bytes_of(std::string_view piece) const {
  std::vector<int64_t> ids;
  ids.reserve(piece.size());
  for (const char c : piece) ids.push_back(id_of_byte_[static_cast<unsigned char>(c)]);
  return ids;
}

namespace {

struct HashPair {
  size_t operator()(const std::pair<int64_t, int64_t>& pair) const {
    return std::hash<uint64_t>()(static_cast<uint64_t>(pair.first) << 32 ^ static_cast<uint64_t>(pair.second));
  }
};

bool holds(const std::vector<int64_t>& ids, std::pair<int64_t, int64_t> pair) {
  for (size_t i = 0; i + 1 < ids.size(); ++i)
    if (ids[i] == pair.first && ids[i + 1] == pair.second) return true;
  return false;
}

/// Every occurrence of `pair`, from the left, becomes `id`.
void replace(std::vector<int64_t>& ids, std::pair<int64_t, int64_t> pair, int64_t id) {
  size_t kept = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const bool here = i + 1 < ids.size() && ids[i] == pair.first && ids[i + 1] == pair.second;
    ids[kept++] = here ? id : ids[i];
    i += here;
  }
  ids.resize(kept);
}

}  // namespace

std::vector<int64_t> Bpe::merged(std::vector<int64_t> ids) const {
  while (ids.size() > 1) {
    auto best = merges_.end();
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = merges_.find({ids[i], ids[i + 1]});
      if (found != merges_.end() && (best == merges_.end() || found->second < best->second)) best = found;
    }
    if (best == merges_.end()) break;
    replace(ids, best->first, best->second);
  }
  return ids;
}

Bpe Bpe::train(std::string_view text, int64_t vocabulary, Loc loc) {
  if (vocabulary < 256)
    fail<ValueError>({"Bpe::train", loc}, "vocabulary is {}; need at least the 256 bytes", vocabulary);
  Bpe bpe;
  std::map<std::string_view, int64_t> frequency;
  for (const std::string_view piece : gpt2_pieces(text)) ++frequency[piece];
  std::vector<std::pair<std::vector<int64_t>, int64_t>> pieces;
  for (const auto& [piece, count] : frequency) pieces.emplace_back(bpe.bytes_of(piece), count);

  // Pairs and the pieces that hold them, or did; counts change only where a merge happens.
  struct Seen {
    int64_t count = 0;
    std::vector<size_t> places;
  };
  std::unordered_map<Pair, Seen, HashPair> seen;
  const auto count = [&](size_t piece, int64_t sign) {
    const auto& [ids, times] = pieces[piece];
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      Seen& pair = seen[{ids[i], ids[i + 1]}];
      pair.count += sign * times;
      if (sign > 0 && (pair.places.empty() || pair.places.back() != piece)) pair.places.push_back(piece);
    }
  };
  for (size_t piece = 0; piece < pieces.size(); ++piece) count(piece, 1);
  while (bpe.size() < vocabulary && !seen.empty()) {
    const auto best = std::max_element(seen.begin(), seen.end(), [](auto& a, auto& b) {
      return std::pair(a.second.count, b.first) < std::pair(b.second.count, a.first);
    });
    if (best->second.count < 2) break;
    const Pair pair = best->first;
    for (const size_t piece : std::exchange(best->second.places, {})) {
      if (!holds(pieces[piece].first, pair)) continue;
      count(piece, -1);
      replace(pieces[piece].first, pair, bpe.size());
      count(piece, 1);
    }
    seen.erase(pair);
    bpe.add(pair);
  }
  return bpe;
}

const std::string& Bpe::token(int64_t id, Loc loc) const {
  if (id < 0 || id >= size())
    fail<IndexError>({"Bpe::token", loc}, "id {} is not in the vocabulary; need 0 to {}", id, size() - 1);
  return tokens_[id];
}

std::vector<int64_t> Bpe::encode(std::string_view text) const {
  std::unordered_map<std::string_view, std::vector<int64_t>> known;  // words come again and again
  std::vector<int64_t> ids;
  for (const std::string_view piece : gpt2_pieces(text)) {
    auto found = known.find(piece);
    if (found == known.end()) found = known.emplace(piece, merged(bytes_of(piece))).first;
    ids.insert(ids.end(), found->second.begin(), found->second.end());
  }
  return ids;
}

std::string Bpe::decode(std::span<const int64_t> ids, Loc loc) const {
  std::string text;
  for (const int64_t id : ids) text += token(id, loc);
  return text;
}

std::string Bpe::to_merges() const {
  std::vector<Pair> order(merges_.size());
  for (const auto& [pair, id] : merges_) order[id - 256] = pair;
  std::string text = "#version: 0.2\n";
  for (const auto& [left, right] : order) text += shown(tokens_[left]) + " " + shown(tokens_[right]) + "\n";
  return text;
}

Bpe Bpe::parse(std::string_view merges, const std::string& from, const Op& op) {
  Bpe bpe;
  std::map<std::string, int64_t, std::less<>> ids;
  for (int64_t id = 0; id < 256; ++id) ids.emplace(shown(bpe.tokens_[id]), id);
  int64_t line = 0;
  while (!merges.empty()) {
    const size_t end = std::min(merges.find('\n'), merges.size());
    std::string_view row = merges.substr(0, end);
    merges.remove_prefix(std::min(end + 1, merges.size()));
    ++line;
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty() || (line == 1 && row.starts_with("#version"))) continue;
    const size_t space = row.find(' ');
    const auto left = ids.find(row.substr(0, space));
    const auto right = space == row.npos ? ids.end() : ids.find(row.substr(space + 1));
    if (left == ids.end() || right == ids.end())
      fail<FileError>(op, "{}:{}: \"{}\" is no merge; need two tokens that are bytes or earlier merges", from, line,
                      row);
    const Pair pair{left->second, right->second};
    if (bpe.merges_.count(pair)) fail<FileError>(op, "{}:{}: \"{}\" is there twice", from, line, row);
    // Two merges may spell one token; the first keeps the name.
    ids.emplace(left->first + right->first, bpe.size());
    bpe.add(pair);
  }
  return bpe;
}

Bpe Bpe::from_merges(std::string_view merges, Loc loc) { return parse(merges, "merges", Op{"Bpe::from_merges", loc}); }

void Bpe::save(const std::filesystem::path& path, Loc loc) const { write_file(path, to_merges(), loc); }

Bpe Bpe::load(const std::filesystem::path& path, Loc loc) {
  const Op op{"Bpe::load", loc};
  return parse(read_text(path, op), path.string(), op);
}

}  // namespace heed::train

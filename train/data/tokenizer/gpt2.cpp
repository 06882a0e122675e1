#include <heed/train/data/tokenizer/gpt2.h>

#include <array>
#include <unordered_map>

#include <fmt/format.h>

#include <heed/tensor/io/utf8.h>

namespace heed::train {
namespace {

/// What the pattern tells apart: marks are signs to it.
CharClass kind_of(char32_t c) {
  if (c < 0x80) {
    static const auto kAscii = [] {
      std::array<CharClass, 0x80> kinds{};
      for (char32_t a = 0; a < kinds.size(); ++a) kinds[a] = class_of(a);
      return kinds;
    }();
    return kAscii[c];
  }
  const CharClass kind = class_of(c);
  return kind == CharClass::mark ? CharClass::other : kind;
}

/// Bytes of the contraction at the start of `text`, or 0.
size_t contraction(std::string_view text) {
  if (text[0] == '\'')
    for (std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
      if (text.starts_with(ending)) return ending.size();
  return 0;
}

/// Where the run of characters of one class that starts at byte i ends; `last` becomes the start of its last
/// character.
size_t run_end(std::string_view text, size_t i, CharClass wanted, size_t& last) {
  last = i;
  for (size_t next = i; i < text.size(); i = next) {
    if (kind_of(next_code_point(text, next)) != wanted) break;
    last = i;
  }
  return i;
}

/// The characters that show the bytes: those that print in Latin-1 themselves, the others from U+0100 on.
const std::array<char32_t, 256>& shown_as() {
  static const auto kShown = [] {
    std::array<char32_t, 256> shown{};
    char32_t stand_in = 0x100;
    for (int b = 0; b < 256; ++b) {
      const bool prints = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      shown[b] = prints ? static_cast<char32_t>(b) : stand_in++;
    }
    return shown;
  }();
  return kShown;
}

}  // namespace

size_t gpt2_piece_end(std::string_view text, size_t i) {
  if (const size_t bytes = contraction(text.substr(i))) return i + bytes;
  size_t last = 0, first = i, peek = i;
  // A space may lead a word, but not white space.
  if (text[i] == ' ' && i + 1 < text.size()) peek = first = i + 1;
  CharClass kind = kind_of(next_code_point(text, peek));
  if (kind == CharClass::space) first = peek = i, kind = kind_of(next_code_point(text, peek));
  const size_t end = run_end(text, first, kind, last);
  // White space leaves its last character to what follows, if it has more than one.
  return kind == CharClass::space && end < text.size() && last > i ? last : end;
}

std::vector<std::string_view> gpt2_pieces(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (size_t i = 0, end = 0; i < text.size(); i = end) {
    end = gpt2_piece_end(text, i);
    pieces.push_back(text.substr(i, end - i));
  }
  return pieces;
}

std::string shown_bytes(std::string_view token) {
  std::string text;
  for (const char c : token) text += encode_utf8(shown_as()[static_cast<unsigned char>(c)]);
  return text;
}

std::string legible_bytes(std::string_view token) {
  std::string text;
  for (size_t bad; (bad = find_invalid_utf8(token)) != token.npos; token.remove_prefix(bad + 1))
    text += fmt::format("{}<{:02X}>", token.substr(0, bad), static_cast<unsigned char>(token[bad]));
  return text.append(token);
}

std::optional<std::string> bytes_shown(std::string_view text) {
  static const auto kBytes = [] {
    std::unordered_map<char32_t, char> bytes;
    for (int b = 0; b < 256; ++b) bytes.emplace(shown_as()[b], static_cast<char>(b));
    return bytes;
  }();
  std::string token;
  for (size_t i = 0; i < text.size();) {
    const auto found = kBytes.find(next_code_point(text, i));
    if (found == kBytes.end()) return std::nullopt;
    token += found->second;
  }
  return token;
}

}  // namespace heed::train

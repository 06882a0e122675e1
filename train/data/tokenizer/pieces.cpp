#include <heed/train/data/tokenizer/pieces.h>

#include <algorithm>
#include <array>

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

/// Bytes of the contraction at the start of `text`, in small letters or in any, or 0.
size_t contraction(std::string_view text, bool any_case) {
  if (text[0] != '\'') return 0;
  if (any_case && text.starts_with("'\u017F")) return 3;  // the long s
  const auto agrees = [any_case](char c, char small) { return c == small || (any_case && c == (small & ~0x20)); };
  for (const std::string_view ending : {"s", "t", "re", "ve", "m", "ll", "d"})
    if (std::ranges::equal(text.substr(1, ending.size()), ending, agrees)) return 1 + ending.size();
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

// '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t gpt2_end(std::string_view text, size_t i) {
  if (const size_t bytes = contraction(text.substr(i), false)) return i + bytes;
  size_t last = 0, first = i, peek = i;
  // A space may lead a word, but not white space.
  if (text[i] == ' ' && i + 1 < text.size()) peek = first = i + 1;
  CharClass kind = kind_of(next_code_point(text, peek));
  if (kind == CharClass::space) first = peek = i, kind = kind_of(next_code_point(text, peek));
  const size_t end = run_end(text, first, kind, last);
  // White space leaves its last character to what follows, if it has more than one.
  return kind == CharClass::space && end < text.size() && last > i ? last : end;
}

// White space before a digit is then the end of what GPT-2's pattern sees.
size_t smollm_end(std::string_view text, size_t i) {
  size_t next = i, last = 0;
  const CharClass kind = kind_of(next_code_point(text, next));
  if (kind == CharClass::number) return next;
  if (kind == CharClass::space)
    if (size_t end = next = run_end(text, i, kind, last); end < text.size())
      if (kind_of(next_code_point(text, end)) == CharClass::number) return next;
  return gpt2_end(text, i);
}

// (?i:'[sdmt]|'ll|'ve|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
size_t gpt4_end(std::string_view text, size_t i, int digits) {
  if (const size_t bytes = contraction(text.substr(i), true)) return i + bytes;
  size_t next = i, last = 0;
  const char32_t first = next_code_point(text, next);
  const CharClass kind = kind_of(first);
  const auto follows = [&](CharClass wanted) {
    size_t peek = next;
    return next < text.size() && kind_of(next_code_point(text, peek)) == wanted;
  };
  if (kind == CharClass::number) {
    for (int n = 1; n < digits && follows(kind); ++n) next_code_point(text, next);
    return next;
  }
  if (kind == CharClass::letter || (first != '\r' && first != '\n' && follows(CharClass::letter)))
    return run_end(text, next, CharClass::letter, last);
  if (kind == CharClass::other || (first == ' ' && follows(CharClass::other))) {
    const size_t end = run_end(text, next, CharClass::other, last);
    return std::min(text.find_first_not_of("\r\n", end), text.size());
  }
  const size_t end = run_end(text, i, kind, last), line_break = text.substr(i, end - i).find_last_of("\r\n");
  if (line_break != text.npos) return i + line_break + 1;
  return end < text.size() && last > i ? last : end;
}

}  // namespace

size_t piece_end(std::string_view text, size_t i, Cut cut) {
  switch (cut) {
    case Cut::none: return text.size();
    case Cut::gpt2: return gpt2_end(text, i);
    case Cut::smollm: return smollm_end(text, i);
    case Cut::llama3: return gpt4_end(text, i, 3);
    case Cut::nanochat: return gpt4_end(text, i, 2);
    case Cut::qwen2: return gpt4_end(text, i, 1);
  }
  return text.size();
}

std::vector<std::string_view> pieces_of(std::string_view text, Cut cut) {
  std::vector<std::string_view> pieces;
  for (size_t i = 0, end = 0; i < text.size(); i = end) {
    end = piece_end(text, i, cut);
    pieces.push_back(text.substr(i, end - i));
  }
  return pieces;
}

}  // namespace heed::train

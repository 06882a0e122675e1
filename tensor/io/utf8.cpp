#include <heed/tensor/io/utf8.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <new>

#include <utf8proc.h>

namespace heed {

namespace {

/// Letters and numbers of Unicode 15.1 and 16.0 that older tables call unassigned.
struct Range {
  char32_t first, last;
  CharClass kind;
};
constexpr auto kL = CharClass::letter, kN = CharClass::number;
constexpr Range kNewer[] = {
    {0x1C89, 0x1C8A, kL},   {0xA7CB, 0xA7CD, kL},   {0xA7DA, 0xA7DC, kL},   {0x105C0, 0x105F3, kL},
    {0x10D40, 0x10D49, kN}, {0x10D4A, 0x10D65, kL}, {0x10D6F, 0x10D85, kL}, {0x10EC2, 0x10EC4, kL},
    {0x11380, 0x11389, kL}, {0x1138B, 0x1138B, kL}, {0x1138E, 0x1138E, kL}, {0x11390, 0x113B5, kL},
    {0x113B7, 0x113B7, kL}, {0x113D1, 0x113D1, kL}, {0x113D3, 0x113D3, kL}, {0x116D0, 0x116E3, kN},
    {0x11BC0, 0x11BE0, kL}, {0x11BF0, 0x11BF9, kN}, {0x13460, 0x143FA, kL}, {0x16100, 0x1611D, kL},
    {0x16130, 0x16139, kN}, {0x16D40, 0x16D6C, kL}, {0x16D70, 0x16D79, kN}, {0x18CFF, 0x18CFF, kL},
    {0x1CCF0, 0x1CCF9, kN}, {0x1E5D0, 0x1E5ED, kL}, {0x1E5F0, 0x1E5F0, kL}, {0x1E5F1, 0x1E5FA, kN},
    {0x2EBF0, 0x2EE5D, kL}};

}  // namespace

size_t find_invalid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    // U+FFFD itself takes three bytes; what stands for an invalid byte takes one.
    if (next_code_point(text, i) == U'\uFFFD' && i == start + 1) return start;
  }
  return std::string_view::npos;
}

char32_t next_code_point(std::string_view text, size_t& i) {
  if (const auto byte = static_cast<unsigned char>(text[i]); byte < 0x80) return ++i, byte;
  utf8proc_int32_t point = 0;
  const utf8proc_ssize_t length =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + i,
                       static_cast<utf8proc_ssize_t>(std::min<size_t>(text.size() - i, 4)), &point);
  i += length > 0 ? length : 1;
  return length > 0 ? static_cast<char32_t>(point) : U'\uFFFD';
}

std::u32string decode_utf8(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  for (size_t i = 0; i < text.size();) points += next_code_point(text, i);
  return points;
}

std::string encode_utf8(char32_t c) {
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
  return {reinterpret_cast<const char*>(bytes), static_cast<size_t>(length)};
}

std::string valid_utf8(std::string_view text) { return encode_utf8(decode_utf8(text)); }

std::string encode_utf8(std::u32string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) bytes += encode_utf8(c);
  return bytes;
}

CharClass class_of(char32_t c) {
  const char* const category = utf8proc_category_string(static_cast<utf8proc_int32_t>(c));  // "Lu"
  switch (category[0]) {
    case 'L': return CharClass::letter;
    case 'M': return CharClass::mark;
    case 'N': return CharClass::number;
    case 'Z': return CharClass::space;
  }
  if ((c >= 9 && c <= 13) || c == 0x85) return CharClass::space;
  if (category[1] != 'n') return CharClass::other;  // Cn: not assigned
  const auto range = std::lower_bound(std::begin(kNewer), std::end(kNewer), c,
                                      [](const Range& r, char32_t point) { return r.last < point; });
  return range != std::end(kNewer) && c >= range->first ? range->kind : CharClass::other;
}

std::string composed(std::string_view text) {
  std::string all;
  while (!text.empty()) {
    const std::string_view valid = text.substr(0, find_invalid_utf8(text));
    utf8proc_uint8_t* made = nullptr;
    const utf8proc_ssize_t length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()),
                                                 static_cast<utf8proc_ssize_t>(valid.size()), &made,
                                                 static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (length < 0) throw std::bad_alloc();  // valid text has no other error
    all.append(reinterpret_cast<const char*>(made), static_cast<size_t>(length));
    std::free(made);
    all += text.substr(valid.size(), 1);
    text.remove_prefix(std::min(valid.size() + 1, text.size()));
  }
  return all;
}

char32_t lower_case(char32_t c) { return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))); }

bool is_word_character(char32_t c) { return class_of(c) <= CharClass::number; }

bool is_space(char32_t c) { return class_of(c) == CharClass::space || c == 0x200B || c == 0xFEFF; }

}  // namespace heed

// UTF-8 and Unicode's classes of characters, from utf8proc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace heed {

/// Byte offset of the first byte that is not part of valid UTF-8, or std::string_view::npos. Overlong forms,
/// surrogates, code points beyond U+10FFFF and truncated sequences are not valid (RFC 3629).
size_t find_invalid_utf8(std::string_view text);

/// The code point that starts at byte i, and moves i behind it. A byte that is not part of valid UTF-8 is
/// U+FFFD alone.
char32_t next_code_point(std::string_view text, size_t& i);

/// Code points of valid UTF-8. What was not checked with find_invalid_utf8 first decodes to U+FFFD byte by
/// byte.
std::u32string decode_utf8(std::string_view text);

/// The text with U+FFFD for each byte that is not part of valid UTF-8.
std::string valid_utf8(std::string_view text);

std::string encode_utf8(char32_t code_point);
std::string encode_utf8(std::u32string_view text);

/// What regular expressions call \p{L}, \p{M}, \p{N}, \s (Unicode's White_Space), and everything else. As of
/// Unicode 16, also where utf8proc is older.
enum class CharClass : uint8_t { letter, mark, number, space, other };
CharClass class_of(char32_t code_point);

/// The text in Unicode's Normalization Form C: letters with their marks composed where one code point has both. Bytes
/// that are not part of valid UTF-8 stay.
std::string composed(std::string_view text);

/// Lower case of any script, where that is one code point; any other code point as it is.
char32_t lower_case(char32_t code_point);

/// Letters with their marks, and numbers.
bool is_word_character(char32_t code_point);

/// White space, and U+200B and U+FEFF, which take no room.
bool is_space(char32_t code_point);

}  // namespace heed

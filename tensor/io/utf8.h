// UTF-8: checking, decoding, encoding, and the lower case of Latin letters.
#pragma once

#include <cstddef>
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

std::string encode_utf8(char32_t code_point);
std::string encode_utf8(std::u32string_view text);

/// Lower case of ASCII, Latin-1 and Latin Extended-A letters (à, ç, é, œ, ...); any other code point as it
/// is.
char32_t lower_case(char32_t code_point);

/// Letters and digits of ASCII, and every code point from U+00C0 on that is not punctuation, space or a sign.
bool is_word_character(char32_t code_point);

/// ASCII white space, and the no-break and typographic spaces that French sets before "!" and "?".
bool is_space(char32_t code_point);

}  // namespace heed

#include <heed/train/data/tokenizer/chars.h>

#include <algorithm>

#include <heed/tensor/io/utf8.h>
#include <heed/train/data/tokenizer/tokenizer_json.h>

namespace heed::train {

namespace {

std::u32string checked(std::string_view text, const Op& op) {
  if (const size_t bad = find_invalid_utf8(text); bad != text.npos)
    fail<ValueError>(op, "the text is not UTF-8: byte {} (0x{:02x})", bad, static_cast<unsigned char>(text[bad]));
  return decode_utf8(text);
}

/// A character as a message can show it.
std::string shown(char32_t c) {
  if (c == U'\n') return "\\n";
  if (c == U'\t') return "\\t";
  if (c == U'\\') return "\\\\";
  if (c < 0x20 || c == 0x7F) return fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
  return encode_utf8(c);
}

constexpr size_t kAtMost = 120;  // characters in a message

std::string shown(std::u32string_view characters) {
  std::string text;
  for (const char32_t c : characters.substr(0, kAtMost)) text += shown(c);
  return characters.size() > kAtMost ? text + "..." : text;
}

}  // namespace

Chars Chars::from_text(std::string_view text, Loc loc) {
  const Op op{"Chars::from_text", loc};
  if (text.empty()) fail<ValueError>(op, "the text is empty; need at least one character");
  const std::u32string points = checked(text, op);
  std::vector<bool> seen(*std::max_element(points.begin(), points.end()) + 1);
  for (const char32_t c : points) seen[c] = true;
  std::u32string characters;
  for (char32_t c = 0; c < seen.size(); ++c)
    if (seen[c]) characters += c;
  return Chars(std::move(characters));
}

int64_t Chars::find(char32_t character) const {
  const auto place = std::lower_bound(characters_.begin(), characters_.end(), character);
  return place != characters_.end() && *place == character ? place - characters_.begin() : -1;
}

std::vector<int64_t> Chars::encode(std::string_view text, Loc loc) const {
  const Op op{"Chars::encode", loc};
  std::vector<int64_t> ids;
  ids.reserve(text.size());
  std::u32string unknown;
  for (const char32_t c : checked(text, op)) {
    ids.push_back(find(c));
    if (ids.back() < 0 && unknown.size() <= kAtMost && unknown.find(c) == unknown.npos) unknown += c;
  }
  if (!unknown.empty())
    fail<ValueError>(op, "unknown characters \"{}\"; the vocabulary has these {}: \"{}\"", shown(unknown), size(),
                     shown(characters_));
  return ids;
}

std::string Chars::decode(std::span<const int64_t> ids, Loc loc) const {
  std::string text;
  text.reserve(ids.size());
  for (const int64_t id : ids) {
    if (id < 0 || id >= size())
      fail<IndexError>({"Chars::decode", loc}, "id {} is not in the vocabulary; need 0 to {}", id, size() - 1);
    text += encode_utf8(characters_[id]);
  }
  return text;
}

/// No constant, since a vocabulary may be written before main.
static Json each_alone() {
  return {{"type", "Split"}, {"pattern", {{"Regex", "[\\s\\S]"}}}, {"behavior", "Isolated"}, {"invert", false}};
}

std::string Chars::to_json() const {
  std::vector<std::string> names;
  for (const char32_t c : characters_) names.push_back(encode_utf8(c));
  return dump_tokenizer(names, {}, each_alone(), nullptr, {{"type", "Fuse"}},
                        {{"type", "WordLevel"}, {"vocab", Json::object()}, {"unk_token", "<unk>"}});
}

Chars Chars::from_json(std::string_view text, Loc loc) {
  const Op op{"Chars::from_json", loc};
  std::u32string characters;
  if (const Json old = parse_sorted_json(text); old.is_object() && old.contains("characters")) {  // of heed 0.1
    if (!old["characters"].is_string()) fail<FileError>(op, "\"characters\" is not text");
    characters = decode_utf8(old["characters"].get<std::string>());
  } else {
    const TokenizerJson json(text, "WordLevel", op);
    json.need("pre_tokenizer", each_alone());
    for (const char* key : {"normalizer", "post_processor"}) json.need(key, nullptr);
    std::vector<SpecialToken> special;
    for (const std::string& name : json.tokens(special)) {
      const std::u32string points = decode_utf8(name);
      if (points.size() != 1) fail<FileError>(op, "the token \"{}\" is not one character", name);
      characters += points;
    }
    if (!special.empty()) json.refuse("added_tokens", special[0].text, "none");
  }
  if (characters.empty()) fail<FileError>(op, "the vocabulary has no characters; need at least one");
  const auto disorder = std::adjacent_find(characters.begin(), characters.end(), std::greater_equal<>());
  if (disorder != characters.end())
    fail<FileError>(op, "the characters are out of order: \"{}\" before \"{}\"; need each once, by code point",
                    shown(disorder[0]), shown(disorder[1]));
  return Chars(std::move(characters));
}

}  // namespace heed::train

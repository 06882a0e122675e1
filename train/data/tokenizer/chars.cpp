#include <heed/train/data/tokenizer/chars.h>

#include <algorithm>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/json.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>

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

std::string shown(std::u32string_view characters) {
  constexpr size_t kAtMost = 120;
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
    if (ids.back() < 0 && unknown.find(c) == unknown.npos) unknown += c;
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

std::string Chars::to_json() const { return dump_json({{"type", "chars"}, {"characters", encode_utf8(characters_)}}); }

Chars Chars::parse(std::string_view text, const std::string& from, const Op& op) {
  const Json json = parse_json(text);
  if (json.is_discarded() || !json.is_object() || json.value("type", Json()) != "chars" ||
      !json.contains("characters") || !json["characters"].is_string())
    fail<FileError>(op, "{} holds no character vocabulary; need {{\"type\": \"chars\", \"characters\": \"...\"}}",
                    from);
  std::u32string characters = decode_utf8(json["characters"].get<std::string>());
  if (characters.empty()) fail<FileError>(op, "{} has no characters; need at least one", from);
  const auto disorder = std::adjacent_find(characters.begin(), characters.end(), std::greater_equal<>());
  if (disorder != characters.end())
    fail<FileError>(op, "{} has characters out of order: \"{}\" before \"{}\"; need each once, by code point", from,
                    shown(disorder[0]), shown(disorder[1]));
  return Chars(std::move(characters));
}

Chars Chars::from_json(std::string_view json, Loc loc) { return parse(json, "the JSON", Op{"Chars::from_json", loc}); }

void Chars::save(const std::filesystem::path& path, Loc loc) const { write_file(path, to_json() + "\n", loc); }

Chars Chars::load(const std::filesystem::path& path, Loc loc) {
  const Op op{"Chars::load", loc};
  return parse(read_text(path, op), '"' + path.string() + '"', op);
}

}  // namespace heed::train

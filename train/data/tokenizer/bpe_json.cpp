// A BPE of bytes or of characters as a tokenizer.json of Hugging Face's `tokenizers` says it.
#include <heed/train/data/tokenizer/bpe.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <utility>

#include <heed/tensor/io/utf8.h>
#include <heed/train/data/tokenizer/gpt2.h>
#include <heed/train/data/tokenizer/tokenizer_json.h>

namespace heed::train {
namespace {

/// A pattern that a Split before ByteLevel may have.
struct Pattern {
  Cut cut;
  const char* regex;
};
constexpr Pattern kPatterns[] = {
    {Cut::llama3,
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {Cut::llama3,
     R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"},
    {Cut::nanochat,
     R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"},
    {Cut::qwen2,
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {Cut::gpt2, R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
    {Cut::gpt2, R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"}};

/// How a pre-tokenizer cuts; std::nullopt for one that heed has not. `byte_level` becomes its part of that type.
std::optional<Cut> cut_of(const nlohmann::json& whole, const nlohmann::json*& byte_level) {
  const nlohmann::json& parts = find_json(whole, "pretokenizers");
  const bool two = find_json(whole, "type") == "Sequence" && parts.is_array() && parts.size() == 2;
  byte_level = two ? &parts[1] : &whole;
  if (find_json(*byte_level, "type") != "ByteLevel") return {};
  const bool cuts = find_json(*byte_level, "use_regex") != false;
  if (!two) return cuts ? Cut::gpt2 : Cut::none;
  const nlohmann::json &first = parts[0], &type = find_json(first, "type");
  if (find_json(*byte_level, "add_prefix_space") != false) return {};  // before each piece
  if (type == "Digits" && find_json(first, "individual_digits") == true && cuts) return Cut::smollm;
  if (type != "Split" || find_json(first, "behavior") != "Isolated" || find_json(first, "invert") == true || cuts)
    return {};
  const auto* found = std::ranges::find_if(kPatterns, [&](const Pattern& pattern) {
    return find_json(find_json(first, "pattern"), "Regex") == pattern.regex;
  });
  return found == std::end(kPatterns) ? std::optional<Cut>() : found->cut;
}

/// Which parts of a text get a space where characters are merged: by Llama 2's normalizer, or by Metaspace.
AddedSpace read_space(const TokenizerJson& json) {
  const nlohmann::json &normalizer = json.part("normalizer"), &cut = json.part("pre_tokenizer"),
                       replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}},
                       prepend = {{"type", "Prepend"}, {"prepend", "\u2581"}};
  if (normalizer.is_null() && find_json(cut, "replacement") == "\u2581" && find_json(cut, "split") == false)
    for (const auto& [name, added] : {std::pair("always", AddedSpace::all_without),
                                      {"first", AddedSpace::first_without},
                                      {"never", AddedSpace::none}})
      if (find_json(cut, "prepend_scheme") == name) return added;
  if (!cut.is_null()) json.refuse("pre_tokenizer", cut, "none, or Metaspace of \"\u2581\" that does not split");
  if (normalizer == replace) return AddedSpace::none;
  if (normalizer == nlohmann::json{{"type", "Sequence"}, {"normalizers", {prepend, replace}}}) return AddedSpace::all;
  json.refuse("normalizer", normalizer, "Llama 2's, which replaces spaces by \"\u2581\"");
}

/// Whether a space is left out of what is decoded there.
bool strips_space(const TokenizerJson& json) {
  nlohmann::json decoder = {{"type", "Sequence"},
                            {"decoders",
                             {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
                              {{"type", "ByteFallback"}},
                              {{"type", "Fuse"}}}}};
  if (json.part("decoder") == decoder) return false;
  decoder["decoders"].push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  if (json.part("decoder") == decoder) return true;
  json.refuse("decoder", json.part("decoder"), "Llama 2's: Replace, ByteFallback, Fuse and perhaps Strip");
}

BpeForm form_of_bytes(const TokenizerJson& json) {
  const nlohmann::json &decoder = json.part("decoder"), &normalizer = json.part("normalizer"), *byte_level = nullptr;
  const std::optional<Cut> cut = cut_of(json.part("pre_tokenizer"), byte_level);
  if (!cut)
    json.refuse("pre_tokenizer", json.part("pre_tokenizer"),
                "ByteLevel, alone or behind the Split of GPT-4, Llama 3, Qwen or nanochat, or SmolLM's Digits");
  if (find_json(decoder, "type") != "ByteLevel") json.refuse("decoder", decoder, "type ByteLevel");
  if (!normalizer.is_null() && find_json(normalizer, "type") != "NFC")
    json.refuse("normalizer", normalizer, "NFC or none");
  const bool spaced = find_json(*byte_level, "add_prefix_space") != false;
  return {.cut = *cut,
          .added_space = spaced ? AddedSpace::all_without : AddedSpace::none,
          .composes = !normalizer.is_null()};
}

BpeForm form_of_characters(const TokenizerJson& json) {
  return {.cut = Cut::none, .added_space = read_space(json), .strips_space = strips_space(json), .of_characters = true};
}

/// Its two tokens, written "a b" or ["a", "b"]; empty ones of what is none.
std::pair<std::string, std::string> parts_of(const nlohmann::json& merge) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  const std::string both = merge.is_string() ? merge.get<std::string>() : "";
  const size_t space = std::min(both.find(' '), both.size());
  return {both.substr(0, space), both.substr(std::min(space + 1, both.size()))};
}

/// The tokens that a post-processor puts before a text.
std::vector<int64_t> ids_before(const nlohmann::json& processor) {
  std::vector<int64_t> ids;
  const auto add = [&](const nlohmann::json& id) { ids.push_back(id.is_number_integer() ? id.get<int64_t>() : -1); };
  for (const nlohmann::json& one : find_json(processor, "processors")) {  // of a Sequence, each around those before
    const std::vector<int64_t> more = ids_before(one);
    ids.insert(ids.begin(), more.begin(), more.end());
  }
  for (const nlohmann::json& piece : find_json(processor, "single")) {  // of a TemplateProcessing: names, and the text
    const nlohmann::json& name = find_json(find_json(piece, "SpecialToken"), "id");
    if (!name.is_string()) break;
    const nlohmann::json& token = find_json(find_json(processor, "special_tokens"), name.get<std::string>().c_str());
    for (const nlohmann::json& id : find_json(token, "ids")) add(id);
  }
  if (const nlohmann::json& cls = find_json(processor, "cls"); cls.is_array() && cls.size() == 2) add(cls[1]);
  return ids;
}

}  // namespace

std::string Bpe::to_json() const {
  if (!json_.empty()) return json_;
  const auto byte_level = [](bool space_first) {
    return Json{{"type", "ByteLevel"}, {"add_prefix_space", space_first}, {"trim_offsets", true}, {"use_regex", true}};
  };
  return dump_tokenizer(names(), special_, byte_level(false), byte_level(true), byte_level(true),
                        {{"type", "BPE"},
                         {"dropout", nullptr},
                         {"unk_token", nullptr},
                         {"continuing_subword_prefix", ""},
                         {"end_of_word_suffix", ""},
                         {"fuse_unk", false},
                         {"byte_fallback", false},
                         {"ignore_merges", false},
                         {"vocab", Json::object()},
                         {"merges", shown_merges()}});
}

Bpe Bpe::from_json(std::string_view text, Loc loc) {
  const Op op{"Bpe::from_json", loc};
  const TokenizerJson json(text, "BPE", op);
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"})
    if (const auto& value = json.model(key); !value.is_null() && value != "" && value != 0)
      json.refuse(key, value, "none");
  Bpe bpe;
  bpe.json_ = text;
  bpe.form_ = json.model("byte_fallback") == true ? form_of_characters(json) : form_of_bytes(json);
  bpe.form_.takes_whole = json.model("ignore_merges") == true;
  const bool characters = bpe.form_.of_characters;

  std::vector<SpecialToken> special;
  bpe.tokens_ = json.tokens(special);
  std::vector<bool> whole(bpe.tokens_.size());
  for (SpecialToken& token : special) {
    whole[token.id] = true;
    if (token.normalized) token.name = std::exchange(token.text, bpe.normalized(token.text));
  }
  bpe.set_special(std::move(special));
  const nlohmann::json& after = json.part("post_processor");
  bpe.before_ = ids_before(after);
  for (const int64_t id : bpe.before_)
    if (id < 0 || id >= bpe.size()) json.refuse("post_processor", after, "ids of the vocabulary in it");
  std::unordered_map<std::string, int64_t> ids;  // by the names that merges use
  bpe.id_of_byte_.assign(256, -1);
  for (int64_t id = 0; id < bpe.size(); ++id) {
    std::string& token = bpe.tokens_[id];
    ids.emplace(token, id);
    if (whole[id]) continue;
    const std::optional<std::string> bytes = characters ? spaces_shown(token) : bytes_shown(token);
    if (!bytes || bytes->empty())
      fail<FileError>(op, "the token \"{}\" is not made of the characters that show bytes, as byte-level tokens are",
                      token);
    if (bpe.form_.takes_whole) bpe.whole_.emplace(*bytes, id);
    if (size_t end = 0; characters && token[0] != ' ')  // which no text has any more
      if (const char32_t first = next_code_point(*bytes, end); end == bytes->size()) bpe.characters_.emplace(first, id);
    token = *bytes;
    if (!characters && token.size() == 1) bpe.id_of_byte_[static_cast<unsigned char>(token[0])] = id;
  }
  for (size_t byte = 0; characters && byte < 256; ++byte)
    if (const auto found = ids.find(name_of_byte(byte)); found != ids.end() && !whole[found->second]) {
      bpe.id_of_byte_[byte] = found->second;
      bpe.tokens_[found->second] = static_cast<char>(byte);
    }
  for (const SpecialToken& token : bpe.special_)
    bpe.tokens_[token.id] = characters ? spaces_shown(token.text) : token.text;
  const nlohmann::json& merges = json.model("merges");
  if (!merges.is_array()) fail<FileError>(op, "the model has no \"merges\"; need an array of them");
  for (const nlohmann::json& merge : merges) {
    const auto [left, right] = parts_of(merge);
    const auto a = ids.find(left), b = ids.find(right), both = ids.find(left + right);
    if (a == ids.end() || b == ids.end() || both == ids.end())
      fail<FileError>(op, "the merge {} is not of two tokens of the vocabulary that make a third", dump_ascii(merge));
    if (!bpe.add_merge({a->second, b->second}, both->second))
      fail<FileError>(op, "the merge {} is there twice", dump_ascii(merge));
  }
  return bpe;
}

}  // namespace heed::train

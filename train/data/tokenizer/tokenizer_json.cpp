#include <heed/train/data/tokenizer/tokenizer_json.h>

#include <algorithm>

namespace heed::train {

TokenizerJson::TokenizerJson(std::string_view text, const char* type, const Op& op)
    : json_(need_json(text, "the text is no tokenizer.json", op)), op_(op) {
  if (!json_.is_object() || !part("model").is_object() || model("type") != type)
    fail<FileError>(op, "the text is no tokenizer.json; need a JSON object whose \"model\" is of type \"{}\"", type);
  for (const char* key : {"truncation", "padding"})
    if (!part(key).is_null()) refuse(key, part(key), "none");
}

void TokenizerJson::refuse(const char* key, const nlohmann::json& found, const std::string& need) const {
  std::string shown = found.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (shown.size() > 100) shown = shown.substr(0, 100) + "...";
  fail<FileError>(op_, "the tokenizer asks for {} {}, which heed has not; need {}", key, shown, need);
}

void TokenizerJson::need(const char* key, const Json& wanted) const {
  if (part(key) != nlohmann::json(wanted)) refuse(key, part(key), dump_json(wanted));
}

std::vector<std::string> TokenizerJson::tokens(std::vector<SpecialToken>& special) const {
  const nlohmann::json &vocabulary = model("vocab"), &added = part("added_tokens");
  if (!vocabulary.is_object() || !(added.is_null() || added.is_array()))
    fail<FileError>(op_, "the vocabulary is not an object of tokens and ids, with an array of added tokens or none");
  const size_t most = vocabulary.size() + added.size();
  std::vector<std::string> tokens(most);
  std::vector<bool> taken(most);
  size_t count = 0;
  const auto place = [&](const nlohmann::json& id, const std::string& token) {
    if (!id.is_number_integer() || id < 0 || id >= most)
      fail<FileError>(op_, "the id of {} is {}; need each number from 0 on to be the id of one token",
                      dump_ascii(token), dump_ascii(id));
    const auto i = id.get<size_t>();
    if (taken[i] && tokens[i] != token)
      fail<FileError>(op_, "{} and {} have the same id, {}; need one token for each id", dump_ascii(tokens[i]),
                      dump_ascii(token), i);
    count += !taken[i];
    taken[i] = true;
    tokens[i] = token;
  };
  for (const auto& [token, id] : vocabulary.items()) place(id, token);
  for (const nlohmann::json& token : added) {
    const auto flag = [&](const char* key) { return find_json(token, key) == true; };
    if (!token.is_object() || !find_json(token, "content").is_string() || find_json(token, "content") == "")
      fail<FileError>(op_, "an added token is {}; need an object with its \"content\"", dump_ascii(token));
    const auto text = token["content"].get<std::string>();
    if (flag("single_word")) refuse("single_word", token, "special tokens that may stand anywhere");
    if (const auto known = vocabulary.find(text); known != vocabulary.end() && *known != find_json(token, "id"))
      fail<FileError>(op_, "{} has two ids, {} and {}; need one", dump_ascii(text), dump_ascii(*known),
                      dump_ascii(find_json(token, "id")));
    place(find_json(token, "id"), text);
    special.push_back(
        {text, token["id"].get<int64_t>(), flag("lstrip"), flag("rstrip"), flag("normalized"), flag("special")});
  }
  if (const auto hole = std::find(taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(count), false);
      hole != taken.begin() + static_cast<std::ptrdiff_t>(count))
    fail<FileError>(op_, "no token has the id {}; need one for each id below {}", hole - taken.begin(), count);
  tokens.resize(count);
  return tokens;
}

std::string dump_tokenizer(std::span<const std::string> names, std::span<const SpecialToken> special,
                           const Json& pre_tokenizer, const Json& post_processor, const Json& decoder, Json model) {
  std::vector<SpecialToken> by_id(special.begin(), special.end());
  std::ranges::sort(by_id, {}, &SpecialToken::id);
  Json added = Json::array();
  for (const SpecialToken& token : by_id)
    added.push_back({{"id", token.id},
                     {"content", token.text},
                     {"single_word", false},
                     {"lstrip", token.strip_left},
                     {"rstrip", token.strip_right},
                     {"normalized", token.normalized},
                     {"special", token.control}});
  Json::object_t vocabulary;  // which would look each name up among all before
  for (size_t id = 0; id < names.size(); ++id) vocabulary.emplace_back(names[id], id);
  model["vocab"] = std::move(vocabulary);
  const Json json = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", pre_tokenizer},
                     {"post_processor", post_processor},
                     {"decoder", decoder},
                     {"model", model}};
  return dump_json(json, 2) + "\n";
}

}  // namespace heed::train

#include <heed/train/model_config.h>

#include <system_error>

#include <heed/tensor/io/json.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>

namespace heed::train {

ModelConfig::ModelConfig(std::string file, nlohmann::json json)
    : file_(std::move(file)), json_(std::make_shared<const nlohmann::json>(std::move(json))) {}

ModelConfig ModelConfig::read(const std::filesystem::path& directory, const char* name) {
  const std::string file = (directory / name).string();
  const Op op{Op::called("model")};
  if (!is_folder(directory))
    fail<FileError>(op, "'{}' is not a directory; need one that training wrote", directory.string());
  if (!is_there(file))
    fail<FileError>(op, "'{}' has no {}; need a directory that training, or save_gpt, wrote", directory.string(), name);
  const std::string complaint = fmt::format("'{}' is no JSON object, as training writes it", file);
  nlohmann::json json = need_json(read_small_text(file, kLargestJson, op), complaint, op);
  if (!json.is_object()) fail<FileError>(op, "{}: it is {}; need an object", complaint, json.type_name());
  return {file, std::move(json)};
}

const nlohmann::json& ModelConfig::value(const std::string& key) const {
  const auto found = json_->find(key);
  if (found == json_->end())
    fail<FileError>({Op::called("model")}, "'{}' has no \"{}\"; need what training wrote", file_, key);
  return *found;
}

void ModelConfig::refuse(const std::string& key, const std::string& need) const {
  std::string shown = dump_ascii(value(key));
  if (shown.size() > 40) shown = shown.substr(0, 40) + "...";
  fail<FileError>({Op::called("model")}, "\"{}\" of '{}' is {}; need {}", key, file_, shown, need);
}

int64_t ModelConfig::integer(const std::string& key, int64_t low, int64_t high,
                             std::optional<int64_t> otherwise) const {
  if (otherwise && !has(key)) return *otherwise;
  const nlohmann::json& json = value(key);
  if (!json.is_number_integer() || json < low || json > high)
    refuse(key, fmt::format("a whole number from {} to {}", low, high));
  return json.get<int64_t>();
}

double ModelConfig::number(const std::string& key, double low, double high, std::optional<double> otherwise) const {
  if (otherwise && !has(key)) return *otherwise;
  const nlohmann::json& json = value(key);
  if (!json.is_number() || json < low || json > high) refuse(key, fmt::format("a number from {} to {}", low, high));
  return json.get<double>();
}

bool ModelConfig::flag(const std::string& key, std::optional<bool> otherwise) const {
  if (otherwise && !has(key)) return *otherwise;
  const nlohmann::json& json = value(key);
  if (!json.is_boolean()) refuse(key, "true or false");
  return json.get<bool>();
}

bool ModelConfig::has(const std::string& key) const {
  const auto found = json_->find(key);
  return found != json_->end() && !found->is_null();
}

void ModelConfig::only(const std::string& key, const nlohmann::json& wanted) const {
  if (has(key) && value(key) != wanted) refuse(key, dump_ascii(wanted) + ", as heed has nothing else");
}

std::string ModelConfig::text(const std::string& key) const {
  const nlohmann::json& json = value(key);
  if (!json.is_string()) refuse(key, "text");
  return json.get<std::string>();
}

size_t ModelConfig::choice(const std::string& key, const std::vector<std::string>& names) const {
  const nlohmann::json& json = value(key);
  for (size_t i = 0; i < names.size(); ++i)
    if (json == names[i]) return i;
  refuse(key, fmt::format("one of \"{}\"", join(names, "\", \"")));
}

ModelConfig ModelConfig::at(const std::string& key) const {
  const nlohmann::json& json = value(key);
  if (!json.is_object()) refuse(key, "an object");
  return {file_, json};
}

ModelConfig ModelConfig::optional(const std::string& key) const {
  return has(key) ? at(key) : ModelConfig(file_, nlohmann::json::object());
}

std::vector<std::string> ModelConfig::list(const std::string& key) const {
  const nlohmann::json& json = value(key);
  if (!json.is_array() || !std::ranges::all_of(json, [](const nlohmann::json& one) { return one.is_string(); }))
    refuse(key, "a list of text");
  return json.get<std::vector<std::string>>();
}

std::map<std::string, std::string> ModelConfig::texts() const {
  std::map<std::string, std::string> all;
  for (const auto& [key, json] : json_->items())
    if (json.is_string()) all[key] = json.get<std::string>();
    else refuse(key, "text");
  return all;
}

std::string ModelConfig::dump() const { return dump_json(*json_); }

void ConfigFields::file(const char* key, std::string& path) {
  if (from_) return later(key, path);
  const std::filesystem::path whole = std::filesystem::path(path).lexically_normal();
  (*into_)[key] = valid_utf8((whole.has_filename() ? whole : whole.parent_path()).filename().string());
}

void ConfigFields::object(const char* key, const std::function<void(ConfigFields)>& members) {
  if (from_) return members(from_->optional(key));
  Json within = Json::object();
  members(within);
  (*into_)[key] = std::move(within);
}

void check_weights(const std::filesystem::path& directory, int64_t numbers) {
  const std::filesystem::path weights = directory / kWeightsFile;
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(weights, error);
  if (error)
    fail<FileError>({Op::called("model")},
                    "'{}' does not exist, or cannot be read; need the weights that training wrote", weights.string());
  check_weights(directory, numbers, bytes);
}

void check_weights(const std::filesystem::path& directory, int64_t numbers, uint64_t bytes) {
  if (static_cast<uint64_t>(numbers) > bytes)
    fail<FileError>({Op::called("model")},
                    "'{}' describes a model of at least {} numbers, but its weights have {} bytes; need files that "
                    "belong together",
                    (directory / kConfigFile).string(), numbers, bytes);
}

}  // namespace heed::train

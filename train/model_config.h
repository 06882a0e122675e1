// config.json: what a model directory says about its model, read with every value checked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <heed/tensor/error.h>
#include <heed/tensor/io/json.h>

namespace heed::train {

constexpr const char* kConfigFile = "config.json";
constexpr const char* kWeightsFile = "model.safetensors";
constexpr const char* kGenerationFile = "generation_config.json";
constexpr const char* kTokenNamesFile = "tokenizer_config.json";
constexpr const char* kTemplateFile = "chat_template.jinja";
constexpr int64_t kMostCount = int64_t{1} << 53;  ///< of steps, bytes and the like: what JSON's numbers hold exactly

/// A JSON object from a file that anybody may have written. All access throws FileError naming the file, the key and
/// what was expected there.
class ModelConfig {
 public:
  ModelConfig(std::string file, nlohmann::json json);
  /// DIRECTORY/`file`, an object in which every key comes once.
  static ModelConfig read(const std::filesystem::path& directory, const char* file = kConfigFile);

  /// Of the kind, in [low, high]. Where the value is null or not there, `otherwise`, if that is given.
  int64_t integer(const std::string& key, int64_t low, int64_t high, std::optional<int64_t> otherwise = {}) const;
  double number(const std::string& key, double low, double high, std::optional<double> otherwise = {}) const;
  bool flag(const std::string& key, std::optional<bool> otherwise = {}) const;
  std::string text(const std::string& key) const;
  /// Whether there is a value that is not null.
  bool has(const std::string& key) const;
  /// Refuses any other value; none, or null, is as good.
  void only(const std::string& key, const nlohmann::json& value) const;
  /// The index of the value among `names`.
  size_t choice(const std::string& key, const std::vector<std::string>& names) const;
  /// An object within; optional: an empty one if it is null or not there.
  ModelConfig at(const std::string& key) const;
  ModelConfig optional(const std::string& key) const;
  /// A list of text.
  std::vector<std::string> list(const std::string& key) const;
  /// All values of the object, which must be text, by key.
  std::map<std::string, std::string> texts() const;
  [[noreturn]] void refuse(const std::string& key, const std::string& need) const;
  const std::string& file() const { return file_; }
  /// Whether there is a value, null or not: to leave a key out may mean something else.
  bool says(const std::string& key) const { return json_->contains(key); }
  /// Whether there is no key.
  bool empty() const { return json_->empty(); }
  /// The whole; dump: as one line.
  const nlohmann::json& json() const { return *json_; }
  std::string dump() const;

 private:
  const nlohmann::json& value(const std::string& key) const;

  std::string file_;
  std::shared_ptr<const nlohmann::json> json_;
};

/// Reads the members of a struct from a configuration, or writes them: a function `fields(ConfigFields, Struct&)` names
/// each with its key and its range, once for both directions. Reading throws as ModelConfig does.
class ConfigFields {
 public:
  ConfigFields(const ModelConfig& from) : from_(&from) {}
  ConfigFields(nlohmann::ordered_json& into) : into_(&into) {}

  using Names = std::vector<std::string>;
  /// A number from `low` to `high`, a text among names, or what has no range.
  template <class T, class... Range>
  void operator()(const char* key, T& member, const Range&... range) {
    if (into_) (*into_)[key] = member;
    else read(key, member, range...);
  }
  /// An enumeration, by the names of its values in their order.
  template <class Choice>
  requires std::is_enum_v<Choice>
  void operator()(const char* key, Choice& member, const Names& names) {
    std::string name = names.at(static_cast<size_t>(member));
    (*this)(key, name, names);
    member = static_cast<Choice>(std::ranges::find(names, name) - names.begin());
  }
  /// A file or folder, of which configurations tell the name alone: who is handed a model need not know where its
  /// text lay. Those of older versions tell the whole path, or nothing: then the member stays as it is.
  void file(const char* key, std::string& path);
  /// The members of an object within.
  void object(const char* key, const std::function<void(ConfigFields)>& members);
  /// Any of these that files of older versions lack, or where null stands for none: then the member stays as it is.
  template <class... Args>
  void later(const char* key, Args&&... args) {
    if (into_ || from_->has(key)) (*this)(key, std::forward<Args>(args)...);
  }

 private:
  void read(const char* key, int64_t& member, int64_t low, int64_t high) { member = from_->integer(key, low, high); }
  void read(const char* key, double& member, double low, double high) { member = from_->number(key, low, high); }
  void read(const char* key, uint64_t& member) { member = from_->integer(key, 0, kMostCount); }
  void read(const char* key, bool& member) { member = from_->flag(key); }
  void read(const char* key, std::string& member) { member = from_->text(key); }
  void read(const char* key, Names& member) { member = from_->list(key); }
  void read(const char* key, std::string& member, const Names& all) { member = all[from_->choice(key, all)]; }

  const ModelConfig* from_ = nullptr;
  nlohmann::ordered_json* into_ = nullptr;
};

/// Whether the weights can hold so many numbers, a byte each at the least: asked before a model of that size is made,
/// since anybody may have written the configuration. Throws FileError.
void check_weights(const std::filesystem::path& directory, int64_t numbers);
void check_weights(const std::filesystem::path& directory, int64_t numbers, uint64_t bytes);

}  // namespace heed::train

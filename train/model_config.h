// config.json: what a model directory says about its model, read with every value checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <heed/tensor/error.h>

namespace heed::train {

/// A JSON object from a file that anybody may have written. All access throws FileError naming the file, the key and
/// what was expected there.
class ModelConfig {
 public:
  /// DIRECTORY/config.json, whose "model" must be one of heed's kinds.
  static ModelConfig read(const std::filesystem::path& directory);

  int64_t integer(const std::string& key, int64_t low, int64_t high) const;
  double number(const std::string& key, double low, double high) const;
  bool flag(const std::string& key) const;
  bool has(const std::string& key) const;
  std::string text(const std::string& key) const;
  /// The index of the value among `names`.
  size_t choice(const std::string& key, const std::vector<std::string>& names) const;
  /// An object within.
  ModelConfig at(const std::string& key) const;
  /// The whole, as one line.
  std::string dump() const;

 private:
  ModelConfig(std::string file, nlohmann::ordered_json json);
  const nlohmann::ordered_json& value(const std::string& key) const;
  [[noreturn]] void refuse(const std::string& key, const std::string& need) const;

  std::string file_;
  std::shared_ptr<const nlohmann::ordered_json> json_;
};

constexpr const char* kConfigFile = "config.json";
constexpr const char* kWeightsFile = "model.safetensors";

/// Whether the weights file can hold so many numbers, a byte each at the least: asked before a model of that size is
/// made, since anybody may have written the configuration. Throws FileError.
void check_weights(const std::filesystem::path& directory, int64_t numbers);

/// Makes the directory (and those above it) and checks that files can be created in it. Throws FileError.
void make_directory(const std::filesystem::path& directory);

}  // namespace heed::train

// Families of models as Hugging Face's transformers write them: what their config.json says, and how their files lay
// out what a models::Gpt holds. One file here for each family, or for several that are alike.
#pragma once

#include <vector>

#include <heed/models/gpt.h>
#include <heed/nn/parameters_file.h>
#include <heed/tensor/io/json.h>
#include <heed/train/model_config.h>

namespace heed::train {

struct Family {
  const char* model_type;    ///< in config.json
  const char* architecture;  ///< the class of transformers
  const char* prefix;        ///< of tensors, but for lm_head; files of models without a head lack it
  /// Throws FileError naming what the file asks for and heed has not.
  models::GptConfig (*read)(const ModelConfig& config);
  /// The keys of config.json, without model_type and architectures.
  Json (*write)(const models::GptConfig& config);
  /// The tensors of a file, and which parts of the parameters of a Gpt they are.
  std::vector<nn::Slot> (*slots)(const nn::Parameters& params, const models::GptConfig& config);
};

extern const Family kGpt2, kLlama, kMistral, kQwen2, kQwen3, kNanochat;
/// Of configurations that no other family can say: heed's own names, unknown to others.
extern const Family kOwnFamily;

/// By "model_type". Throws FileError for one that heed does not know.
const Family& family_in(const ModelConfig& config);
/// The first that can say all of the configuration.
const Family& family_of(const models::GptConfig& config);

/// A configuration in heed's own words, and back; what is not there has the default of GptConfig.
Json own_json(models::GptConfig config);
models::GptConfig read_own(const ModelConfig& config);

constexpr int64_t kMostSize = 1'000'000;  ///< of any size: keeps a lying file from asking for absurd amounts
constexpr int64_t kMostLayers = 1000;
constexpr const char* kOwnKeys = "heed";  ///< the object in config.json that only heed reads

}  // namespace heed::train

// A GPT with its vocabulary, as a directory keeps them: one that Hugging Face's transformers open, and may have
// written.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <heed/models/gpt.h>
#include <heed/nn/parameters_file.h>
#include <heed/train/data/tokenizer/tokenizer.h>
#include <heed/train/run_rules.h>

namespace heed::train {

class ModelConfig;

/// How a GPT is trained: the preset's values, or those of the command line.
struct GptTraining {
  std::string text;                      ///< the file, of which a folder keeps the name; empty: the default text
  std::string text_name;                 ///< what to call it
  int64_t characters = 0;                ///< bytes of the text
  std::string text_hash;                 ///< of the text, to notice a change; old directories have none
  int64_t steps = 2000, batch = 12;      ///< updates, and windows in each
  double lr = 1e-3;                      ///< after the warm-up
  std::string optimizer = "adamw";       ///< or "muon"
  uint64_t seed = 1337;                  ///< of everything random
  int64_t window = 0;                    ///< tokens of a window of the text; 0: the model's context
  std::vector<std::string> frozen = {};  ///< patterns of parameters, as Parameters::freeze takes them
  int64_t lora = 0;                      ///< rank of the additions that are trained alone; 0: there are none
  RunRules rules = {};                   ///< the rest
};

/// Writes DIRECTORY as transformers write it: config.json, generation_config.json and model.safetensors of the family
/// that the configuration belongs to (gpt2, llama, qwen3, nanochat; else heed's own names). A GPT-2 without biases gets
/// biases of 0. The directory, and those above it, are made if they are not there; a tokenizer's files in it stay.
/// Throws FileError.
void save_gpt(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
              const std::string& license = nn::kUnknownLicense, Loc loc = Loc::current());
/// And tokenizer.json, tokenizer_config.json, and how it was trained, among heed's own keys. What the tokenizer's notes
/// say goes into the files that it is of; without notes "<|endoftext|>" begins and ends a text.
void save_gpt(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
              const Tokenizer& tokenizer, const GptTraining& training, Loc loc = Loc::current());

/// What config.json says. Throws FileError if it is not a GPT's, makes no sense, or asks for what heed has not.
models::GptConfig read_gpt_config(const ModelConfig& config, Loc loc = Loc::current());
Tokenizer read_tokenizer(const std::filesystem::path& directory, const ModelConfig& config, Loc loc = Loc::current());
GptTraining read_gpt_training(const ModelConfig& config, Loc loc = Loc::current());

/// Puts the weights of a folder into a GPT of its configuration, read_gpt_config's, rounded if they are f64 and the
/// parameters f32. Changes nothing unless all fit. Throws FileError.
void load_weights(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
                  Loc loc = Loc::current());

/// A GPT of a folder, with the parameters that its modules hold on to: of heed, also of its old versions, or as
/// transformers write gpt2, llama, qwen3 and nanochat, in one file or in shards. f64 if the files are.
struct SavedModel {
  nn::Parameters params;  ///< the weights by name
  models::Gpt gpt;        ///< the model

  /// Throws FileError if the directory holds no GPT, or its files do not fit together.
  explicit SavedModel(const std::filesystem::path& directory, Loc loc = Loc::current());

 protected:
  SavedModel(const Op& op, const ModelConfig& config, const nn::StoredTensors& weights);
};

/// A trained model and its tokenizer.
struct SavedGpt : SavedModel {
  Tokenizer tokenizer;  ///< may have fewer tokens than the model, as published vocabularies are rounded up

  /// Throws FileError as SavedModel does, or if there is no tokenizer.
  explicit SavedGpt(const std::filesystem::path& directory, Loc loc = Loc::current());

  /// What `auto [gpt, tokenizer] = load_gpt(directory)` names; the whole lives as long as they.
  template <size_t I>
  const auto& get() const {
    if constexpr (I == 0) return gpt;
    else return tokenizer;
  }

 private:
  SavedGpt(const Op& op, const std::filesystem::path& directory, const ModelConfig& config);
};

/// What `heed gpt train` or save_gpt wrote: the same as SavedGpt's constructor.
inline SavedGpt load_gpt(const std::filesystem::path& directory, Loc loc = Loc::current()) {
  const Op op{"load_gpt", loc};
  return SavedGpt(directory);
}

}  // namespace heed::train

template <>
struct std::tuple_size<heed::train::SavedGpt> : std::integral_constant<size_t, 2> {};
template <size_t I>
struct std::tuple_element<I, heed::train::SavedGpt> {
  using type = std::remove_reference_t<decltype(std::declval<const heed::train::SavedGpt&>().get<I>())>;
};

// A GPT with its vocabulary, as a directory keeps them.
#pragma once

#include <filesystem>

#include <heed/models/gpt.h>
#include <heed/tensor/random.h>
#include <heed/train/data/corpus.h>
#include <heed/train/program/config.h>

namespace heed::train::program {

/// How a GPT is trained: the preset's values, or those of the command line.
struct GptTraining {
  std::string text;        ///< the file; empty: the default text
  std::string text_name;   ///< what to call it
  int64_t characters = 0;  ///< of the text, to notice a change
  int64_t steps = 2000, batch = 12, evaluate_every = 500;
  double lr = 1e-3;
  uint64_t seed = 1337;
};

/// Writes DIRECTORY/model.safetensors and config.json.
void save_gpt(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
              const Chars& chars, const GptTraining& training);

/// What config.json says. Throws FileError if it is not a GPT's or makes no sense.
models::GptConfig read_gpt_config(const Config& config);
Chars read_chars(const Config& config);
GptTraining read_gpt_training(const Config& config);

/// A trained model, with the generator that its modules hold on to.
struct SavedGpt {
  Chars chars;
  Rng rng;
  nn::Parameters params;
  models::Gpt gpt;

  /// Throws FileError if the directory does not hold a GPT, or its files do not fit together.
  explicit SavedGpt(const std::filesystem::path& directory);

 private:
  SavedGpt(const std::filesystem::path& directory, const Config& config);
};

}  // namespace heed::train::program

// What decides a run besides its model and data, as the directory of the run keeps it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <heed/tensor/io/safetensors.h>
#include <heed/train/trainer.h>

namespace heed::train {

class ConfigFields;

/// Fields of TrainerOptions, which tells what they mean.
struct RunRules {
  /// As in TrainerOptions.
  int64_t evaluate_every = 500, accumulate = 1, patience = 0;
  double ema = 0;
  Products products = Products::f32;
  std::string license = nn::kUnknownLicense;  ///< of the saved model, as SPDX names it; its weights carry it

  std::optional<int64_t> done = {};  ///< of the saved model: the steps that made it; its weights say so, no config.json

  /// What the file of the weights says of itself: see nn::weights_metadata, and the steps as "steps".
  Metadata metadata() const;
  /// Puts them into options.
  void apply(TrainerOptions& options) const;
  /// Names them, in the object of config.json that tells how a model was trained.
  void fields(ConfigFields field);
};

/// The steps that made the model of a folder, as its weights say; none: they do not.
std::optional<int64_t> steps_of(const std::filesystem::path& directory);

}  // namespace heed::train

// What decides a run besides its model and data, as the directory of the run keeps it.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include <heed/train/trainer.h>

namespace heed::train {

class ModelConfig;

/// Fields of TrainerOptions, which tells what they mean.
struct RunRules {
  /// As in TrainerOptions.
  int64_t evaluate_every = 500, accumulate = 1, patience = 0;
  double ema = 0;
  Products products = Products::f32;
  std::string license = "unknown";  ///< of the saved model, as SPDX names it; its weights carry it

  /// Puts them into options.
  void apply(TrainerOptions& options) const;
  /// Puts them into an object of config.json.
  void write(nlohmann::ordered_json& training) const;
  /// What is missing there, as in directories of old versions, is as `otherwise` says. Throws FileError.
  static RunRules read(const ModelConfig& training, const RunRules& otherwise);
};

}  // namespace heed::train

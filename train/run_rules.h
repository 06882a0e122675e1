// What decides a run besides its model and data, as the directory of the run keeps it.
#pragma once

#include <cstdint>
#include <string>

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

  /// Puts them into options.
  void apply(TrainerOptions& options) const;
  /// Names them, in the object of config.json that tells how a model was trained.
  void fields(ConfigFields field);
};

}  // namespace heed::train

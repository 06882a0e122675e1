// What `heed seq2seq train` and `heed seq2seq translate` do. Both throw UsageError for flags that cannot be together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <heed/train/program/run.h>

namespace heed::train::program {

constexpr int64_t kTranslatorSteps = 3000;  // unless the command line says otherwise

struct TranslatorTrainFlags : TrainFlags {
  TranslatorTrainFlags() : TrainFlags{.out = "out/seq2seq"} {}
  std::string pairs, arch = "attention", cell = "gru";
};

/// Returns the exit code.
int train_translator(const TranslatorTrainFlags& flags);

struct TranslateFlags {
  std::string model, page, beside;
  int64_t beam = 1;
  bool align = false;
  std::vector<std::string> sentences;
};

/// Returns the exit code.
int translate(const TranslateFlags& flags);

}  // namespace heed::train::program

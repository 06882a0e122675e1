// What `heed seq2seq train` and `heed seq2seq translate` do. Both throw UsageError for flags that cannot be together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace heed::train::program {

constexpr int64_t kTranslatorSteps = 3000;  // unless the command line says otherwise

struct TranslatorTrainFlags {
  std::string pairs, out = "out/seq2seq", arch = "attention", cell = "gru";
  std::optional<int64_t> steps, threads;
  std::optional<uint64_t> seed;
  bool json = false, resume = false;
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

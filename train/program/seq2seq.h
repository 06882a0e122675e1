// What `heed seq2seq train` and `heed seq2seq translate` do. Both throw UsageError for flags that cannot be together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <heed/train/program/run.h>
#include <heed/train/saved_translator.h>

namespace heed::train::program {

constexpr int64_t kTranslatorSteps = 3000;  // unless the command line says otherwise

inline const std::vector<std::string> kTranslatorTokens = {"words", "bpe"};
constexpr int64_t kPieces = 2000;       // tokens of a language, with bpe
constexpr int64_t kFewestPieces = 259;  // the bytes and the special tokens

struct TranslatorTrainFlags : TrainFlags {
  TranslatorTrainFlags() : TrainFlags{.out = "out/seq2seq"} {}
  TranslatorTraining training = {};  // of which arch, cell, steps and seed are given by name
  TranslatorSizes sizes = {};        // but for max_length, layers and heads
  std::string arch = "attention", tokens = "words";
  std::optional<std::string> cell = {};
  std::optional<int64_t> vocabulary = {}, min_count = {}, layers = {}, heads = {};
  int64_t beam = 1;  // of the translations that are scored
};

/// Returns the exit code.
int train_translator(const TranslatorTrainFlags& flags);

struct TranslateFlags {
  std::string model, page, beside;
  int64_t beam = 1;
  bool align = false;
  std::vector<std::string> sentences;  // none: the lines of stdin
};

/// Returns the exit code.
int translate(const TranslateFlags& flags);

}  // namespace heed::train::program

// What `heed gpt train`, `sample` and `export` do. All throw UsageError for flags that cannot be together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <heed/models/gpt.h>
#include <heed/train/data/tokenizer/tokenizer.h>
#include <heed/train/program/run.h>

namespace heed::train::program {

/// What the command line says; a preset fills what it leaves out.
struct GptTrainFlags : TrainFlags {
  GptTrainFlags() : TrainFlags{.out = "out/gpt"} {}
  std::string text, tokenizer, preset = "cpu", like, init, optimizer = "adamw";
  std::vector<std::string> freeze;
  std::optional<int64_t> vocabulary, lora, batch, context, layers, heads, channels;
  std::optional<double> dropout, lr;
  bool keep_cr = false, shard_optimizer = false;
};

std::vector<std::string> preset_names();
/// What --like takes.
inline const std::vector<std::string> kFamilies = {"gpt2", "llama", "qwen3", "nanochat"};
inline const std::vector<std::string> kOptimizers = {"adamw", "muon"};

/// Returns the exit code.
int train_gpt(const GptTrainFlags& flags);

/// What the model writes from a line break on, the same of the same weights and seed. Half a character is U+FFFD.
std::string sample_text(const models::Gpt& gpt, const Tokenizer& tokenizer, uint64_t seed);

struct GptSampleFlags {
  std::string model, prompt, page, weights = "f32";
  int64_t tokens = 500, samples = 1;
  double temperature = 0.8;
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  uint64_t seed = 1337;
};

/// Returns the exit code.
int sample_gpt(const GptSampleFlags& flags);

struct GptExportFlags {
  std::string model, gguf, type = "f32";
};

/// What --type takes.
std::vector<std::string> gguf_type_names();

/// Returns the exit code.
int export_gpt(const GptExportFlags& flags);

}  // namespace heed::train::program

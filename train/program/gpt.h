// What `heed gpt train`, `sample` and `export` do. All throw UsageError for flags that cannot be together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace heed::train::program {

/// What the command line says; a preset fills what it leaves out.
struct GptTrainFlags {
  std::string text, preset = "cpu", out = "out/gpt";
  std::optional<int64_t> steps, batch, context, layers, heads, channels, threads;
  std::optional<double> dropout, lr;
  std::optional<uint64_t> seed;
  bool json = false, resume = false;
};

std::vector<std::string> preset_names();

/// Returns the exit code.
int train_gpt(const GptTrainFlags& flags);

struct GptSampleFlags {
  std::string model, prompt, page;
  int64_t tokens = 500;
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

/// The names of GgufType.
std::vector<std::string> gguf_type_names();

/// Returns the exit code.
int export_gpt(const GptExportFlags& flags);

}  // namespace heed::train::program

// GGUF: the file that llama.cpp runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <heed/models/gpt.h>
#include <heed/train/data/tokenizer/tokenizer.h>

namespace heed::train {

/// How matrices are stored, as ggml numbers types. q8_0: 32 numbers share a scale and have a byte each; f16 where rows
/// are no multiple of 32. Vectors and the table of positions stay f32.
enum class GgufType : uint32_t { f32 = 0, f16 = 1, q8_0 = 8 };

/// Writes a GPT-2, Llama, Qwen2 or Qwen3, or a Mistral whose window hides nothing, all or nothing. llama.cpp computes
/// gelu as Gelu::tanh; another one's logits differ from the fourth digit on. It needs a token that ends a text: if the
/// tokenizer has none, the first id that it leaves open becomes "<|endoftext|>", or a further one, whose row is a copy
/// of the last, so that it is never likelier than that. What the tokenizer's notes say, and what its post-processor
/// puts before a text, goes with it, but for the third end of a text and those that follow. Throws ValueError for a
/// configuration or tokenizer that llama.cpp has not or a number that f16 cannot hold, FileError if the file cannot be
/// written. `license` is what the file says of itself, nothing if empty. Returns how many matrices have another type
/// than was asked for: see GgufType.
int64_t save_gguf(const std::filesystem::path& path, const nn::Parameters& params, const models::GptConfig& config,
                  const Tokenizer& tokenizer, GgufType type, const std::string& license = {}, Loc loc = Loc::current());

}  // namespace heed::train

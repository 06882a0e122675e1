// A tiny Gpt of each family that the configuration can say.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <heed/models/gpt.h>

namespace heed::tests {

inline std::vector<std::pair<std::string, models::GptConfig>> gpt_families() {
  using namespace models;
  const GptConfig gpt2{.vocabulary = 7, .context = 6, .layers = 2, .heads = 2, .channels = 4};
  GptConfig llama = gpt2, qwen2, qwen3, nanochat, windowed;
  llama.bias = false;
  llama.positions = Positions::rope;
  llama.rope.scaling = {.factor = 2, .original_context = 4};
  llama.norm = Norm::rms;
  llama.mlp = Mlp::swiglu;
  llama.hidden = 5;
  llama.kv_heads = 1;
  qwen2 = qwen3 = windowed = llama;
  qwen2.qkv_bias = true;
  qwen3.heads = 4, qwen3.kv_heads = 2, qwen3.head_size = 2;
  qwen3.qk_norm = nn::QkNorm::weighted;
  nanochat = llama;
  nanochat.norm = Norm::plain;
  nanochat.qk_norm = nn::QkNorm::plain;
  nanochat.mlp = Mlp::relu2;
  nanochat.norm_embedding = true;
  nanochat.tied = false;
  nanochat.softcap = 0.5;
  windowed.window = 2;
  windowed.bias = true;
  return {{"gpt2", gpt2},   {"llama", llama},       {"qwen2", qwen2},
          {"qwen3", qwen3}, {"nanochat", nanochat}, {"windowed", windowed}};
}

}  // namespace heed::tests

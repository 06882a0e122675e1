// A tokenizer as llama.cpp's files say it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <heed/train/data/tokenizer/tokenizer.h>

namespace heed::train {

/// What a token is, as llama.cpp numbers it.
enum GgufToken : int32_t { kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

/// As GPT-2's: tokens in byte-level characters by id, what they are, and merges in their order. Or as Llama 2's, which
/// has scores in place of merges.
struct GgufVocabulary {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;                  ///< GgufToken
  std::vector<float> scores = {};              ///< the highest is merged first
  bool adds_space = false;                     ///< before a text
  const char *model = "gpt2", *pre = "gpt-2";  ///< what it is, and how texts are cut
};

/// Throws ValueError for one that llama.cpp would cut or merge in another way.
GgufVocabulary gguf_vocabulary(const Tokenizer& tokenizer, const Op& op);

}  // namespace heed::train

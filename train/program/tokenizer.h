// What `heed tokenizer train`, `encode` and `decode` do, and `heed gpt prepare`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <heed/train/data/tokenizer/tokenizer.h>

namespace heed::train::program {

constexpr int64_t kBpeVocabulary = 4096;  // unless the command line says otherwise

struct TokenizerFlags {
  std::string tokenizer, text;  // a file or directory each; no text: stdin
  int64_t vocabulary = kBpeVocabulary;
  std::vector<std::string> special = {kEndOfText};
  bool keep_cr = false;
};

struct PrepareFlags {
  std::string text, tokenizer, out;
  bool keep_cr = false;
};

/// All return the exit code.
int train_tokenizer(const TokenizerFlags& flags);
int encode(const TokenizerFlags& flags);
int decode(const TokenizerFlags& flags);
int prepare(const PrepareFlags& flags);

}  // namespace heed::train::program

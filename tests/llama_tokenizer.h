// A tokenizer.json of characters, as transformers make it from Llama 2's sentencepiece vocabulary.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <heed/tensor/io/json.h>

namespace heed::tests {

/// The special tokens, those of the 256 bytes, and then `tokens`, with spaces shown: all ways to make one of them of
/// two others are merges, in the order of what they make, the longest left part first.
inline Json llama_json(const std::vector<std::string>& special, const std::vector<std::string>& tokens) {
  Json vocabulary = Json::object(), added = Json::array(), merges = Json::array();
  for (const std::string& token : special) {
    added.push_back({{"id", vocabulary.size()},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", token == "<x>"},
                     {"special", true}});
    vocabulary[token] = vocabulary.size();
  }
  for (int byte = 0; byte < 256; ++byte) vocabulary[fmt::format("<0x{:02X}>", byte)] = vocabulary.size();
  for (const std::string& token : tokens) vocabulary[token] = vocabulary.size();
  const std::set<std::string> all(tokens.begin(), tokens.end());
  for (const std::string& token : tokens)
    for (size_t n = token.size() - 1; n > 0; --n)
      if (all.contains(token.substr(0, n)) && all.contains(token.substr(n)))
        merges.push_back(token.substr(0, n) + " " + token.substr(n));
  const auto replace = [](const char* from, const char* to) {
    return Json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
  };
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer",
           {{"type", "Sequence"}, {"normalizers", {{{"type", "Prepend"}, {"prepend", "▁"}}, replace(" ", "▁")}}}},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"decoder",
           {{"type", "Sequence"},
            {"decoders",
             {replace("▁", " "),
              {{"type", "ByteFallback"}},
              {{"type", "Fuse"}},
              {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", "<unk>"},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"vocab", vocabulary},
            {"merges", merges}}}};
}

}  // namespace heed::tests

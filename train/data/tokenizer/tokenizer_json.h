// tokenizer.json, as Hugging Face's `tokenizers` reads and writes it: what its kinds have in common.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <heed/tensor/error.h>
#include <heed/tensor/io/json.h>
#include <heed/train/data/tokenizer/bpe.h>

namespace heed::train {

/// What a tokenizer.json says. Throws FileError if the text is no JSON object with a "model" of this type ("BPE",
/// "WordLevel"), or asks for truncation or padding, which heed has not.
class TokenizerJson {
 public:
  TokenizerJson(std::string_view text, const char* type, const Op& op);

  /// A part of the file (null if it is absent), and one of its model.
  const nlohmann::json& part(const char* key) const { return find_json(json_, key); }
  const nlohmann::json& model(const char* key) const { return find_json(part("model"), key); }
  /// Throws FileError if the part is not that: "asks for this pre_tokenizer: ...".
  void need(const char* key, const Json& wanted) const;
  [[noreturn]] void refuse(const char* key, const nlohmann::json& found, const std::string& need) const;

  /// The tokens by id, and those that are special, or were added and are as whole. Throws FileError if not each id
  /// from 0 on belongs to one token.
  std::vector<std::string> tokens(std::vector<SpecialToken>& special) const;

 private:
  nlohmann::json json_;  // its objects find their keys fast: a vocabulary is one
  const Op& op_;
};

/// The whole file. `model` is all of the model but its vocabulary, which has the names in the order of their ids.
std::string dump_tokenizer(std::span<const std::string> names, std::span<const SpecialToken> special,
                           const Json& pre_tokenizer, const Json& post_processor, const Json& decoder, Json model);

}  // namespace heed::train

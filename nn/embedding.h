// Vectors of tokens.
#pragma once

#include <optional>

#include <heed/nn/compressed.h>
#include <heed/nn/scope.h>

namespace heed::nn {

/// Row i of a table for token i. Drawn from N(0, 1).
struct Embedding {
  ModuleName name;
  Tensor weight;                                      ///< (tokens, width)
  std::optional<int64_t> padding_idx;                 ///< a token whose row starts at 0 and gets no gradient
  std::shared_ptr<const Compressed> compressed = {};  ///< read in place of the weight, which is undefined then

  Embedding(Scope s, int64_t tokens, int64_t width, std::optional<int64_t> padding_idx = {});
  /// (...) i64 -> (..., width). Throws IndexError naming the first index outside [0, tokens).
  Tensor operator()(const Tensor& index, Loc loc = Loc::current()) const;
};

}  // namespace heed::nn

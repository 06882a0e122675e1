// A translation in progress: all that greedy and beam search need to know of a model.
#pragma once

#include <functional>
#include <vector>

#include <heed/tensor/tensor.h>

namespace heed::models {

/// Writes target sentences token by token. Between steps it keeps what it needs of the past (a hidden state,
/// or keys and values), so a step costs the same however much has been written. Rows are sentences in
/// progress: at first one for each source sentence; search may copy and drop them.
struct Decoder {
  std::vector<int64_t> source_lengths;  ///< (B): tokens of each source sentence
  /// tokens (R) i64, the last one of each row -> logits (R, V) of the next one.
  std::function<Tensor(const Tensor& tokens)> step;
  /// rows (N) i64: the state of row rows[n] becomes that of row n.
  std::function<void(const Tensor& rows)> select;
  /// (R, S): where in the source the last step looked. Empty for a model without attention. Throws ValueError before
  /// the first step.
  std::function<Tensor()> alignment = {};
};

}  // namespace heed::models

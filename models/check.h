// What every model checks of its config and its input.
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include <heed/tensor/tensor.h>

namespace heed::models {

/// Throws ValueError, naming the option, unless every size is at least 1.
inline void check_sizes(const Op& op, std::initializer_list<std::pair<const char*, int64_t>> sizes) {
  for (const auto& [name, size] : sizes)
    if (size < 1) fail<ValueError>(op, "{} is {}; need 1 or more", name, size);
}

/// Throws ShapeError unless tokens are (B, T) with at least one token.
inline void check_tokens(const Op& op, const char* name, const Tensor& tokens) {
  if (tokens.rank() != 2 || tokens.numel() == 0)
    fail<ShapeError>(op, "{} has shape {}; need (B, T) with at least one token", name, tokens.shape());
}

/// Throws unless `lengths` has one length in [1, S] for each row of source (B, S). Undefined lengths: all S.
inline void check_lengths(const Op& op, const Tensor& source, const Tensor& lengths) {
  if (!lengths.defined()) return;
  if (lengths.dtype() != i64) fail<DTypeError>(op, "source_lengths are {}; need i64", name_of(lengths.dtype()));
  if (lengths.shape() != Shape{source.size(0)})
    fail<ShapeError>(op, "source_lengths have shape {}; need ({}), one for each row of source {}", lengths.shape(),
                     source.size(0), source.shape());
  for (const int64_t length : lengths.to_vector<int64_t>())
    if (length < 1 || length > source.size(1))
      fail<ValueError>(op, "source length is {}; need 1 to {}", length, source.size(1));
}

/// Throws ShapeError unless decoder_input is (B, T), with source's B.
inline void check_decoder_input(const Op& op, const Tensor& source, const Tensor& decoder_input) {
  check_tokens(op, "decoder_input", decoder_input);
  if (decoder_input.size(0) != source.size(0))
    fail<ShapeError>(op, "source {} and decoder_input {} differ in their first size, the batch; need equal ones",
                     source.shape(), decoder_input.shape());
}

/// Throws ValueError unless a decoder has looked: `weights` are those of its last step.
inline void check_written(const Op& op, const Tensor& weights) {
  if (!weights.defined()) fail<ValueError>(op, "nothing is written yet, so nothing was looked at; need a step first");
}

/// The lengths as numbers: those given, or all S.
inline std::vector<int64_t> lengths_of(const Tensor& source, const Tensor& lengths) {
  if (lengths.defined()) return lengths.to_vector<int64_t>();
  return std::vector<int64_t>(static_cast<size_t>(source.size(0)), source.size(1));
}

}  // namespace heed::models

// An alignment as a picture in the terminal.
#pragma once

#include <string>
#include <vector>

#include <heed/tensor/tensor.h>

namespace heed::train {

/// One row for each target word, one column for each source word, the darker the more it was looked at: weights
/// (target words, source words) in [0, 1]. Source words run down above their columns. Lines end in "\n". No target
/// words: an empty string.
std::string draw_alignment(const std::vector<std::string>& source, const std::vector<std::string>& target,
                           const Tensor& weights);

}  // namespace heed::train

// Boolean masks: true = this position counts, or may be attended to.
#pragma once

#include <heed/tensor/tensor.h>

namespace heed::nn {

/// mask[b, t] = t < lengths[b]: lengths (B) i64 in [0, T] -> (B, T) boolean.
/// Throws ValueError for a length outside.
Tensor length_mask(const Tensor& lengths, int64_t T, Loc loc = Loc::current());

/// mask[i, j] = j <= i: (T, T) boolean.
Tensor causal_mask(int64_t T, Loc loc = Loc::current());

}  // namespace heed::nn

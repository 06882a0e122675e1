// Fine-tuning by low-rank additions: Hu et al. 2021.
#pragma once

#include <heed/nn/linear.h>

namespace heed::nn {

/// How much is trained beside a layer.
struct LoraOptions {
  int64_t rank = 8;   ///< columns of the thin matrices
  double alpha = 16;  ///< the addition counts alpha / rank times
};

/// Wraps a layer in one line, `nn::Lora(params, gpt.h[0].attn.c_attn, {.rank = 4})`: from then on it is y = x W^T + b +
/// alpha / rank x A^T B^T. W and b are frozen; lora_A.weight (rank, in), drawn as Linear's weight, and lora_B.weight
/// (out, rank), zeros, join the store under the layer's name, so at first nothing changes. Make optimisers after.
/// Throws ValueError for a rank below 1, and for a layer that is wrapped already.
struct Lora {
  Lora(Parameters& params, Linear& layer, const LoraOptions& options = {}, Loc loc = Loc::current());
};

/// Adds what a wrapped layer has learnt to its weight, and unwraps it; any other stays. The two parameters remain in
/// the store, where nothing reads them.
void merge_lora(Linear& layer);

}  // namespace heed::nn

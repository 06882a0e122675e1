// The affine map.
#pragma once

#include <heed/nn/compressed.h>
#include <heed/nn/scope.h>

namespace heed::nn {

/// A low-rank addition to a layer, see nn/lora.h.
struct LowRank {
  Tensor a;      ///< (rank, in)
  Tensor b;      ///< (out, rank)
  double scale;  ///< of b a
};

/// y = x W^T + b. Draws the weight, then the bias, from U(-1/sqrt(in), 1/sqrt(in)).
struct Linear {
  ModuleName name;
  Tensor weight;                                      ///< (out, in), also where GPT-2's published files have (in, out)
  Tensor bias;                                        ///< (out), undefined without bias
  std::shared_ptr<const LowRank> low_rank = {};       ///< null unless wrapped by Lora
  std::shared_ptr<const Compressed> compressed = {};  ///< read in place of the weight, which is undefined then

  Linear(Scope s, int64_t in, int64_t out, bool bias = true);
  /// (..., in) -> (..., out)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
};

}  // namespace heed::nn

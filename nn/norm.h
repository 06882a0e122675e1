// Normalisation over the last axis.
#pragma once

#include <heed/nn/scope.h>

namespace heed::nn {

/// (x - mean) / sqrt(var + eps) * weight + bias: Ba et al. 2016. Starts at weight 1, bias 0.
struct LayerNorm {
  ModuleName name;
  Tensor weight;  ///< (width)
  Tensor bias;    ///< (width), undefined without bias
  double eps;     ///< added to the variance

  LayerNorm(Scope s, int64_t width, bool bias = true, double eps = 1e-5);
  /// An eps in the bias's place, where PyTorch has it.
  LayerNorm(Scope s, int64_t width, double eps) = delete;
  /// (..., width) -> (..., width)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
};

/// x / sqrt(mean(x^2) + eps) * weight: Zhang and Sennrich 2019. Starts at weight 1.
struct RMSNorm {
  ModuleName name;
  Tensor weight;  ///< (width)
  double eps;     ///< added to the mean square

  RMSNorm(Scope s, int64_t width, double eps = 1e-6);
  /// (..., width) -> (..., width)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
};

/// Throws ValueError unless eps >= 0.
void check_eps(const Op& op, double eps);

}  // namespace heed::nn

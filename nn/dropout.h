// Dropout: Srivastava et al. 2014.
#pragma once

#include <heed/nn/scope.h>

namespace heed::nn {

/// While training, zeroes each element with probability p and scales the rest by 1 / (1 - p).
/// Under EvalMode, the identity.
struct Dropout {
  ModuleName name;
  double p;                  ///< probability of 0
  std::shared_ptr<Rng> rng;  ///< that it draws from

  /// Throws ValueError unless 0 <= p <= 1.
  Dropout(Scope s, double p);
  /// Any shape -> the same.
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
};

/// Throws ValueError unless 0 <= p <= 1; returns p.
double check_probability(const Op& op, double p);

}  // namespace heed::nn

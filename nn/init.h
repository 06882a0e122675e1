// First values of parameters, drawn as PyTorch draws them: the same seed gives the same weights.
#pragma once

#include <heed/nn/scope.h>

namespace heed::nn::init {

// Each returns an Init: `s.param("weight", {out, in}, init::xavier_uniform())`, or for a tensor that exists
// `init::normal(0, 0.02)(weight, rng)`. Where `in` and `out` matter, the weight is (out, in, ...), and a
// tensor of rank below 2 throws ShapeError.

/// 0, 1, or one value everywhere.
Init zeros();
Init ones();
Init constant(double value);
/// U(low, high).
Init uniform(double low, double high, Loc loc = Loc::current());
/// N(mean, std^2).
Init normal(double mean = 0, double std = 1, Loc loc = Loc::current());
/// N(mean, std^2) cut to [low, high], by the inverse of the normal distribution function.
Init trunc_normal(double mean = 0, double std = 1, double low = -2, double high = 2, Loc loc = Loc::current());
/// U(-b, b), b = sqrt(3) gain / sqrt(in), gain = sqrt(2 / (1 + slope^2)): He et al. 2015. Slope sqrt(5),
/// PyTorch's default for Linear, gives b = 1 / sqrt(in).
Init kaiming_uniform(double slope = 0, Loc loc = Loc::current());
/// N(0, gain^2 / in), same gain.
Init kaiming_normal(double slope = 0, Loc loc = Loc::current());
/// U(-b, b), b = gain sqrt(6 / (in + out)): Glorot and Bengio 2010.
Init xavier_uniform(double gain = 1, Loc loc = Loc::current());
/// N(0, 2 gain^2 / (in + out)).
Init xavier_normal(double gain = 1, Loc loc = Loc::current());

}  // namespace heed::nn::init

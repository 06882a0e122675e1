// Clipping gradients by their global norm.
#pragma once

#include <heed/nn/scope.h>

namespace heed::train {

/// The Euclidean norm of all gradients together, accumulated in f64. Parameters without a gradient count as 0.
double grad_norm(const nn::Parameters& params);

/// The factor that brings gradients of norm `norm` down to max_norm, or 1 if they are below it: for Optimizer::step,
/// which applies it as it reads the gradients. Throws ValueError if max_norm is not above 0.
double clip_scale(double norm, double max_norm, Loc loc = Loc::current());

/// Scales the gradients in place so that their norm is at most max_norm; returns the norm before.
/// A norm that is not finite scales nothing. Throws ValueError if max_norm is not above 0.
double clip_grad_norm(const nn::Parameters& params, double max_norm, Loc loc = Loc::current());

}  // namespace heed::train

// What gradient checks refuse, each in one sentence.
#pragma once

#include <string>
#include <vector>

#include <heed/autograd/check/gradcheck_problem.h>

namespace heed::autograd {

/// Refuses tolerances and steps that are not above 0.
void check_options(const Op& op, const GradcheckOptions& options);

/// Refuses inputs and parameters that cannot be checked: undefined ones, f32, and values that are not finite.
void check_leaf(const Op& op, const std::string& name, const Tensor& x);

/// Refuses outputs that leave nothing to compare: undefined ones, f32, none in f64, no elements here or in leaves, or
/// values that are not finite.
void check_outputs(const Problem& problem, const std::vector<Tensor>& outputs);

}  // namespace heed::autograd

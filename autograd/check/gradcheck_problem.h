// The work of gradcheck: one function of leaves, its recorded gradients, and their comparison with differences.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <heed/autograd/check/gradcheck.h>

namespace heed::autograd {

/// What is checked: outputs as a function of leaves, which are perturbed in place.
struct Problem {
  const Op* check;
  const char* output_name;
  std::vector<std::string> names;  // of the leaves
  std::vector<Tensor> leaves;
  std::function<std::vector<Tensor>()> evaluate;
};

/// value, but a NaN has no sign.
inline double without_sign_of_nan(double value) { return std::isnan(value) ? std::abs(value) : value; }

/// The index of an element that is counted in row-major order.
Shape index_of(int64_t i, const Shape& shape);

/// What the wrong derivatives of an input have in common and what that points to: one sentence, or "" if nothing stands
/// out. `wrong`: all that were found; `elements`: how many elements they belong to, of `compared` that were looked at.
std::string hint_for(const std::vector<Derivative>& wrong, int64_t elements, int64_t compared);

/// Refuses outputs that leave nothing to compare: undefined ones, f32, none in f64, no elements here or in leaves, or
/// values that are not finite.
void check_outputs(const Problem& problem, const std::vector<Tensor>& outputs);

/// `elements`: how many of each leaf to compare one by one; 0: all.
GradcheckReport check_problem(Problem problem, const GradcheckOptions& options, int64_t elements);

}  // namespace heed::autograd

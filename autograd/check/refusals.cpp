#include <heed/autograd/check/refusals.h>

#include <algorithm>
#include <cmath>

namespace heed::autograd {
namespace {

/// Integers and truth values are.
void check_finite(const Op& op, const std::string& name, const Tensor& x, const char* where = "") {
  const std::vector<double> values = x.detach().to_vector<double>();
  const auto bad = std::ranges::find_if(values, [](double value) { return !std::isfinite(value); });
  if (bad != values.end())
    fail<ValueError>(op, "{} is {}{}; need finite values to take differences",
                     place(name, index_of(bad - values.begin(), x.shape())), without_sign_of_nan(*bad), where);
}

}  // namespace

void check_options(const Op& op, const GradcheckOptions& o) {
  if (!(o.eps > 0) || !(o.atol > 0) || !(o.rtol > 0))
    fail<ValueError>(op, "eps = {}, atol = {}, rtol = {}; need all above 0", o.eps, o.atol, o.rtol);
  if (o.elements < 0) fail<ValueError>(op, "elements = {}; need 0 for all, or a count", o.elements);
}

void check_leaf(const Op& op, const std::string& name, const Tensor& x) {
  check_defined(op, x, name.c_str());
  if (x.dtype() == f32)
    fail<DTypeError>(
        op, "{} is f32, whose rounding (1e-7) hides errors below 1% of a derivative; need f64: use .to(f64)", name);
  check_finite(op, name, x);
}

void check_outputs(const Problem& problem, const std::vector<Tensor>& outputs) {
  const Op& op = *problem.check;
  if (outputs.empty()) fail<ValueError>(op, "the function returned a list of 0 tensors; need one in f64");
  std::vector<std::string> dtypes;
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!outputs[k].defined())
      fail<ValueError>(op, "the function returned an undefined tensor, {} {}; need one in f64", problem.output_name, k);
    if (outputs[k].dtype() == f32)
      fail<DTypeError>(op, "the function gives f32 from f64 inputs, whose rounding (1e-7) hides errors; need f64");
    dtypes.emplace_back(name_of(outputs[k].dtype()));
  }
  const auto is_f64 = [](const Tensor& x) { return x.dtype() == f64; };
  if (std::none_of(outputs.begin(), outputs.end(), is_f64))
    fail<DTypeError>(op, "the function gives {}, which has no derivative; need f64", join(dtypes, ", "));
  const auto has_elements = [](const Tensor& x) { return x.dtype() == f64 && x.numel() > 0; };
  if (std::none_of(problem.leaves.begin(), problem.leaves.end(), has_elements))
    fail<ValueError>(op,
                     "no tensor to differentiate by has elements: {} is {}; need at least one derivative to compare",
                     problem.names[0], problem.leaves[0].shape());
  if (std::none_of(outputs.begin(), outputs.end(), has_elements)) {
    const auto first = std::find_if(outputs.begin(), outputs.end(), is_f64);
    fail<ValueError>(op, "no f64 output has elements: {} {} is {}; need at least one derivative to compare",
                     problem.output_name, first - outputs.begin(), first->shape());
  }
  for (size_t k = 0; k < outputs.size(); ++k)
    check_finite(op, fmt::format("{} {}", problem.output_name, k), outputs[k], " at the given inputs");
}

}  // namespace heed::autograd

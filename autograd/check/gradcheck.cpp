#include <heed/autograd/check/gradcheck.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include <heed/autograd/check/gradcheck_problem.h>
#include <heed/autograd/engine.h>
#include <heed/autograd/node.h>
#include <heed/tensor/random.h>
#include <heed/tensor/scoped.h>

namespace heed::autograd {
namespace {

constexpr int64_t kParameterElements = 32;

/// Integers and truth values are.
void check_finite(const Op& op, const std::string& name, const Tensor& x, const char* where = "") {
  const std::vector<double> values = x.detach().to_vector<double>();
  const auto bad = std::ranges::find_if(values, [](double value) { return !std::isfinite(value); });
  if (bad != values.end())
    fail<ValueError>(op, "{} is {}{}; need finite values to take differences",
                     place(name, index_of(bad - values.begin(), x.shape())), without_sign_of_nan(*bad), where);
}

/// Refuses tolerances and steps that are not above 0.
void check_options(const Op& op, const GradcheckOptions& o) {
  if (!(o.eps > 0) || !(o.atol > 0) || !(o.rtol > 0))
    fail<ValueError>(op, "eps = {}, atol = {}, rtol = {}; need all above 0", o.eps, o.atol, o.rtol);
  if (o.elements < 0) fail<ValueError>(op, "elements = {}; need 0 for all, or a count", o.elements);
}

/// Refuses inputs and parameters that cannot be checked: undefined ones, f32, and values that are not finite.
void check_leaf(const Op& op, const std::string& name, const Tensor& x) {
  check_defined(op, x, name.c_str());
  if (x.dtype() == f32)
    fail<DTypeError>(
        op, "{} is f32, whose rounding (1e-7) hides errors below 1% of a derivative; need f64: use .to(f64)", name);
  check_finite(op, name, x);
}

/// The gradients of a problem's outputs, as functions of its leaves and of cotangents that become leaves too.
Problem gradient_of(const Problem& p, const GradcheckOptions& options) {
  const std::optional<Rng> rng_state = options.rng ? std::optional(*options.rng) : std::nullopt;
  std::vector<Tensor> cotangents;
  const std::vector<Tensor> examples = p.evaluate();
  if (rng_state) *options.rng = *rng_state;
  check_outputs(p, examples);
  Problem q{p.check, "gradient", p.names, p.leaves, {}};
  Rng rng(options.seed + 1);
  for (size_t k = 0; k < examples.size(); ++k) {
    cotangents.push_back(randn(examples[k].shape(), rng, f64));
    if (examples[k].dtype() != f64) continue;
    cotangents[k].set_requires_grad();
    q.names.push_back(fmt::format("cotangent {}", k));
    q.leaves.push_back(cotangents[k]);
  }
  q.evaluate = [evaluate = p.evaluate, leaves = p.leaves, cotangents] {
    const bool record = grad_enabled();
    const GradMode on(true);
    std::vector<Tensor> outputs = evaluate(), with, seeds;
    for (size_t k = 0; k < outputs.size(); ++k) {
      if (!outputs[k].requires_grad()) continue;
      with.push_back(outputs[k]);
      seeds.push_back(cotangents[k]);
    }
    if (with.empty()) {
      for (const Tensor& leaf : leaves) with.push_back(zeros_like(leaf));
      return with;
    }
    return grad(with, leaves, {.seeds = seeds, .create_graph = record});
  };
  return q;
}

GradcheckReport run(Problem problem, const GradcheckOptions& options, int64_t elements, bool second) {
  const GradMode on(true);
  std::optional<Scoped<Rng>> restored;
  if (options.rng) restored.emplace(*options.rng, *options.rng);
  if (second) problem = gradient_of(problem, options);
  return check_problem(std::move(problem), options, elements);
}

}  // namespace

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

GradcheckReport check_function(const CheckedFunction& fn, const std::vector<Tensor>& inputs,
                               const GradcheckOptions& options, bool second, Loc loc) {
  const Op op{second ? "gradgradcheck" : "gradcheck", loc};
  check_options(op, options);
  Problem problem{&op, "output", {}, {}, {}};
  std::vector<Tensor> arguments;
  for (size_t k = 0; k < inputs.size(); ++k) {
    const std::string name = fmt::format("input {}", k);
    check_leaf(op, name, inputs[k]);
    arguments.push_back(inputs[k].detach());
    if (inputs[k].dtype() != f64) continue;
    arguments.back() = arguments.back().clone();
    arguments.back().set_requires_grad();
    problem.names.push_back(name);
    problem.leaves.push_back(arguments.back());
  }
  if (problem.leaves.empty())
    fail<ValueError>(op, "none of the {} inputs is f64; need one to differentiate by", inputs.size());
  problem.evaluate = [&fn, arguments] { return fn(arguments); };
  return run(std::move(problem), options, options.elements, second);
}

GradcheckReport check_parameters(const NamedTensors& params, const std::function<std::vector<Tensor>()>& fn,
                                 const GradcheckOptions& options, bool second, Loc loc) {
  const Op op{second ? "gradgradcheck" : "gradcheck", loc};
  check_options(op, options);
  Problem problem{&op, "output", {}, {}, [&fn] {
                    const Op::Within users(nullptr);
                    return fn();
                  }};
  for (const auto& [name, x] : params) {
    check_leaf(op, name, x);
    if (x.dtype() != f64 || !x.requires_grad()) continue;
    for (size_t k = 0; k < problem.leaves.size(); ++k)
      if (problem.leaves[k].node() == x.node())
        fail<ValueError>(op, "{} is {} again; need each tensor once", name, problem.names[k]);
    if (!x.node()->leaf)
      fail<GradError>(op, "{} was computed from other tensors ({}); need a leaf", name, x.node()->op);
    problem.names.push_back(name);
    problem.leaves.push_back(x);
  }
  if (problem.leaves.empty())
    fail<ValueError>(op, "none of the {} tensors is f64 and requires a gradient; need one", params.size());
  return run(std::move(problem), options, options.elements > 0 ? options.elements : kParameterElements, second);
}

}  // namespace heed::autograd

namespace heed {

GradcheckReport gradcheck_values(
    const std::function<std::vector<double>(std::span<const double> x)>& f,
    const std::function<std::vector<double>(std::span<const double> x, std::span<const double> v)>& vjp,
    std::span<const double> x, const GradcheckOptions& options, Loc loc) {
  const Op op{"gradcheck_values", loc};
  const auto values = [](const Tensor& t) { return std::span(t.data<double>(), static_cast<size_t>(t.numel())); };
  const auto vector = [](const std::vector<double>& v) { return from_vector(v, {std::ssize(v)}); };
  const auto apply = [&](const Tensor& input) {
    const Tensor at = input.detach();
    return autograd::record(op, vector(f(values(at))),
                            {{input, [&, at](const Tensor& g) {
                                const Tensor v = g.detach().contiguous();
                                const std::vector<double> gradient = vjp(values(at), values(v));
                                if (std::ssize(gradient) != at.numel())
                                  fail<ValueError>(op, "vjp gave {} numbers; need {}, one for each of x",
                                                   gradient.size(), at.numel());
                                return vector(gradient);
                              }}});
  };
  return autograd::check_function(autograd::checked_function(apply), {vector({x.begin(), x.end()})}, options, false,
                                  loc);
}

}  // namespace heed

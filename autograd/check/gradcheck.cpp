#include <heed/autograd/check/gradcheck.h>

#include <optional>

#include <heed/autograd/check/gradcheck_problem.h>
#include <heed/autograd/check/refusals.h>
#include <heed/autograd/engine.h>
#include <heed/autograd/node.h>
#include <heed/tensor/random.h>
#include <heed/tensor/scoped.h>

namespace heed::autograd {
namespace {

constexpr int64_t kParameterElements = 32;

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

#include "op_run.h"

#include <cmath>

#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/engine.h>

namespace heed::tests {
namespace {

/// FNV-1a.
uint64_t hash(const std::string& text) {
  uint64_t h = 14695981039346656037u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return h;
}

/// The floating outputs that have a history, and a random seed for each.
std::pair<List, List> with_seeds(const List& outputs, uint64_t seed) {
  const List all = seeds_for(outputs, seed);
  List chosen, seeds;
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!outputs[k].requires_grad()) continue;
    chosen.push_back(outputs[k]);
    seeds.push_back(all[k].to(outputs[k].dtype()));
  }
  return {chosen, seeds};
}

/// x with leaves in place of its floating tensors, and the leaves alone with their places.
struct Leaves {
  List inputs, leaves;
  std::vector<size_t> places;
  Leaves(const List& x, std::optional<size_t> alone) : inputs(x) {
    for (size_t i = 0; i < x.size(); ++i) {
      inputs[i] = x[i].detach();
      if (!is_floating(x[i].dtype()) || (alone && *alone != i)) continue;
      inputs[i].set_requires_grad();
      leaves.push_back(inputs[i]);
      places.push_back(i);
    }
  }
  List by_input(const List& gradients) const {
    List all(inputs.size());
    for (size_t k = 0; k < places.size(); ++k) all[places[k]] = gradients[k].detach();
    return all;
  }
};

}  // namespace

uint64_t seed_of(const OpRecord& record, const Sample& sample) {
  return hash(record.declares + "/" + sample.name) % 1000000;
}

List seeds_for(const List& outputs, uint64_t seed) {
  Draw draw(seed);
  List seeds;
  for (const Tensor& y : outputs)
    seeds.push_back(is_floating(y.dtype()) ? draw.away_from_zero(y.shape(), 0.5, 1.5) : Tensor());
  return seeds;
}

Evaluation evaluate(const Function& fn, const List& x, std::optional<size_t> alone) {
  const Leaves at(x, alone);
  const List outputs = fn(at.inputs);
  Evaluation result;
  for (const Tensor& y : outputs) result.outputs.push_back(y.detach());
  result.gradients.resize(x.size());
  const auto [chosen, seeds] = with_seeds(outputs, kOutputSeeds);
  if (!chosen.empty()) result.gradients = at.by_input(grad(chosen, at.leaves, {.seeds = seeds}));
  return result;
}

SecondGradients evaluate_twice(const Function& fn, const List& x) {
  const Leaves at(x, {});
  SecondGradients result;
  const auto [outputs, seeds] = with_seeds(fn(at.inputs), kOutputSeeds);
  if (outputs.empty()) return result;
  const List first = grad(outputs, at.leaves, {.seeds = seeds, .create_graph = true});
  result.first = at.by_input(first);
  const auto [chosen, second_seeds] = with_seeds(first, kGradientSeeds);
  if (chosen.empty()) return result;
  result.second = at.by_input(grad(chosen, at.leaves, {.seeds = second_seeds}));
  return result;
}

std::string difference(const Tensor& a, const Tensor& b, double tolerance) {
  if (!(a.shape() == b.shape())) return fmt::format("shapes {} and {} differ", a.shape(), b.shape());
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  double size = 1, worst = 0;
  for (const double v : y)
    if (std::isfinite(v)) size = std::max(size, std::abs(v));
  std::string text;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    const double d = std::isfinite(x[i] - y[i]) ? std::abs(x[i] - y[i]) : HUGE_VAL;
    if (d <= tolerance * size || d <= worst) continue;
    worst = d;
    text = fmt::format("element {} of {}: {} and {}, which differ by {:.2g} of the largest; allowed {:.2g}", i,
                       b.shape(), x[i], y[i], d / size, tolerance);
  }
  return text;
}

std::string difference(const List& a, const List& b, double tolerance) {
  if (a.size() != b.size()) return fmt::format("{} and {} tensors", a.size(), b.size());
  for (size_t k = 0; k < a.size(); ++k) {
    if (!a[k].defined() && !b[k].defined()) continue;
    if (!a[k].defined() || !b[k].defined()) return fmt::format("tensor {} is missing in one", k);
    const std::string text = difference(a[k], b[k], tolerance);
    if (!text.empty()) return fmt::format("tensor {}, {}", k, text);
  }
  return "";
}

List cast(const List& x, DType dtype) {
  List y;
  for (const Tensor& t : x) y.push_back(is_floating(t.dtype()) ? t.to(dtype) : t);
  return y;
}

}  // namespace heed::tests

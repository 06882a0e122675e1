#include <heed/train/training_state.h>

#include <algorithm>
#include <map>
#include <span>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>

namespace heed::train {
namespace {

/// "'a', 'b' and 3 more"
std::string listed(const std::vector<std::string>& items) {
  constexpr size_t kShown = 4;
  const size_t shown = std::min(items.size(), kShown);
  std::string text = join(std::span(items).first(shown), ", ");
  if (items.size() > shown) text += fmt::format(" and {} more", items.size() - shown);
  return text;
}

bool widens(DType from, DType to) { return from == to || (from == f32 && to == f64); }

/// Tensors of a file by name, sorted into those that fit a model and what is wrong with the rest.
class Fit {
 public:
  Fit(const nn::Parameters& params, const NamedTensors& tensors) : given_(tensors.begin(), tensors.end()) {
    std::map<std::string, std::string> second_names;  // of tied parameters
    for (const auto& [alias, name] : params.aliases()) second_names[alias] = name;
    for (const auto& [alias, name] : second_names)
      if (given_.contains(alias) && !given_.contains(name)) given_[name] = given_[alias];
    for (const auto& [name, parameter] : params) {
      if (const auto found = given_.find(name); found != given_.end()) match(name, parameter, found->second);
      else missing_.push_back(fmt::format("'{}' {}", name, parameter.shape()));
    }
    for (const auto& [name, x] : tensors) {
      if (second_names.contains(name)) check_equal(name, x, second_names[name]);
      else if (!params.find(name)) unexpected_.push_back(fmt::format("'{}' {}", name, x.shape()));
    }
  }

  void require(const Op& op, const std::string& file) const {
    std::vector<std::string> problems;
    if (!missing_.empty()) problems.push_back("missing " + listed(missing_));
    if (!unexpected_.empty()) problems.push_back("unexpected " + listed(unexpected_));
    if (!different_.empty()) problems.push_back("different " + listed(different_));
    if (!problems.empty())
      fail<FileError>(op, "'{}' does not fit the model: {}; need every parameter once, in its shape", file,
                      join(problems, "; "));
  }

  /// (parameter, its new value)
  const std::vector<std::pair<Tensor, Tensor>>& pairs() const { return pairs_; }

 private:
  void match(const std::string& name, const Tensor& parameter, const Tensor& x) {
    if (x.shape() != parameter.shape())
      different_.push_back(fmt::format("'{}' {}, not {}", name, x.shape(), parameter.shape()));
    else if (!widens(x.dtype(), parameter.dtype()))
      different_.push_back(fmt::format("'{}' {}, not {}", name, name_of(x.dtype()), name_of(parameter.dtype())));
    else pairs_.emplace_back(parameter, x);
  }
  void check_equal(const std::string& alias, const Tensor& x, const std::string& name) {
    const Tensor& first = given_.at(name);
    if (x.shape() != first.shape() || x.to_vector<double>() != first.to_vector<double>())
      different_.push_back(fmt::format("'{}', which is tied to '{}' but has other values", alias, name));
  }

  std::map<std::string, Tensor> given_;
  std::vector<std::pair<Tensor, Tensor>> pairs_;
  std::vector<std::string> missing_, unexpected_, different_;
};

constexpr const char* kModelPrefix = "model.";
constexpr const char* kOptimizerPrefix = "optimizer.";
constexpr const char* kRng = "rng";
constexpr const char* kStep = "step";
constexpr const char* kKind = "heed";  // the metadata that tells a training state from other files
constexpr const char* kTrainingState = "training state";

}  // namespace

void load_parameters(const nn::Parameters& params, const NamedTensors& tensors, const std::string& file, Loc loc) {
  const NoGrad no_grad;
  const Fit fit(params, tensors);
  fit.require({"load", loc}, file);
  for (const auto& [parameter, value] : fit.pairs()) parameter.assign(value.to(parameter.dtype()));
}

void save_training(const std::filesystem::path& path, const nn::Parameters& params, const Optimizer& optimizer,
                   const Rng& rng, int64_t step, Loc loc) {
  NamedTensors tensors;
  for (const auto& [name, parameter] : params) tensors.emplace_back(kModelPrefix + name, parameter);
  for (const auto& [name, x] : optimizer.state()) tensors.emplace_back(kOptimizerPrefix + name, x);
  const std::vector<int64_t> state = rng.state();
  tensors.emplace_back(kRng, from_vector(state, {static_cast<int64_t>(state.size())}));
  tensors.emplace_back(kStep, from_vector(std::vector<int64_t>{step}, {}));
  save_safetensors(path, tensors, {{kKind, kTrainingState}}, loc);
}

int64_t load_training(const std::filesystem::path& path, const nn::Parameters& params, Optimizer& optimizer, Rng& rng,
                      Loc loc) {
  const Op op{"load_training", loc};
  const Safetensors file = load_safetensors(path, loc);
  const auto kind = file.metadata.find(kKind);
  if (kind == file.metadata.end() || kind->second != kTrainingState)
    fail<FileError>(op, "'{}' is not a training state; need the file of a run that was interrupted", path.string());

  NamedTensors model, moments;
  Tensor rng_state, step;
  for (const auto& [name, x] : file.tensors) {
    if (name.starts_with(kModelPrefix)) model.emplace_back(name.substr(std::string_view(kModelPrefix).size()), x);
    else if (name.starts_with(kOptimizerPrefix))
      moments.emplace_back(name.substr(std::string_view(kOptimizerPrefix).size()), x);
    else if (name == kRng) rng_state = x;
    else if (name == kStep) step = x;
  }
  if (!rng_state.defined() || rng_state.dtype() != i64 || !step.defined() || step.dtype() != i64 || step.numel() != 1 ||
      step.item<int64_t>() < 0)
    fail<FileError>(op, "'{}' has no random state or no step; need the file of a run that was interrupted",
                    path.string());
  load_parameters(params, model, path.string(), loc);
  optimizer.load_state(moments, loc);
  rng.set_state(rng_state.to_vector<int64_t>(), loc);
  return step.item<int64_t>();
}

}  // namespace heed::train

namespace heed::nn {

void Parameters::save(const std::filesystem::path& path, Loc loc) const {
  save_safetensors(path, NamedTensors(begin(), end()), {{"format", "pt"}},
                   loc);  // "pt": Python's transformers asks for it
}

void Parameters::load(const std::filesystem::path& path, Loc loc) {
  train::load_parameters(*this, load_safetensors(path, loc).tensors, path.string(), loc);
}

}  // namespace heed::nn

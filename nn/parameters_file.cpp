#include <heed/nn/parameters_file.h>

#include <algorithm>
#include <map>
#include <span>

#include <heed/autograd/grad_mode.h>

namespace heed::nn {
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
  Fit(const Parameters& params, const NamedTensors& tensors) : given_(tensors.begin(), tensors.end()) {
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

  void require(const Op& op, const std::filesystem::path& file) const {
    std::vector<std::string> problems;
    if (!missing_.empty()) problems.push_back("missing " + listed(missing_));
    if (!unexpected_.empty()) problems.push_back("unexpected " + listed(unexpected_));
    if (!different_.empty()) problems.push_back("different " + listed(different_));
    if (!problems.empty())
      fail<FileError>(op, "'{}' does not fit the model: {}; need every parameter once, in its shape", file.string(),
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

}  // namespace

void check_parameters(const Parameters& params, const NamedTensors& tensors, const std::filesystem::path& file,
                      Loc loc) {
  Fit(params, tensors).require({"load", loc}, file);
}

void load_parameters(const Parameters& params, const NamedTensors& tensors, const std::filesystem::path& file,
                     Loc loc) {
  const NoGrad no_grad;
  const Fit fit(params, tensors);
  fit.require({"load", loc}, file);
  for (const auto& [parameter, value] : fit.pairs()) parameter.assign(value.to(parameter.dtype()));
}

void Parameters::save(const std::filesystem::path& path, Loc loc) const {
  save_safetensors(path, NamedTensors(begin(), end()), {{"format", "pt"}},
                   loc);  // "pt": Python's transformers asks for it
}

void Parameters::load(const std::filesystem::path& path, Loc loc) {
  load_parameters(*this, load_safetensors(path, loc).tensors, path, loc);
}

}  // namespace heed::nn

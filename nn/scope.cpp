#include <heed/nn/scope.h>

#include <fnmatch.h>

#include <algorithm>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/node.h>

namespace heed::nn {

namespace {

void check_part(const Op& op, std::string_view part) {
  if (part.empty() || part.front() == '.' || part.back() == '.')
    fail<ValueError>(op, "\"{}\" is no name; need text that neither begins nor ends with a dot", part);
}

}  // namespace

Parameters::Parameters(std::shared_ptr<Rng> rng, DType dtype, Loc loc) : rng_(std::move(rng)), dtype_(dtype) {
  if (!is_floating(dtype)) fail<DTypeError>({"Parameters", loc}, "dtype is {}; need f32 or f64", name_of(dtype));
}

Parameters::Parameters(Rng& rng, DType dtype, Loc loc)
    : Parameters(std::shared_ptr<Rng>(std::shared_ptr<Rng>(), &rng), dtype, loc) {}

Parameters::Parameters(uint64_t seed, DType dtype, Loc loc) : Parameters(std::make_shared<Rng>(seed), dtype, loc) {}

Scope Parameters::operator/(const ChildName& child) & { return Scope(*this, child.where) / child; }

int64_t Parameters::numel() const {
  int64_t n = 0;
  for (const auto& [name, tensor] : entries_) n += tensor.numel();
  return n;
}

const Tensor* Parameters::find(std::string_view name) const {
  for (const auto& [alias, original] : aliases_)
    if (alias == name) return find(original);
  for (const auto& [own, tensor] : entries_)
    if (own == name) return &tensor;
  return nullptr;
}

const Tensor& Parameters::at(std::string_view name, Loc loc) const {
  const Tensor* found = find(name);
  if (!found)
    fail<ValueError>({"Parameters", loc}, "no parameter \"{}\"; need a name of this store: {}", name, closest(name));
  return *found;
}

void Parameters::set(std::string_view name, const Tensor& values, Loc loc) {
  const Tensor& to = at(name, loc);
  const auto named = std::make_shared<const std::string>(name);
  const Op op{"set", named, loc};
  const NoGrad no_grad;
  to.assign(values);
}

bool Parameters::fits(const std::string& pattern, std::string_view name) const {
  const auto one = [&](const std::string& given) {
    return fnmatch(pattern.c_str(), given.c_str(), 0) == 0 || fnmatch((pattern + ".*").c_str(), given.c_str(), 0) == 0;
  };
  return pattern.empty() || one(std::string(name)) ||
         std::ranges::any_of(aliases_, [&](const auto& tied) { return tied.second == name && one(tied.first); });
}

void Parameters::freeze(const std::string& pattern, Loc loc) { set_training({"freeze", loc}, pattern, false); }
void Parameters::unfreeze(const std::string& pattern, Loc loc) { set_training({"unfreeze", loc}, pattern, true); }

void Parameters::set_training(const Op& op, const std::string& pattern, bool on) {
  bool found = false;
  for (auto& [name, tensor] : entries_) {
    if (!fits(pattern, name)) continue;
    tensor.set_requires_grad(on);
    found = true;
  }
  if (!found)
    fail<ValueError>(op, "no parameter or module \"{}\"; need a name of this store: {}", pattern,
                     closest(pattern, true));
}

void Parameters::zero_grad() const {
  for (const auto& [name, tensor] : entries_) tensor.zero_grad();
}

std::string Parameters::closest(std::string_view name, bool modules) const {
  if (entries_.empty()) return "there are none";
  std::vector<std::pair<size_t, std::string_view>> names;
  const auto add = [&](std::string_view own) {
    const std::pair one(edit_distance(name, own), own);
    if (std::ranges::find(names, one) == names.end()) names.push_back(one);
  };
  for (const auto& [own, tensor] : entries_) {
    for (size_t dot = own.find('.'); modules && dot != own.npos; dot = own.find('.', dot + 1))
      add(std::string_view(own).substr(0, dot));
    add(own);
  }
  std::stable_sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text = "the closest of " + std::to_string(names.size()) + " names:";
  for (size_t i = 0; i < std::min<size_t>(names.size(), 3); ++i)
    text += fmt::format("{} {}", i ? "," : "", names[i].second);
  return text;
}

void Parameters::check_free(const Op& op, const std::string& name) const {
  if (find(name)) fail<ValueError>(op, "the name \"{}\" is taken; need a new one, or another scope", name);
}

Scope::Scope(Parameters& store, Loc loc) : Scope(&store, "", loc) {}

Scope Scope::operator/(const ChildName& child) const {
  check_part({"Scope", where_}, child.text);
  return {store_, name_->empty() ? child.text : fmt::format("{}.{}", *name_, child.text), where_};
}

Scope Scope::at(std::string_view dotted) const {
  const size_t dot = dotted.find('.');
  const Scope child = *this / dotted.substr(0, dot);
  return dot == std::string_view::npos ? child : child.at(dotted.substr(dot + 1));
}

std::string Scope::full_name(const Op& op, std::string_view name) const {
  check_part(op, name);
  return name_->empty() ? std::string(name) : fmt::format("{}.{}", *name_, name);
}

Tensor Scope::param(std::string_view name, const Shape& shape, const Init& init) const {
  const Op op{"param", where_};
  std::string full = full_name(op, name);
  store_->check_free(op, full);
  Tensor tensor = empty(shape, store_->dtype_);
  init(tensor, *store_->rng_);
  tensor.set_requires_grad();
  autograd::set_name(tensor, full, name_);
  store_->entries_.emplace_back(std::move(full), tensor);
  return tensor;
}

void Scope::tie(std::string_view name, const Tensor& parameter) const {
  const Op op{"tie", where_};
  std::string full = full_name(op, name);
  store_->check_free(op, full);
  for (const auto& [original, tensor] : store_->entries_)
    if (parameter.defined() && tensor.storage() == parameter.storage()) {
      store_->aliases_.emplace_back(std::move(full), original);
      return;
    }
  fail<ValueError>(op, "the tensor for \"{}\" is no parameter of this store; need one that param() returned", full);
}

bool training() { return autograd::training_here; }

EvalMode::EvalMode() : Scoped(autograd::training_here, false) {}

}  // namespace heed::nn

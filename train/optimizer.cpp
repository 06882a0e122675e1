#include <heed/train/optimizer.h>

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <heed/autograd/grad_mode.h>
#include <heed/tensor/kernels/optimizer.h>

namespace heed::train {
namespace {

constexpr const char* kSteps = "steps";

void check_at_least_zero(const Op& op, const char* name, double value) {
  if (!(value >= 0) || !std::isfinite(value))
    fail<ValueError>(op, "{} is {}; need a finite number, at least 0", name, value);
}

void check_share(const Op& op, const char* name, double share) {
  if (!(share >= 0 && share < 1)) fail<ValueError>(op, "{} is {}; need a number in [0, 1)", name, share);
}

/// Whether a parameter's name, or a second one, fits a shell's pattern.
bool fits(const std::string& pattern, const std::string& name, const nn::Parameters& params) {
  const auto names_it = [&](const std::string& given) { return fnmatch(pattern.c_str(), given.c_str(), 0) == 0; };
  return names_it(name) || std::any_of(params.aliases().begin(), params.aliases().end(),
                                       [&](const auto& tied) { return tied.second == name && names_it(tied.first); });
}

/// The moment `i` of a slot to write, null where this kind keeps none.
template <class T>
T* moment(const std::vector<Tensor>& moments, size_t i) {
  return i < moments.size() ? moments[i].mutable_data<T>() : nullptr;
}

}  // namespace

Optimizer::Optimizer(const char* name, const nn::Parameters& params, std::vector<std::string> moment_names, double lr,
                     double weight_decay, bool decay_vectors, const ParameterGroups& groups, Loc loc)
    : name_(name), first_lr_(lr), moment_names_(std::move(moment_names)) {
  const Op op{name, loc};
  check_at_least_zero(op, "weight_decay", weight_decay);
  set_lr(lr, loc);
  for (const ParameterGroup& group : groups) {
    check_at_least_zero(op, "a group's lr", group.options.lr.value_or(0));
    check_at_least_zero(op, "a group's weight_decay", group.options.weight_decay.value_or(0));
  }
  std::vector<bool> used(groups.size());
  for (const auto& [key, parameter] : params) {
    if (!parameter.is_contiguous())
      fail<ValueError>(op, "parameter '{}' is not contiguous; need elements in row-major order", key);
    std::vector<Tensor> moments;
    for (size_t i = 0; i < moment_names_.size(); ++i) moments.push_back(zeros(parameter.shape(), parameter.dtype()));
    const ParameterGroup* own = nullptr;
    for (size_t i = 0; i < groups.size(); ++i) {
      if (!fits(groups[i].pattern, key, params)) continue;
      if (own)
        fail<ValueError>(op, "parameter '{}' is in the groups \"{}\" and \"{}\"; need one at most", key, own->pattern,
                         groups[i].pattern);
      own = &groups[i];
      used[i] = true;
    }
    double decay = decay_vectors || parameter.rank() >= 2 ? weight_decay : 0;
    if (own && own->options.weight_decay) decay = *own->options.weight_decay;
    slots_.push_back({key, parameter, std::move(moments), own ? own->options.lr : std::nullopt, decay, 0});
  }
  if (slots_.empty()) fail<ValueError>(op, "there are no parameters; need the model built before its optimizer");
  for (size_t i = 0; i < groups.size(); ++i)
    if (!used[i])
      fail<ValueError>(op, "the group \"{}\" fits none of the {} parameters; need a pattern of names such as '{}'",
                       groups[i].pattern, slots_.size(), slots_[0].name);
}

void Optimizer::step(double grad_scale, Loc loc) {
  const NoGrad no_grad;
  struct Alike {
    std::vector<const Slot*> slots;
    std::vector<Tensor> grads;
  };
  std::map<std::tuple<DType, double, double, int64_t>, Alike> updates;
  const double share = first_lr_ > 0 ? lr_ / first_lr_ : 1;
  for (Slot& slot : slots_) {
    if (!slot.parameter.requires_grad()) continue;
    const Tensor& g = slot.parameter.grad(loc);
    if (!g.defined()) continue;
    if (g.shape() != slot.parameter.shape() || g.dtype() != slot.parameter.dtype())
      fail<ShapeError>({name_, loc}, "the gradient of '{}' is {} {}; need {} {}", slot.name, name_of(g.dtype()),
                       g.shape(), name_of(slot.parameter.dtype()), slot.parameter.shape());
    ++slot.steps;
    const double lr = slot.lr ? *slot.lr * share : lr_;
    Alike& alike = updates[{slot.parameter.dtype(), lr, slot.weight_decay, slot.steps}];
    alike.slots.push_back(&slot);
    alike.grads.push_back(g.contiguous());
  }
  for (const auto& [key, alike] : updates) {
    const auto& [dtype, lr, weight_decay, number] = key;
    update(alike.slots, alike.grads,
           {.lr = lr, .weight_decay = weight_decay, .number = number, .grad_scale = grad_scale});
    for (const Slot* slot : alike.slots) slot->parameter.storage()->mark_written();
  }
}

void Optimizer::zero_grad() {
  for (const Slot& slot : slots_) slot.parameter.zero_grad();
}

void Optimizer::set_lr(double lr, Loc loc) {
  check_at_least_zero({name_, loc}, "lr", lr);
  lr_ = lr;
}

NamedTensors Optimizer::state() const {
  std::vector<int64_t> steps;
  NamedTensors state(1);
  for (const Slot& slot : slots_) {
    steps.push_back(slot.steps);
    for (size_t i = 0; i < slot.moments.size(); ++i)
      state.emplace_back(moment_names_[i] + "." + slot.name, slot.moments[i]);
  }
  state[0] = {kSteps, from_vector(steps, {static_cast<int64_t>(steps.size())})};
  return state;
}

void Optimizer::load_state(const NamedTensors& state, Loc loc) {
  const NoGrad no_grad;
  const Op op{name_, loc};
  const NamedTensors own = this->state();
  std::map<std::string, Tensor> given(state.begin(), state.end());
  for (const auto& [key, mine] : own) {
    const Tensor& theirs = given[key];
    if (!theirs.defined())
      fail<ValueError>(op, "the state has no '{}'; need the state of this optimizer and model", key);
    if (theirs.shape() != mine.shape())
      fail<ShapeError>(op, "'{}' of the state is {}; need {}", key, theirs.shape(), mine.shape());
    if (theirs.dtype() != mine.dtype())
      fail<DTypeError>(op, "'{}' of the state is {}; need {}", key, name_of(theirs.dtype()), name_of(mine.dtype()));
  }
  if (given.size() > own.size())
    fail<ValueError>(op, "the state has {} tensors; need the {} of this optimizer and model", given.size(), own.size());

  const std::vector<int64_t> steps = given[kSteps].to_vector<int64_t>();
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].steps = steps[i];
    for (size_t m = 0; m < moment_names_.size(); ++m)
      slots_[i].moments[m] = given[moment_names_[m] + "." + slots_[i].name].clone();
  }
}

SGD::SGD(const nn::Parameters& params, const SGDOptions& options, const ParameterGroups& groups, Loc loc)
    : Optimizer("SGD", params,
                options.momentum != 0 ? std::vector<std::string>{"momentum_buffer"} : std::vector<std::string>{},
                options.lr, options.weight_decay, true, groups, loc),
      options_(options) {
  check_at_least_zero({name_, loc}, "momentum", options.momentum);
  if (options.nesterov && (options.momentum == 0 || options.dampening != 0))
    fail<ValueError>({name_, loc},
                     "nesterov comes with momentum {} and dampening {}; need momentum above 0 and no dampening",
                     options.momentum, options.dampening);
}

void SGD::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const {
  const kernels::SgdStep numbers{.lr = step.lr,
                                 .momentum = options_.momentum,
                                 .dampening = options_.dampening,
                                 .weight_decay = step.weight_decay,
                                 .nesterov = options_.nesterov,
                                 .first = step.number == 1,
                                 .grad_scale = step.grad_scale};
  dispatch_floating(grads[0].dtype(), [&]<class T>() {
    std::vector<kernels::SgdSlot<T>> raw;
    for (size_t i = 0; i < slots.size(); ++i)
      raw.push_back({slots[i]->parameter.mutable_data<T>(), grads[i].data<T>(), moment<T>(slots[i]->moments, 0),
                     grads[i].numel()});
    kernels::sgd<T>(raw, numbers);
  });
}

namespace {

std::vector<std::string> adam_moments(bool amsgrad) {
  std::vector<std::string> names = {"exp_avg", "exp_avg_sq"};
  if (amsgrad) names.push_back("max_exp_avg_sq");
  return names;
}

}  // namespace

Adam::Adam(const nn::Parameters& params, const AdamOptions& options, const ParameterGroups& groups, Loc loc)
    : Adam("Adam", params, options, Decay::gradient, groups, loc) {}

Adam::Adam(const char* name, const nn::Parameters& params, const AdamOptions& options, Decay decay,
           const ParameterGroups& groups, Loc loc)
    : Optimizer(name, params, adam_moments(options.amsgrad), options.lr, options.weight_decay, decay != Decay::matrices,
                groups, loc),
      options_(options),
      decay_(decay) {
  const Op op{name, loc};
  check_share(op, "beta1", options.beta1);
  check_share(op, "beta2", options.beta2);
  check_at_least_zero(op, "eps", options.eps);
}

void Adam::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const {
  const kernels::AdamStep numbers{.lr = step.lr,
                                  .beta1 = options_.beta1,
                                  .beta2 = options_.beta2,
                                  .eps = options_.eps,
                                  .weight_decay = step.weight_decay,
                                  .step = step.number,
                                  .grad_scale = step.grad_scale,
                                  .decoupled_decay = decay_ != Decay::gradient};
  dispatch_floating(grads[0].dtype(), [&]<class T>() {
    std::vector<kernels::AdamSlot<T>> raw;
    for (size_t i = 0; i < slots.size(); ++i) {
      const std::vector<Tensor>& moments = slots[i]->moments;
      raw.push_back({slots[i]->parameter.mutable_data<T>(), grads[i].data<T>(), moment<T>(moments, 0),
                     moment<T>(moments, 1), grads[i].numel(), moment<T>(moments, 2)});
    }
    kernels::adam<T>(raw, numbers);
  });
}

AdamW::AdamW(const nn::Parameters& params, const AdamWOptions& options, const ParameterGroups& groups, Loc loc)
    : Adam("AdamW", params,
           {.lr = options.lr,
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .eps = options.eps,
            .weight_decay = options.weight_decay,
            .amsgrad = options.amsgrad},
           options.decay_vectors ? Decay::everything : Decay::matrices, groups, loc) {}

namespace {

std::vector<std::string> rmsprop_moments(const RMSpropOptions& options) {
  std::vector<std::string> names = {"square_avg"};
  if (options.centered) names.push_back("grad_avg");
  if (options.momentum > 0) names.push_back("momentum_buffer");
  return names;
}

}  // namespace

RMSprop::RMSprop(const nn::Parameters& params, const RMSpropOptions& options, const ParameterGroups& groups, Loc loc)
    : Optimizer("RMSprop", params, rmsprop_moments(options), options.lr, options.weight_decay, true, groups, loc),
      options_(options) {
  const Op op{name_, loc};
  check_share(op, "alpha", options.alpha);
  check_at_least_zero(op, "eps", options.eps);
  check_at_least_zero(op, "momentum", options.momentum);
}

void RMSprop::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const {
  const kernels::RmsPropStep numbers{.lr = step.lr,
                                     .alpha = options_.alpha,
                                     .eps = options_.eps,
                                     .weight_decay = step.weight_decay,
                                     .momentum = options_.momentum,
                                     .grad_scale = step.grad_scale};
  dispatch_floating(grads[0].dtype(), [&]<class T>() {
    std::vector<kernels::RmsPropSlot<T>> raw;
    for (size_t i = 0; i < slots.size(); ++i) {
      const std::vector<Tensor>& moments = slots[i]->moments;
      raw.push_back({slots[i]->parameter.mutable_data<T>(), grads[i].data<T>(), moment<T>(moments, 0),
                     options_.centered ? moment<T>(moments, 1) : nullptr,
                     options_.momentum > 0 ? moment<T>(moments, moments.size() - 1) : nullptr, grads[i].numel()});
    }
    kernels::rmsprop<T>(raw, numbers);
  });
}

Adagrad::Adagrad(const nn::Parameters& params, const AdagradOptions& options, const ParameterGroups& groups, Loc loc)
    : Optimizer("Adagrad", params, {"sum"}, options.lr, options.weight_decay, true, groups, loc), options_(options) {
  const Op op{name_, loc};
  check_at_least_zero(op, "lr_decay", options.lr_decay);
  check_at_least_zero(op, "eps", options.eps);
}

void Adagrad::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const {
  const kernels::AdagradStep numbers{.lr = step.lr / (1 + static_cast<double>(step.number - 1) * options_.lr_decay),
                                     .eps = options_.eps,
                                     .weight_decay = step.weight_decay,
                                     .grad_scale = step.grad_scale};
  dispatch_floating(grads[0].dtype(), [&]<class T>() {
    std::vector<kernels::AdagradSlot<T>> raw;
    for (size_t i = 0; i < slots.size(); ++i)
      raw.push_back({slots[i]->parameter.mutable_data<T>(), grads[i].data<T>(), moment<T>(slots[i]->moments, 0),
                     grads[i].numel()});
    kernels::adagrad<T>(raw, numbers);
  });
}

}  // namespace heed::train

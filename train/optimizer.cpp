#include <heed/train/optimizer.h>

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

void check_beta(const Op& op, const char* name, double beta) {
  if (!(beta >= 0 && beta < 1)) fail<ValueError>(op, "{} is {}; need a number in [0, 1)", name, beta);
}

}  // namespace

Optimizer::Optimizer(const char* name, const nn::Parameters& params, std::vector<std::string> moment_names, double lr,
                     double weight_decay, bool decay_vectors, Loc loc)
    : name_(name), moment_names_(std::move(moment_names)) {
  const Op op{name, loc};
  check_at_least_zero(op, "weight_decay", weight_decay);
  set_lr(lr, loc);
  for (const auto& [key, parameter] : params) {
    if (!parameter.is_contiguous())
      fail<ValueError>(op, "parameter '{}' is not contiguous; need elements in row-major order", key);
    std::vector<Tensor> moments;
    for (size_t i = 0; i < moment_names_.size(); ++i) moments.push_back(zeros(parameter.shape(), parameter.dtype()));
    const bool decays = decay_vectors || parameter.rank() >= 2;
    slots_.push_back({key, parameter, std::move(moments), decays ? weight_decay : 0, 0});
  }
  if (slots_.empty()) fail<ValueError>(op, "there are no parameters; need the model built before its optimizer");
}

void Optimizer::step(double grad_scale, Loc loc) {
  const NoGrad no_grad;
  struct Group {
    std::vector<const Slot*> slots;
    std::vector<Tensor> grads;
  };
  std::map<std::tuple<DType, double, int64_t>, Group> groups;
  for (Slot& slot : slots_) {
    const Tensor& g = slot.parameter.grad(loc);
    if (!g.defined() || !slot.parameter.requires_grad()) continue;
    if (g.shape() != slot.parameter.shape() || g.dtype() != slot.parameter.dtype())
      fail<ShapeError>({name_, loc}, "the gradient of '{}' is {} {}; need {} {}", slot.name, name_of(g.dtype()),
                       g.shape(), name_of(slot.parameter.dtype()), slot.parameter.shape());
    ++slot.steps;
    Group& group = groups[{slot.parameter.dtype(), slot.weight_decay, slot.steps}];
    group.slots.push_back(&slot);
    group.grads.push_back(g.contiguous());
  }
  for (const auto& [key, group] : groups) {
    update(group.slots, group.grads, grad_scale);
    for (const Slot* slot : group.slots) slot->parameter.storage()->mark_written();
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

SGD::SGD(const nn::Parameters& params, const SGDOptions& options, Loc loc)
    : Optimizer("SGD", params,
                options.momentum != 0 ? std::vector<std::string>{"momentum_buffer"} : std::vector<std::string>{},
                options.lr, options.weight_decay, true, loc),
      options_(options) {
  check_at_least_zero({name_, loc}, "momentum", options.momentum);
  if (options.nesterov && (options.momentum == 0 || options.dampening != 0))
    fail<ValueError>({name_, loc},
                     "nesterov comes with momentum {} and dampening {}; need momentum above 0 and no dampening",
                     options.momentum, options.dampening);
}

void SGD::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, double grad_scale) const {
  const kernels::SgdStep step{.lr = lr(),
                              .momentum = options_.momentum,
                              .dampening = options_.dampening,
                              .weight_decay = slots[0]->weight_decay,
                              .nesterov = options_.nesterov,
                              .first = slots[0]->steps == 1,
                              .grad_scale = grad_scale};
  dispatch_floating(grads[0].dtype(), [&]<class T>() {
    std::vector<kernels::SgdSlot<T>> raw;
    for (size_t i = 0; i < slots.size(); ++i) {
      T* momentum = slots[i]->moments.empty() ? nullptr : slots[i]->moments[0].mutable_data<T>();
      raw.push_back({slots[i]->parameter.mutable_data<T>(), grads[i].data<T>(), momentum, grads[i].numel()});
    }
    kernels::sgd<T>(raw, step);
  });
}

Adam::Adam(const nn::Parameters& params, const AdamOptions& options, Loc loc)
    : Adam("Adam", params, options, Decay::gradient, loc) {}

Adam::Adam(const char* name, const nn::Parameters& params, const AdamOptions& options, Decay decay, Loc loc)
    : Optimizer(name, params, {"exp_avg", "exp_avg_sq"}, options.lr, options.weight_decay, decay != Decay::matrices,
                loc),
      options_(options),
      decay_(decay) {
  const Op op{name, loc};
  check_beta(op, "beta1", options.beta1);
  check_beta(op, "beta2", options.beta2);
  check_at_least_zero(op, "eps", options.eps);
}

void Adam::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, double grad_scale) const {
  const kernels::AdamStep step{.lr = lr(),
                               .beta1 = options_.beta1,
                               .beta2 = options_.beta2,
                               .eps = options_.eps,
                               .weight_decay = slots[0]->weight_decay,
                               .step = slots[0]->steps,
                               .grad_scale = grad_scale,
                               .decoupled_decay = decay_ != Decay::gradient};
  dispatch_floating(grads[0].dtype(), [&]<class T>() {
    std::vector<kernels::AdamSlot<T>> raw;
    for (size_t i = 0; i < slots.size(); ++i)
      raw.push_back({slots[i]->parameter.mutable_data<T>(), grads[i].data<T>(), slots[i]->moments[0].mutable_data<T>(),
                     slots[i]->moments[1].mutable_data<T>(), grads[i].numel()});
    kernels::adam<T>(raw, step);
  });
}

AdamW::AdamW(const nn::Parameters& params, const AdamWOptions& options, Loc loc)
    : Adam("AdamW", params,
           {.lr = options.lr,
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .eps = options.eps,
            .weight_decay = options.weight_decay},
           options.decay_vectors ? Decay::everything : Decay::matrices, loc) {}

}  // namespace heed::train

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

}  // namespace

Optimizer::Optimizer(const char* name, const nn::Parameters& params, double lr, const Keep& keep,
                     const ParameterGroups& groups, Loc loc)
    : name_(name), first_lr_(lr) {
  const Op op{name, loc};
  set_lr(lr, loc);
  for (const ParameterGroup& group : groups) {
    check_at_least_zero(op, "a group's lr", group.options.lr.value_or(0));
    check_at_least_zero(op, "a group's weight_decay", group.options.weight_decay.value_or(0));
  }
  std::vector<bool> used(groups.size());
  for (const auto& [key, parameter] : params) {
    if (!parameter.is_contiguous())
      fail<ValueError>(op, "parameter '{}' is not contiguous; need elements in row-major order", key);
    const ParameterGroup* own = nullptr;
    for (size_t i = 0; i < groups.size(); ++i) {
      if (!fits(groups[i].pattern, key, params)) continue;
      if (own)
        fail<ValueError>(op, "parameter '{}' is in the groups \"{}\" and \"{}\"; need one at most", key, own->pattern,
                         groups[i].pattern);
      own = &groups[i];
      used[i] = true;
    }
    const GroupOptions group = own ? own->options : GroupOptions{};
    const Kept kept = keep(parameter, group);
    check_at_least_zero(op, "weight_decay", kept.weight_decay);
    std::vector<Tensor> moments;
    for (size_t i = 0; i < kept.moment_names.size(); ++i)
      moments.push_back(zeros(parameter.shape(), parameter.dtype()));
    slots_.push_back({key, parameter, kept.moment_names, std::move(moments), group.lr ? group.lr : kept.lr,
                      group.weight_decay.value_or(kept.weight_decay), 0});
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
      state.emplace_back(slot.moment_names[i] + "." + slot.name, slot.moments[i]);
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
    for (size_t m = 0; m < slots_[i].moments.size(); ++m)
      slots_[i].moments[m] = given[slots_[i].moment_names[m] + "." + slots_[i].name].clone();
  }
}

/// Slots and their gradients as kernels see them.
template <class T>
std::vector<kernels::Slot<T>> Optimizer::raw(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads) {
  std::vector<kernels::Slot<T>> all;
  for (size_t i = 0; i < slots.size(); ++i) {
    kernels::Slot<T>& slot = all.emplace_back(
        kernels::Slot<T>{slots[i]->parameter.mutable_data<T>(), grads[i].data<T>(), {}, grads[i].numel()});
    for (size_t m = 0; m < slots[i]->moments.size(); ++m) slot.moments[m] = slots[i]->moments[m].mutable_data<T>();
  }
  return all;
}

template <class F>
void Optimizer::each_part(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, F f) {
  dispatch_floating(grads[0].dtype(), [&]<class T>() {
    kernels::for_parts(raw<T>(slots, grads), [&](const kernels::Slot<T>& part) { f(part); });
  });
}

void Optimizer::adam(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, const Step& s,
                     double beta1, double beta2, double eps, bool decoupled_decay) {
  dispatch_floating(grads[0].dtype(), [&]<class T>() {
    kernels::adam(raw<T>(slots, grads),
                  {s.lr, beta1, beta2, eps, s.weight_decay, s.number, s.grad_scale, decoupled_decay});
  });
}

SGD::SGD(const nn::Parameters& params, const SGDOptions& options, const ParameterGroups& groups, Loc loc)
    : Optimizer(
          "SGD", params, options.lr,
          options.momentum != 0 ? Kept{{"momentum_buffer"}, options.weight_decay} : Kept{{}, options.weight_decay},
          groups, loc),
      options_(options) {
  check_at_least_zero({name_, loc}, "momentum", options.momentum);
  if (options.nesterov && (options.momentum == 0 || options.dampening != 0))
    fail<ValueError>({name_, loc},
                     "nesterov comes with momentum {} and dampening {}; need momentum above 0 and no dampening",
                     options.momentum, options.dampening);
}

void SGD::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, const Step& s) const {
  const bool first = s.number == 1;  // the buffer takes the gradient as it is: dampening starts with the second step
  each_part(slots, grads, [&]<class T>(const kernels::Slot<T>& a) {
    const T lr = T(s.lr), momentum = T(options_.momentum), decay = T(s.weight_decay), scale = T(s.grad_scale);
    const T share = first ? T(1) : T(1 - options_.dampening), kept = first ? T(0) : momentum;
    T* const buffer = a.moments[0];
    for (int64_t i = 0; i < a.n; ++i) {
      T g = a.g[i] * scale + decay * a.p[i];
      if (buffer) {
        const T b = buffer[i] = kept * buffer[i] + share * g;
        g = options_.nesterov ? g + momentum * b : b;
      }
      a.p[i] -= lr * g;
    }
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
    : Optimizer(
          name, params, options.lr,
          [&](const Tensor& parameter, const GroupOptions&) {
            const bool decays = decay != Decay::matrices || parameter.rank() >= 2;
            return Kept{adam_moments(options.amsgrad), decays ? options.weight_decay : 0};
          },
          groups, loc),
      options_(options),
      decay_(decay) {
  const Op op{name, loc};
  check_share(op, "beta1", options.beta1);
  check_share(op, "beta2", options.beta2);
  check_at_least_zero(op, "eps", options.eps);
  check_at_least_zero(op, "weight_decay", options.weight_decay);
}

void Adam::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const {
  adam(slots, grads, step, options_.beta1, options_.beta2, options_.eps, decay_ != Decay::gradient);
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
    : Optimizer("RMSprop", params, options.lr, Kept{rmsprop_moments(options), options.weight_decay}, groups, loc),
      options_(options) {
  const Op op{name_, loc};
  check_share(op, "alpha", options.alpha);
  check_at_least_zero(op, "eps", options.eps);
  check_at_least_zero(op, "momentum", options.momentum);
}

void RMSprop::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, const Step& s) const {
  each_part(slots, grads, [&]<class T>(const kernels::Slot<T>& a) {
    const T lr = T(s.lr), alpha = T(options_.alpha), rest = T(1 - options_.alpha), eps = T(options_.eps),
            decay = T(s.weight_decay), momentum = T(options_.momentum), scale = T(s.grad_scale);
    T* const square = a.moments[0];
    T* const mean = options_.centered ? a.moments[1] : nullptr;
    T* const buffer = options_.momentum > 0 ? a.moments[options_.centered ? 2 : 1] : nullptr;
    for (int64_t i = 0; i < a.n; ++i) {
      const T g = a.g[i] * scale + decay * a.p[i];
      T variance = square[i] = alpha * square[i] + rest * g * g;
      if (mean) {
        const T m = mean[i] += rest * (g - mean[i]);
        variance -= m * m;
      }
      T step = g / (std::sqrt(variance) + eps);
      if (buffer) step = buffer[i] = momentum * buffer[i] + step;
      a.p[i] -= lr * step;
    }
  });
}

Adagrad::Adagrad(const nn::Parameters& params, const AdagradOptions& options, const ParameterGroups& groups, Loc loc)
    : Optimizer("Adagrad", params, options.lr, Kept{{"sum"}, options.weight_decay}, groups, loc), options_(options) {
  const Op op{name_, loc};
  check_at_least_zero(op, "lr_decay", options.lr_decay);
  check_at_least_zero(op, "eps", options.eps);
}

void Adagrad::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, const Step& s) const {
  each_part(slots, grads, [&]<class T>(const kernels::Slot<T>& a) {
    const T lr = T(s.lr / (1 + static_cast<double>(s.number - 1) * options_.lr_decay)), eps = T(options_.eps),
            decay = T(s.weight_decay), scale = T(s.grad_scale);
    T* const sum = a.moments[0];
    for (int64_t i = 0; i < a.n; ++i) {
      const T g = a.g[i] * scale + decay * a.p[i];
      sum[i] += g * g;
      a.p[i] -= lr * g / (std::sqrt(sum[i]) + eps);
    }
  });
}

}  // namespace heed::train

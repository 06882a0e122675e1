#include <heed/train/optimizer.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include <heed/autograd/grad_mode.h>
#include <heed/tensor/kernels/optimizer.h>
#include <heed/tensor/precision.h>

namespace heed::train {
namespace {

constexpr const char *kSteps = "steps", *kLr = "lr";

std::string moment_of(const std::string& moment, const std::string& parameter) { return moment + "." + parameter; }

void check_at_least_zero(const Op& op, const std::string& name, double value) {
  if (!(value >= 0) || !std::isfinite(value))
    fail<ValueError>(op, "{} is {}; need a finite number, at least 0", name, value);
}

enum class Range { any, at_least_zero, share };
struct Number {
  const char* name;
  std::optional<double> GroupOptions::*member;
  Range range;
};
constexpr Number kNumbers[] = {
    {"lr", &GroupOptions::lr, Range::at_least_zero},
    {"weight_decay", &GroupOptions::weight_decay, Range::at_least_zero},
    {"momentum", &GroupOptions::momentum, Range::at_least_zero},
    {"dampening", &GroupOptions::dampening, Range::any},
    {"beta1", &GroupOptions::beta1, Range::share},
    {"beta2", &GroupOptions::beta2, Range::share},
    {"eps", &GroupOptions::eps, Range::at_least_zero},
    {"alpha", &GroupOptions::alpha, Range::share},
    {"lr_decay", &GroupOptions::lr_decay, Range::at_least_zero},
    {"initial_accumulator_value", &GroupOptions::initial_accumulator_value, Range::at_least_zero},
};
constexpr std::pair<const char*, std::optional<bool> GroupOptions::*> kFlags[] = {{"nesterov", &GroupOptions::nesterov},
                                                                                  {"amsgrad", &GroupOptions::amsgrad},
                                                                                  {"centered", &GroupOptions::centered},
                                                                                  {"adam", &GroupOptions::adam}};

void check_numbers(const Op& op, const GroupOptions& options, const std::string& whose) {
  for (const auto& [name, member, range] : kNumbers) {
    const double value = (options.*member).value_or(0);
    if (range == Range::at_least_zero) check_at_least_zero(op, whose + name, value);
    if (range == Range::share && !(value >= 0 && value < 1))
      fail<ValueError>(op, "{}{} is {}; need a number in [0, 1)", whose, name, value);
  }
}

/// `options` with what the group says in their place.
GroupOptions overridden(const Op& op, GroupOptions options, const ParameterGroup& group) {
  const auto take = [&](const char* name, auto& own, const auto& given) {
    if (!given) return;
    if (!own && std::string_view(name) != "lr")
      fail<ValueError>(op, "the group \"{}\" has {}, which is no option of this optimizer; need none", group.pattern,
                       name);
    own = given;
  };
  for (const Number& number : kNumbers) take(number.name, options.*number.member, group.options.*number.member);
  for (const auto& [name, member] : kFlags) take(name, options.*member, group.options.*member);
  return options;
}

}  // namespace

Optimizer::Optimizer(const char* name, const nn::Parameters& params, double lr, const Defaults& defaults,
                     Moments moments, const ParameterGroups& groups, Loc loc)
    : name_(name), first_lr_(lr), moments_(moments) {
  const Op op{name, loc};
  set_lr(lr);
  for (const ParameterGroup& group : groups) {
    check_numbers(op, group.options, "a group's ");
    if (lr == 0 && group.options.lr)
      fail<ValueError>(op, "the group \"{}\" has lr {} in proportion to the optimiser's, which is 0; need one above 0",
                       group.pattern, *group.options.lr);
  }
  std::vector<bool> used(groups.size());
  for (const auto& [key, parameter] : params) {
    if (!parameter.is_contiguous())
      fail<ValueError>(op, "parameter '{}' is not contiguous; need elements in row-major order", key);
    const ParameterGroup* own = nullptr;
    for (size_t i = 0; i < groups.size(); ++i) {
      if (!params.fits(groups[i].pattern, key)) continue;
      if (own)
        fail<ValueError>(op, "parameter '{}' is in the groups \"{}\" and \"{}\"; need one at most", key, own->pattern,
                         groups[i].pattern);
      own = &groups[i];
      used[i] = true;
    }
    if (own && own->options.skip) continue;
    GroupOptions options = defaults(parameter, own ? own->options : GroupOptions{});
    check_numbers(op, options, "");
    if (own) options = overridden(op, options, *own);
    slots_.push_back({key, parameter, options, {}, 0});
  }
  if (params.size() == 0) fail<ValueError>(op, "there are no parameters; need the model built before its optimizer");
  for (size_t i = 0; i < groups.size(); ++i)
    if (!used[i])
      fail<ValueError>(op, "the group \"{}\" fits none of the {} parameters; need a pattern of names such as '{}'",
                       groups[i].pattern, params.size(), params.begin()->first);
  if (slots_.empty()) fail<ValueError>(op, "its groups skip all {} parameters; need one left to update", params.size());
}

void Optimizer::start_moments(Slot& slot) const {
  NamedTensors moments;
  for (const auto& [moment, start] : moments_(slot.options))
    moments.emplace_back(moment, full(slot.parameter.shape(), start, slot.parameter.dtype()));
  slot.moments = std::move(moments);
}

void Optimizer::step(double grad_scale, Loc loc) {
  const NoGrad no_grad;
  const Precision exact(Products::f32);
  struct Alike {
    std::vector<Slot*> slots;
    std::vector<Tensor> grads;
  };
  std::map<std::tuple<DType, double, GroupOptions, int64_t>, Alike> updates;
  const double share = first_lr_ > 0 ? lr_ / first_lr_ : 1;
  for (Slot& slot : slots_) {
    if (!slot.parameter.requires_grad()) continue;
    const Tensor& g = slot.parameter.grad(loc);
    if (!g.defined()) continue;
    if (g.shape() != slot.parameter.shape() || g.dtype() != slot.parameter.dtype())
      fail<ShapeError>({name_, loc}, "the gradient of '{}' is {} {}; need {} {}", slot.name, name_of(g.dtype()),
                       g.shape(), name_of(slot.parameter.dtype()), slot.parameter.shape());
    if (slot.steps == 0) start_moments(slot);
    ++slot.steps;
    const double lr = slot.options.lr ? *slot.options.lr * share : lr_;
    Alike& alike = updates[{slot.parameter.dtype(), lr, slot.options, slot.steps}];
    alike.slots.push_back(&slot);
    alike.grads.push_back(g.contiguous());
  }
  for (const auto& [key, alike] : updates) {
    const auto& [dtype, lr, options, number] = key;
    update(alike.slots, alike.grads, {.lr = lr, .options = options, .number = number, .grad_scale = grad_scale});
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
  state.emplace_back(kLr, scalar(lr_, f64));
  for (const Slot& slot : slots_) {
    steps.push_back(slot.steps);
    for (const auto& [moment, value] : slot.moments) state.emplace_back(moment_of(moment, slot.name), value);
  }
  state[0] = {kSteps, from_vector(steps, {static_cast<int64_t>(steps.size())})};
  return state;
}

std::vector<std::string> Optimizer::names() const {
  std::vector<std::string> names;
  for (const Slot& slot : slots_) names.push_back(slot.name);
  return names;
}

void Optimizer::check_state(const NamedTensors& state, Loc loc) const {
  const Op op{name_, loc};
  std::map<std::string, Tensor> given(state.begin(), state.end());
  const auto take = [&](const std::string& key, const Shape& shape, DType dtype) {
    const auto found = given.extract(key);
    if (!found) fail<ValueError>(op, "the state has no '{}'; need the state of this optimizer and model", key);
    const Tensor& x = found.mapped();
    if (x.shape() != shape) fail<ShapeError>(op, "'{}' of the state is {}; need {}", key, x.shape(), shape);
    if (x.dtype() != dtype)
      fail<DTypeError>(op, "'{}' of the state is {}; need {}", key, name_of(x.dtype()), name_of(dtype));
    return x;
  };
  const std::vector<int64_t> steps = take(kSteps, {std::ssize(slots_)}, i64).to_vector<int64_t>();
  if (given.contains(kLr))  // old ones have none
    check_at_least_zero(op, "lr of the state", take(kLr, {}, f64).item<double>());
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (steps[i] < 0) fail<ValueError>(op, "'{}' had {} updates in the state; need at least 0", slot.name, steps[i]);
    for (const auto& [moment, start] : moments_(slot.options))
      if (const std::string key = moment_of(moment, slot.name); steps[i] > 0 || given.contains(key))
        take(key, slot.parameter.shape(), slot.parameter.dtype());
  }
  if (!given.empty())
    fail<ValueError>(op, "the state has '{}', too; need the state of this optimizer and model", given.begin()->first);
}

void Optimizer::load_state(const NamedTensors& state, Loc loc) {
  check_state(state, loc);
  const NoGrad no_grad;
  const std::map<std::string, Tensor> given(state.begin(), state.end());
  const std::vector<int64_t> steps = given.at(kSteps).to_vector<int64_t>();
  if (const auto lr = given.find(kLr); lr != given.end()) set_lr(lr->second.item<double>());
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    slot.steps = steps[i];
    slot.moments.clear();
    if (slot.steps == 0) continue;  // old states have moments even so, as they start
    for (const auto& [moment, start] : moments_(slot.options))
      slot.moments.emplace_back(moment, given.at(moment_of(moment, slot.name)).clone());
  }
}

/// Slots and their gradients as kernels see them.
template <class T>
std::vector<kernels::ParameterPart<T>> Optimizer::raw(const std::vector<Slot*>& slots,
                                                      const std::vector<Tensor>& grads) {
  std::vector<kernels::ParameterPart<T>> all;
  for (size_t i = 0; i < slots.size(); ++i) {
    kernels::ParameterPart<T>& slot = all.emplace_back(
        kernels::ParameterPart<T>{slots[i]->parameter.mutable_data<T>(), grads[i].data<T>(), {}, grads[i].numel()});
    slots[i]->parameter.storage()->mark_written();  // also within a user's op
    for (size_t m = 0; m < slots[i]->moments.size(); ++m)
      slot.moments[m] = slots[i]->moments[m].second.template mutable_data<T>();
  }
  return all;
}

template <class F>
void Optimizer::each_part(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, F f) {
  dispatch_floating(grads[0].dtype(), [&]<class T>() {
    kernels::for_parts(raw<T>(slots, grads), [&](const kernels::ParameterPart<T>& part) { f(part); });
  });
}

void Optimizer::adam(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& s,
                     bool decoupled_decay) {
  const GroupOptions& o = s.options;
  dispatch_floating(grads[0].dtype(), [&]<class T>() {
    kernels::adam(raw<T>(slots, grads),
                  {s.lr, *o.beta1, *o.beta2, *o.eps, *o.weight_decay, s.number, s.grad_scale, decoupled_decay});
  });
}

SGD::SGD(const nn::Parameters& params, const SGDOptions& options, const ParameterGroups& groups, Loc loc)
    : Optimizer(
          "SGD", params, options.lr,
          {.weight_decay = options.weight_decay,
           .momentum = options.momentum,
           .dampening = options.dampening,
           .nesterov = options.nesterov},
          [](const GroupOptions& o) -> MomentStarts {
            if (*o.momentum == 0) return {};
            return {{"momentum_buffer", 0}};
          },
          groups, loc) {
  for (const Slot& slot : slots())
    if (const GroupOptions& o = slot.options; *o.nesterov && (*o.momentum == 0 || *o.dampening != 0))
      fail<ValueError>({name_, loc},
                       "nesterov comes with momentum {} and dampening {}; need momentum above 0 and no dampening",
                       *o.momentum, *o.dampening);
}

void SGD::update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& s) const {
  const bool first = s.number == 1;  // the buffer takes the gradient as it is: dampening starts with the second step
  const bool nesterov = *s.options.nesterov;
  each_part(slots, grads, [&]<class T>(const kernels::ParameterPart<T>& a) {
    const T lr = T(s.lr), momentum = T(*s.options.momentum), decay = T(*s.options.weight_decay),
            scale = T(s.grad_scale);
    const T share = first ? T(1) : T(1 - *s.options.dampening), kept = first ? T(0) : momentum;
    T* const buffer = a.moments[0];
    for (int64_t i = 0; i < a.n; ++i) {
      T g = a.decayed(i, scale, decay);
      if (buffer) {
        const T b = buffer[i] = kept * buffer[i] + share * g;
        g = nesterov ? g + momentum * b : b;
      }
      a.p[i] -= lr * g;
    }
  });
}

Adam::Adam(const nn::Parameters& params, const AdamOptions& options, const ParameterGroups& groups, Loc loc)
    : Adam("Adam", params, options, Decay::gradient, groups, loc) {}

template <class Options>
Adam::Adam(const char* name, const nn::Parameters& params, const Options& options, Decay decay,
           const ParameterGroups& groups, Loc loc)
    : Optimizer(
          name, params, options.lr,
          [&](const Tensor& parameter, const GroupOptions&) {
            const bool decays = decay != Decay::matrices || parameter.rank() >= 2;
            return GroupOptions{.weight_decay = decays ? options.weight_decay : 0,
                                .beta1 = options.beta1,
                                .beta2 = options.beta2,
                                .eps = options.eps,
                                .amsgrad = options.amsgrad};
          },
          [](const GroupOptions& o) {
            MomentStarts moments = {{"exp_avg", 0}, {"exp_avg_sq", 0}};
            if (*o.amsgrad) moments.emplace_back("max_exp_avg_sq", 0);
            return moments;
          },
          groups, loc),
      decay_(decay) {
  check_at_least_zero({name, loc}, "weight_decay", options.weight_decay);
}

void Adam::update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const {
  adam(slots, grads, step, decay_ != Decay::gradient);
}

AdamW::AdamW(const nn::Parameters& params, const AdamWOptions& options, const ParameterGroups& groups, Loc loc)
    : Adam("AdamW", params, options, options.decay_vectors ? Decay::everything : Decay::matrices, groups, loc) {}

RMSprop::RMSprop(const nn::Parameters& params, const RMSpropOptions& options, const ParameterGroups& groups, Loc loc)
    : Optimizer(
          "RMSprop", params, options.lr,
          {.weight_decay = options.weight_decay,
           .momentum = options.momentum,
           .eps = options.eps,
           .alpha = options.alpha,
           .centered = options.centered},
          [](const GroupOptions& o) {
            MomentStarts moments = {{"square_avg", 0}};
            if (*o.centered) moments.emplace_back("grad_avg", 0);
            if (*o.momentum > 0) moments.emplace_back("momentum_buffer", 0);
            return moments;
          },
          groups, loc) {}

void RMSprop::update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& s) const {
  const GroupOptions& o = s.options;
  each_part(slots, grads, [&]<class T>(const kernels::ParameterPart<T>& a) {
    const T lr = T(s.lr), alpha = T(*o.alpha), rest = T(1 - *o.alpha), eps = T(*o.eps), decay = T(*o.weight_decay),
            momentum = T(*o.momentum), scale = T(s.grad_scale);
    T* const square = a.moments[0];
    T* const mean = *o.centered ? a.moments[1] : nullptr;
    T* const buffer = *o.momentum > 0 ? a.moments[*o.centered ? 2 : 1] : nullptr;
    for (int64_t i = 0; i < a.n; ++i) {
      const T g = a.decayed(i, scale, decay);
      T variance = square[i] = alpha * square[i] + rest * g * g;
      if (mean) {
        const T m = mean[i] += rest * (g - mean[i]);
        // Rounding leaves that much of a difference of equals, or less than 0; infinity less infinity is NaN.
        variance = std::max(std::numeric_limits<T>::epsilon() * variance, variance - m * m);
      }
      T step = g / (std::sqrt(variance) + eps);
      if (buffer) step = buffer[i] = momentum * buffer[i] + step;
      a.p[i] -= lr * step;
    }
  });
}

Adagrad::Adagrad(const nn::Parameters& params, const AdagradOptions& options, const ParameterGroups& groups, Loc loc)
    : Optimizer(
          "Adagrad", params, options.lr,
          {.weight_decay = options.weight_decay,
           .eps = options.eps,
           .lr_decay = options.lr_decay,
           .initial_accumulator_value = options.initial_accumulator_value},
          [](const GroupOptions& o) -> MomentStarts {
            return {{"sum", *o.initial_accumulator_value}};
          },
          groups, loc) {}

void Adagrad::update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& s) const {
  const GroupOptions& o = s.options;
  each_part(slots, grads, [&]<class T>(const kernels::ParameterPart<T>& a) {
    const T lr = T(s.lr / (1 + static_cast<double>(s.number - 1) * *o.lr_decay)), eps = T(*o.eps),
            decay = T(*o.weight_decay), scale = T(s.grad_scale);
    T* const sum = a.moments[0];
    for (int64_t i = 0; i < a.n; ++i) {
      const T g = a.decayed(i, scale, decay);
      sum[i] += g * g;
      a.p[i] -= lr * g / (std::sqrt(sum[i]) + eps);
    }
  });
}

}  // namespace heed::train

#include <heed/train/ema.h>

#include <algorithm>
#include <map>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>

namespace heed::train {

constexpr const char* kUpdates = "updates";

Ema::Ema(const nn::Parameters& params, double decay, Loc loc) : decay_(decay) {
  const Op op{"Ema", loc};
  if (!(decay > 0 && decay < 1)) fail<ValueError>(op, "decay is {}; need a number above 0 and below 1", decay);
  const NoGrad no_grad;
  for (const auto& [name, parameter] : params)
    if (parameter.requires_grad()) slots_.push_back({name, parameter, parameter.clone()});
    else ++frozen_;
}

void Ema::update() {
  const NoGrad no_grad;
  const double n = static_cast<double>(++updates_), rest = 1 - std::min(decay_, (1 + n) / (10 + n));
  for (const Slot& slot : slots_) slot.average.assign(slot.average + (slot.parameter - slot.average) * rest);
}

void Ema::exchange() {
  const NoGrad no_grad;
  for (const Slot& slot : slots_) {
    const Tensor parameter = slot.parameter.clone();
    slot.parameter.assign(slot.average);
    slot.average.assign(parameter);
  }
}

NamedTensors Ema::state() const {
  NamedTensors state{{kUpdates, from_vector(std::vector<int64_t>{updates_}, {})}};
  for (const Slot& slot : slots_) state.emplace_back(slot.name, slot.average);
  return state;
}

void Ema::load_state(const NamedTensors& state, Loc loc) {
  const Op op{"Ema", loc};
  const std::map<std::string, Tensor> given(state.begin(), state.end());
  const NamedTensors own = this->state();
  for (const auto& [name, mine] : own) {
    const auto theirs = given.find(name);
    if (theirs == given.end())
      fail<ValueError>(op, "the state has no '{}'; need the average of this model's weights", name);
    if (theirs->second.shape() != mine.shape() || theirs->second.dtype() != mine.dtype())
      fail<ShapeError>(op, "'{}' of the state is {} {}; need {} {}", name, name_of(theirs->second.dtype()),
                       theirs->second.shape(), name_of(mine.dtype()), mine.shape());
  }
  if (given.size() != own.size() && given.size() != own.size() + frozen_)
    fail<ValueError>(op, "the state has {} tensors; need the {} of this model's average", given.size(), own.size());
  updates_ = given.at(kUpdates).item<int64_t>();
  for (const Slot& slot : slots_) slot.average.assign(given.at(slot.name));
}

}  // namespace heed::train

#include <heed/train/muon.h>

#include <cmath>

#include <heed/autograd/ops.h>
#include <heed/tensor/kernels/optimizer.h>

namespace heed::train {
namespace {

Tensor orthogonal(const Tensor& x0, const MuonOptions& options) {
  const bool tall = x0.size(0) > x0.size(1);
  Tensor x = tall ? x0.mT() : x0;
  x = x / maximum(x.norm(), options.eps);
  for (int64_t i = 0; i < options.newton_schulz_steps; ++i) {
    const Tensor gram = matmul(x, x.mT());
    x = x * 3.4445 + matmul(matmul(gram, gram) * 2.0315 - gram * 4.775, x);
  }
  return tall ? x.mT() : x;
}

double scale_of(const Shape& shape, MuonOptions::Adjust adjust) {
  const double rows = static_cast<double>(shape[0]), columns = static_cast<double>(shape[1]);
  return adjust == MuonOptions::original ? std::sqrt(std::max(1.0, rows / columns))
                                         : 0.2 * std::sqrt(std::max(rows, columns));
}

bool takes(const Tensor& parameter, const GroupOptions& group) { return parameter.rank() == 2 && !group.adam; }

}  // namespace

Muon::Muon(const nn::Parameters& params, const MuonOptions& options, const ParameterGroups& groups, Loc loc)
    : Optimizer(
          "Muon", params, options.lr,
          [&](const Tensor& parameter, const GroupOptions& group) {
            if (takes(parameter, group)) return Kept{{"momentum_buffer"}, options.weight_decay};
            return Kept{
                {"exp_avg", "exp_avg_sq"}, parameter.rank() > 1 ? options.adam.weight_decay : 0, options.adam.lr};
          },
          groups, loc),
      options_(options) {
  const Op op{name_, loc};
  if (!(options.weight_decay >= 0 && options.adam.weight_decay >= 0))
    fail<ValueError>(op, "weight_decay is {} and adam's {}; need at least 0", options.weight_decay,
                     options.adam.weight_decay);
  if (!(options.momentum >= 0 && options.momentum < 1))
    fail<ValueError>(op, "momentum is {}; need a number in [0, 1)", options.momentum);
  if (options.newton_schulz_steps < 1)
    fail<ValueError>(op, "newton_schulz_steps is {}; need at least 1", options.newton_schulz_steps);
}

void Muon::update(const std::vector<const Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const {
  std::vector<const Slot*> rest;
  std::vector<Tensor> rest_grads;
  for (size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = *slots[i];
    if (slot.moments.size() == 2) {
      rest.push_back(&slot);
      rest_grads.push_back(grads[i]);
      continue;
    }
    const Tensor g = grads[i] * step.grad_scale, &p = slot.parameter, &buffer = slot.moments[0];
    const double m = options_.momentum;
    buffer.assign(buffer * m + g * (1 - m));
    const Tensor direction = options_.nesterov ? g * (1 - m) + buffer * m : buffer;
    p.assign(p * (1 - step.lr * step.weight_decay) -
             orthogonal(direction, options_) * (step.lr * scale_of(p.shape(), options_.adjust)));
  }
  if (!rest.empty()) adam(rest, rest_grads, step, options_.adam.beta1, options_.adam.beta2, options_.adam.eps, true);
}

}  // namespace heed::train

#include <heed/train/muon.h>

#include <cmath>

#include <heed/autograd/ops.h>
#include <heed/tensor/kernels/optimizer.h>

namespace heed::train {
namespace {

Tensor orthogonal(const Tensor& x0, double eps, int64_t steps) {
  const bool tall = x0.size(0) > x0.size(1);
  Tensor x = tall ? x0.mT() : x0;
  x = x / maximum(x.norm(), eps);
  for (int64_t i = 0; i < steps; ++i) {
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

}  // namespace

Muon::Muon(const nn::Parameters& params, const MuonOptions& options, const ParameterGroups& groups, Loc loc)
    : Optimizer(
          "Muon", params, options.lr,
          [&](const Tensor& parameter, const GroupOptions& group) {
            const bool adam = parameter.rank() != 2 || group.adam.value_or(false);
            GroupOptions own{.weight_decay = options.weight_decay,
                             .momentum = options.momentum,
                             .beta1 = options.adam.beta1,
                             .beta2 = options.adam.beta2,
                             .eps = adam ? options.adam.eps : options.eps,
                             .nesterov = options.nesterov,
                             .adam = adam};
            if (adam) {
              own.lr = options.adam.lr;
              own.weight_decay = parameter.rank() > 1 ? options.adam.weight_decay : 0;
            }
            return own;
          },
          [](const GroupOptions& o) -> MomentStarts {
            if (*o.adam) return {{"exp_avg", 0}, {"exp_avg_sq", 0}};
            return {{"momentum_buffer", 0}};
          },
          groups, loc),
      options_(options) {
  const Op op{name_, loc};
  if (!(options.weight_decay >= 0 && options.adam.weight_decay >= 0))
    fail<ValueError>(op, "weight_decay is {} and adam's {}; need at least 0", options.weight_decay,
                     options.adam.weight_decay);
  for (const Slot& slot : slots()) {
    if (!*slot.options.adam && slot.parameter.rank() != 2)
      fail<ValueError>(op, "a group asks that '{}' of shape {} does without adam; need a matrix for that", slot.name,
                       slot.parameter.shape());
    if (*slot.options.momentum >= 1)
      fail<ValueError>(op, "momentum is {}; need a number in [0, 1)", *slot.options.momentum);
  }
  if (options.newton_schulz_steps < 1)
    fail<ValueError>(op, "newton_schulz_steps is {}; need at least 1", options.newton_schulz_steps);
}

void Muon::update(const std::vector<Slot*>& slots, const std::vector<Tensor>& grads, const Step& step) const {
  if (*step.options.adam) return adam(slots, grads, step, true);
  const double m = *step.options.momentum;
  for (size_t i = 0; i < slots.size(); ++i) {
    const Tensor g = grads[i] * step.grad_scale, &p = slots[i]->parameter, &buffer = slots[i]->moments[0].second;
    buffer.assign(buffer * m + g * (1 - m));
    const Tensor direction = *step.options.nesterov ? g * (1 - m) + buffer * m : buffer;
    p.assign(p * (1 - step.lr * *step.options.weight_decay) -
             orthogonal(direction, *step.options.eps, options_.newton_schulz_steps) *
                 (step.lr * scale_of(p.shape(), options_.adjust)));
  }
}

}  // namespace heed::train

#include <heed/train/schedule.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace heed::train {

Schedule constant(double lr) {
  return [lr](int64_t) { return lr; };
}

namespace {

void check_rates(const Op& op, double lr, double min_lr) {
  if (!(lr >= 0 && min_lr >= 0))
    fail<ValueError>(op, "the rates are {} and {}; need numbers of at least 0", lr, min_lr);
}

}  // namespace

Schedule warmup_cosine(const WarmupCosine& options, Loc loc) {
  const Op op{"warmup_cosine", loc};
  check_rates(op, options.lr, options.min_lr);
  if (options.warmup < 0 || options.decay_steps < options.warmup)
    fail<ValueError>(op, "warm-up takes {} steps and the decay ends at step {}; need 0 <= warmup <= decay_steps",
                     options.warmup, options.decay_steps);
  return [o = options](int64_t step) {
    if (step < o.warmup) return o.lr * static_cast<double>(step + 1) / static_cast<double>(o.warmup + 1);
    if (step >= o.decay_steps) return o.min_lr;
    const double done = static_cast<double>(step - o.warmup) / static_cast<double>(o.decay_steps - o.warmup);
    return o.min_lr + 0.5 * (1 + std::cos(std::numbers::pi * done)) * (o.lr - o.min_lr);
  };
}

Schedule trapezoid(const Trapezoid& options, Loc loc) {
  const Op op{"trapezoid", loc};
  check_rates(op, options.lr, options.min_lr);
  if (options.warmup < 0 || options.decay < 0 || options.warmup + options.decay > options.steps)
    fail<ValueError>(op, "{} steps of warm-up and {} of decay in {}; need 0 <= both, together at most that",
                     options.warmup, options.decay, options.steps);
  return [o = options](int64_t step) {
    const auto part = [](int64_t n, int64_t of) {
      return of > 0 ? static_cast<double>(n) / static_cast<double>(of) : 1;
    };
    const double left = std::clamp(part(o.steps - step, o.decay), 0.0, 1.0);
    return step < o.warmup ? o.lr * part(step + 1, o.warmup + 1) : o.min_lr + left * (o.lr - o.min_lr);
  };
}

Schedule noam(const Noam& options, Loc loc) {
  const Op op{"noam", loc};
  if (options.model_size < 1 || options.warmup < 1)
    fail<ValueError>(op, "model_size is {} and warmup is {}; need at least 1", options.model_size, options.warmup);
  if (!(options.factor > 0)) fail<ValueError>(op, "factor is {}; need a number above 0", options.factor);
  return [o = options](int64_t step) {
    const double s = static_cast<double>(step + 1);
    return o.factor / std::sqrt(static_cast<double>(o.model_size)) *
           std::min(1 / std::sqrt(s), s * std::pow(static_cast<double>(o.warmup), -1.5));
  };
}

}  // namespace heed::train

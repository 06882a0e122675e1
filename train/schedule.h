// Learning rates by step, counted from 0.
#pragma once

#include <cstdint>
#include <functional>

#include <heed/tensor/error.h>

namespace heed::train {

/// The learning rate of a step.
using Schedule = std::function<double(int64_t step)>;

/// The same at every step.
Schedule constant(double lr);

/// Options of warmup_cosine.
struct WarmupCosine {
  double lr = 1e-3;            ///< reached after the warm-up
  double min_lr = 1e-4;        ///< reached at decay_steps, and kept
  int64_t warmup = 100;        ///< steps of linear growth; step 0 has lr / (warmup + 1)
  int64_t decay_steps = 2000;  ///< until min_lr
};
/// nanoGPT's schedule: linear warm-up, then half a cosine down to min_lr.
/// Throws ValueError if decay_steps < warmup, or if a rate or a count is negative.
Schedule warmup_cosine(const WarmupCosine& options, Loc loc = Loc::current());

/// Options of trapezoid.
struct Trapezoid {
  double lr = 1e-3;      ///< between warm-up and fall
  double min_lr = 0;     ///< reached at the end
  int64_t warmup = 100;  ///< steps of linear growth; step 0 has lr / (warmup + 1)
  int64_t decay = 500;   ///< steps of linear fall, the last ones
  int64_t steps = 2000;  ///< in all
};
/// Warm-up, stable, decay (Haegele et al. 2024).
/// Throws ValueError if warmup + decay > steps, or if a rate or a count is negative.
Schedule trapezoid(const Trapezoid& options, Loc loc = Loc::current());

/// Options of noam.
struct Noam {
  int64_t model_size = 512;  ///< channels
  int64_t warmup = 4000;     ///< steps of linear growth
  double factor = 1;         ///< of the whole
};
/// Vaswani et al. 2017, eq. 3, with s = step + 1: factor model_size^-0.5 min(s^-0.5, s warmup^-1.5).
/// Throws ValueError if model_size or warmup is below 1, or if factor is not above 0.
Schedule noam(const Noam& options, Loc loc = Loc::current());

}  // namespace heed::train

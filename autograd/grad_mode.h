// Whether ops are recorded and modules train, by thread.
#pragma once

#include <heed/tensor/scoped.h>

namespace heed {

namespace autograd {
/// This thread's.
inline constinit thread_local bool recorded_here = true;
/// nn::training(), here for checkpoint.
inline constinit thread_local bool training_here = true;
}  // namespace autograd

/// Whether this thread records.
inline bool grad_enabled() { return autograd::recorded_here; }

/// While it lives, this thread records (or does not). Guards nest.
class [[nodiscard]] GradMode : Scoped<bool> {
 public:
  explicit GradMode(bool enabled) : Scoped(autograd::recorded_here, enabled) {}
};

/// While it lives, ops of this thread are not recorded: for evaluation and for optimisers.
class [[nodiscard]] NoGrad : public GradMode {
 public:
  NoGrad() : GradMode(false) {}
};

}  // namespace heed

// Whether ops are recorded, by thread.
#pragma once

namespace heed {

namespace autograd {
inline constinit thread_local bool recording = true;
}

inline bool grad_enabled() { return autograd::recording; }

/// While it lives, this thread records (or does not). Guards nest.
class GradMode {
 public:
  explicit GradMode(bool enabled) : before_(autograd::recording) { autograd::recording = enabled; }
  ~GradMode() { autograd::recording = before_; }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};

/// While it lives, ops of this thread are not recorded: for evaluation and for optimisers.
class NoGrad : public GradMode {
 public:
  NoGrad() : GradMode(false) {}
};

}  // namespace heed

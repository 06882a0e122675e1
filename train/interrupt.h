// Ctrl-C as a question that a loop can ask, so that it can save before it leaves.
#pragma once

#include <csignal>

namespace heed::train {

/// While it lives, the first SIGINT or SIGTERM is only noted; a second one ends the program as usual. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Whether a signal has come.
  bool requested() const;

 private:
  struct sigaction before_int_, before_term_;
};

}  // namespace heed::train

// Ctrl-C as a question that a loop can ask, so that it can save before it leaves.
#pragma once

#include <array>
#include <csignal>

namespace heed::train {

/// While it lives, the first SIGINT, SIGTERM or SIGHUP (a closed terminal, a lost connection) is only noted; a second
/// one ends the program as usual. A SIGHUP that is ignored, as under nohup, stays ignored. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Whether a signal has come.
  bool requested() const;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_;
};

}  // namespace heed::train

// Ctrl-C as a question that a loop can ask, so that it can save before it leaves.
#pragma once

#include <array>
#include <csignal>

namespace heed::train {

/// While it lives, the first SIGINT or SIGTERM is only noted, and a second one ends the program as usual; a SIGHUP (a
/// closed terminal, a lost connection) is only noted, however often, or ignored if it was, as under nohup. One at a
/// time.
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

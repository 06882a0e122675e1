#include <heed/train/interrupt.h>

namespace heed::train {
namespace {

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  for (size_t i = 0; i < kSignals.size(); ++i) {
    // A second signal finds the default action; but a terminal that closes sends several.
    action.sa_flags = SA_RESTART | (kSignals[i] == SIGHUP ? 0 : static_cast<int>(SA_RESETHAND));
    sigaction(kSignals[i], nullptr, &before_[i]);
    const bool nohup = kSignals[i] == SIGHUP && before_[i].sa_handler == SIG_IGN;
    if (!nohup) sigaction(kSignals[i], &action, nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

bool InterruptGuard::requested() const { return interrupted != 0; }

}  // namespace heed::train

// Where threads run: what the pool asks of the system's scheduler. Elsewhere than on Linux nothing is known and nothing
// done.
#pragma once

#include <chrono>

#include <pthread.h>
#ifdef __linux__
#include <sched.h>
#endif

namespace heed {

/// The cores that the thread which made this may use.
class Cores {
 public:
  Cores();
  /// The core that this thread is on; -1 if that is not known.
  static int current();
  /// Lets a thread run on any core but this one. False if there is none, or the system refuses.
  bool keep_off(int core, pthread_t thread) const;
  /// Lets a thread run on this core alone.
  static void move_to(int core, pthread_t thread);
  /// What a thread has had of a core since it started.
  static std::chrono::nanoseconds cpu_time(pthread_t thread);

 private:
#ifdef __linux__
  cpu_set_t allowed_;
#endif
};

}  // namespace heed

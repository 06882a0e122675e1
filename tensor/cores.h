// Where threads run: what the pool asks of the system's scheduler, and how many threads a process may keep busy.
#pragma once

#include <chrono>
#include <cmath>
#include <filesystem>
#include <string>

#include <pthread.h>
#include <sched.h>

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
  cpu_set_t allowed_;
};

/// What a process may use of the machine.
struct CpuShare {
  int cores = 1;            ///< that it may run on: its affinity mask
  double quota = INFINITY;  ///< cores' worth of time that its cgroups allow
};

/// This process's.
CpuShare cpu_share();

/// The least that cpu.max (cgroup v2) or cpu.cfs_quota_us (v1) of this process's groups and those around them allow, in
/// cores. Infinity where there is no limit, or no cgroup. `root` is where /proc and /sys are.
double cgroup_quota(const std::filesystem::path& root = "/");

/// A number of threads to start with, and where it comes from: "the cores that this process may use".
struct ThreadChoice {
  int threads;
  std::string why;
  std::string complaints = {};  ///< a line on each variable whose value makes no sense and is ignored
};

/// HEED_NUM_THREADS if it is set, else OMP_NUM_THREADS (of a list the first), else the whole cores of the share, at
/// least one. Null or empty: not set.
ThreadChoice choose_threads(const CpuShare& share, const char* heed_num_threads, const char* omp_num_threads);

}  // namespace heed

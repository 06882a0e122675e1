// One pool of threads for every kernel. The calling thread takes part; nobody spins for long.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include <heed/tensor/error.h>

namespace heed {

/// Threads that kernels may use, the caller included. At first HEED_NUM_THREADS, else OMP_NUM_THREADS, else what the
/// process may use: the cores of its affinity mask, and no more than its cgroup's quota of their time.
int num_threads();
/// Why so many, as `heed info` says it: "the cores that this process may use".
std::string num_threads_reason();
/// Sets it; throws ValueError below 1. Takes effect at the next kernel. Not to be called from inside parallel_for.
void set_num_threads(int threads, Loc loc = Loc::current());

/// Any function object, by reference, which must outlive it: what takes one is compiled once, not for each.
template <class... Args>
class Callable {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Callable>) Callable(F&& f)
      : f_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* g, Args... args) { (*static_cast<std::remove_reference_t<F>*>(g))(args...); }) {}
  /// f(args...)
  void operator()(Args... args) const { call_(f_, args...); }

 private:
  void* f_;
  void (*call_)(void*, Args...);
};

/// Calls f(begin, end) over disjoint ranges that cover [0, n), on up to num_threads() threads, and returns when all are
/// done. A range has at least `grain` elements (but for the last), so small work stays on the calling thread.
/// Nested calls run serially, in one range, as do those of other threads of the program while one has the pool: so no
/// result may depend on the ranges.
/// The first exception thrown by f is rethrown here.
void parallel_for(int64_t n, int64_t grain, Callable<int64_t, int64_t> f);

}  // namespace heed

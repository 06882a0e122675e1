#include <heed/tensor/parallel.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <pthread.h>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

#include <heed/tensor/cores.h>
#include <heed/tensor/storage.h>

namespace heed {
namespace {

using Body = Callable<int64_t, int64_t>;

// More ranges than threads, so that a thread that loses its core for a while leaves its share to the others.
constexpr int64_t kRangesPerThread = 4;
// How long a thread spins before it sleeps: longer than the gap between two kernels of a training step, and short
// enough that an idle program leaves the machine alone.
constexpr auto kSpin = std::chrono::microseconds(50);
constexpr auto kIdle = std::chrono::seconds(1);  // after that a sleeping thread looks for memory that can go back
// How long a caller watches whether the workers that it waits for run, and how long it then sleeps.
constexpr auto kWatch = std::chrono::microseconds(25), kSleep = std::chrono::microseconds(250);
// Range borders fall on multiples of this when the grain does, so that two threads never write one cache line.
constexpr int64_t kBorder = 64;

thread_local bool inside_parallel_for = false;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Waits for `ready` by spinning; false if it did not come in time.
template <class F>
bool spin_until(F&& ready, std::chrono::microseconds time = kSpin) {
  const auto give_up = std::chrono::steady_clock::now() + time;
  do {
    for (int i = 0; i < 16; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < give_up);
  return ready();
}

/// [0, n) cut into `count` ranges of nearly equal size.
struct Ranges {
  int64_t n, count, border;

  Ranges(int64_t size, int64_t grain, int64_t threads) : n(size), border(grain % kBorder == 0 ? kBorder : 1) {
    count = std::max<int64_t>(1, n / std::max<int64_t>(1, grain));
    if (count > threads) count = std::min(count / threads, kRangesPerThread) * threads;
  }
  int64_t start(int64_t i) const {
    if (i == count) return n;
    const int64_t even = n / count * i + n % count * i / count;
    return even / border * border;
  }
};

/// The worker threads and the one job they share.
class Pool {
 public:
  explicit Pool(int threads) {
    // Signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int core = Cores::current();
    try {
      for (int i = 1; i < threads; ++i) {
        Worker& worker = workers_.emplace_back();
        worker.thread = std::thread([this, &worker, first = i == 1] { work(worker, first); });
        if (core >= 0) cores_.keep_off(core, worker.thread.native_handle());
      }
    } catch (const std::system_error&) {  // no more threads to be had: the caller and those that started do the work
      workers_.pop_back();
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~Pool() {
    stop_.store(true);
    { std::lock_guard lock(mutex_); }
    wake_.notify_all();
    for (Worker& worker : workers_) worker.thread.join();
  }

  /// One caller at a time.
  void run(const Ranges& ranges, const Body& body) {
    ranges_ = ranges;
    body_ = &body;
    op_ = Op::current();
    error_ = nullptr;
    caller_core_.store(Cores::current(), std::memory_order_relaxed);
    failed_.store(false, std::memory_order_relaxed);
    unfinished_.store(ranges.count, std::memory_order_relaxed);
    unclaimed_.store(static_cast<uint64_t>(ranges.count));
    if (int64_t sleepers = sleepers_.load(); sleepers > 0) {
      { std::lock_guard lock(mutex_); }
      for (sleepers = std::min(sleepers, ranges.count - 1); sleepers > 0; --sleepers) wake_.notify_one();
    }
    {
      const Scoped inside(inside_parallel_for, true);
      while (work_on_one(kFront)) {}
    }
    wait_for_workers();
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  enum End { kFront, kBack };

  struct Worker {
    std::thread thread;
    std::atomic<bool> busy = false;   // may be in a range
    std::atomic<bool> moved = false;  // to the caller's core
    std::chrono::nanoseconds cpu_time{};
  };

  void wait_for_workers() {
    const auto finished = [this] { return unfinished_.load() == 0; };
    if (spin_until(finished)) return;
    do {
      if (fetch_stopped_workers(finished)) return;
      std::unique_lock lock(mutex_);
      caller_sleeps_.store(true);
      done_.wait_for(lock, kSleep, finished);
      caller_sleeps_.store(false);
    } while (!finished());
  }

  /// A worker that lost its core to another process in the middle of a range would hold up the caller for some
  /// milliseconds. While the caller waits its own core is free: the worker ends its range there. True if all are
  /// finished.
  template <class F>
  bool fetch_stopped_workers(F finished) {
    constexpr auto kResting = std::chrono::nanoseconds::max();
    const int core = Cores::current();
    if (core < 0) return false;
    for (Worker& worker : workers_)
      worker.cpu_time = worker.busy.load() ? Cores::cpu_time(worker.thread.native_handle()) : kResting;
    if (spin_until(finished, kWatch)) return true;
    for (Worker& worker : workers_) {
      if (worker.cpu_time == kResting || !worker.busy.load()) continue;
      if (Cores::cpu_time(worker.thread.native_handle()) - worker.cpu_time >= kWatch / 4) continue;  // it runs
      worker.moved.store(true);
      Cores::move_to(core, worker.thread.native_handle());
    }
    return false;
  }

  // The caller takes ranges from the front and the workers from the back, so that from one kernel to the next
  // a core mostly meets the data that is in its cache. Both ends are in one word: front << 32 | back.
  bool any_unclaimed() const {
    const uint64_t ends = unclaimed_.load();
    return (ends >> 32) < (ends & 0xffffffff);
  }

  bool work_on_one(End end) {
    uint64_t ends = unclaimed_.load();
    int64_t front, back;
    do {
      front = static_cast<int64_t>(ends >> 32);
      back = static_cast<int64_t>(ends & 0xffffffff);
      if (front >= back) return false;
    } while (!unclaimed_.compare_exchange_weak(ends, end == kFront ? ends + (uint64_t{1} << 32) : ends - 1));
    // The job's fields are read only now: while a claimed range is unfinished no other job can take their place.
    const int64_t i = end == kFront ? front : back - 1;
    if (!failed_.load(std::memory_order_relaxed)) try {
        const Op::Within callers(op_);
        (*body_)(ranges_.start(i), ranges_.start(i + 1));
      } catch (...) {
        if (!failed_.exchange(true)) error_ = std::current_exception();
      }
    if (unfinished_.fetch_sub(1) == 1 && caller_sleeps_.load()) {
      std::lock_guard lock(mutex_);
      done_.notify_one();
    }
    return true;
  }

  void work(Worker& self, bool keeps_house) {
    inside_parallel_for = true;
    const auto called = [this] { return any_unclaimed() || stop_.load(); };
    for (;;) {
      const bool may_spin = leave_caller_alone(self);
      if (!may_spin || !spin_until(called)) {
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);
        while (keeps_house && !wake_.wait_for(lock, kIdle, called)) {
          lock.unlock();
          release_idle_memory();
          lock.lock();
        }
        wake_.wait(lock, called);
        sleepers_.fetch_sub(1);
        lock.unlock();
        leave_caller_alone(self);
      }
      if (stop_.load()) return;
      self.busy.store(true);
      while (work_on_one(kBack))
        if (self.moved.load()) leave_caller_alone(self);
      self.busy.store(false);
    }
  }

  /// Some schedulers start or wake a worker on the caller's core, where it only takes the caller's time, and leave it
  /// there. False if it has to stay.
  bool leave_caller_alone(Worker& self) const {
    const int core = Cores::current(), callers = caller_core_.load(std::memory_order_relaxed);
    if (core < 0) return true;
    if (!self.moved.exchange(false) && core != callers) return true;
    return cores_.keep_off(callers, pthread_self());
  }

  const Cores cores_;
  Ranges ranges_{0, 1, 1};
  const Body* body_ = nullptr;
  const Op* op_ = nullptr;  // the caller's
  std::exception_ptr error_;
  std::atomic<bool> failed_ = false;
  std::atomic<int> caller_core_ = -1;
  alignas(64) std::atomic<uint64_t> unclaimed_ = 0;
  alignas(64) std::atomic<int64_t> unfinished_ = 0;
  alignas(64) std::atomic<int64_t> sleepers_ = 0;
  std::atomic<bool> caller_sleeps_ = false;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::deque<Worker> workers_;
};

struct State {
  std::mutex mutex;  // held by the one caller whose job the pool runs
  std::atomic<int> threads;
  std::string why;
  Pool* pool = nullptr;  // started by the first job that needs it

  State(int n, std::string reason) : threads(n), why(std::move(reason)) {}
};

std::atomic<State*> current_state = nullptr;

/// Never destroyed: kernels may still run while the program's statics are torn down.
State& state() {
  static const bool started = [] {
    const ThreadChoice choice =
        choose_threads(cpu_share(), std::getenv("HEED_NUM_THREADS"), std::getenv("OMP_NUM_THREADS"));
    std::fputs(choice.complaints.c_str(), stderr);
    current_state = new State(choice.threads, choice.why);
    // A forked child has none of the workers: it starts its own.
    pthread_atfork(nullptr, nullptr, [] {
      const State& parents = *current_state;
      current_state = new State(parents.threads, parents.why);
    });
    return true;
  }();
  static_cast<void>(started);
  return *current_state.load();
}

}  // namespace

int num_threads() { return state().threads.load(std::memory_order_relaxed); }

void set_num_threads(int threads, Loc loc) {
  if (threads < 1) fail<ValueError>({"set_num_threads", loc}, "{} threads; need at least 1", threads);
  State& s = state();
  if (threads == s.threads) return;
  std::lock_guard lock(s.mutex);
  delete std::exchange(s.pool, nullptr);
  s.threads = threads;
  s.why = "set_num_threads";
}

std::string num_threads_reason() {
  State& s = state();
  std::lock_guard lock(s.mutex);
  return s.why;
}

void parallel_for(int64_t n, int64_t grain, Body f) {
  if (n <= 0) return;
  if (n < 2 * grain) return f(0, n);
  State& s = state();
  const Ranges ranges(n, grain, s.threads.load(std::memory_order_relaxed));
  if (ranges.count > 1 && !inside_parallel_for) {
    // While another of the program's threads has the pool, this one does its work alone.
    if (std::unique_lock lock(s.mutex, std::try_to_lock); lock) {
      if (!s.pool) s.pool = new Pool(s.threads);
      return s.pool->run(ranges, f);
    }
  }
  f(0, n);
}

}  // namespace heed

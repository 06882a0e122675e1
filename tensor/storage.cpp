#include <heed/tensor/storage.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include <heed/tensor/heap.h>
#include <heed/tensor/pool.h>

namespace heed {
namespace {

constexpr size_t kAlign = 64;           // a cache line, and the widest vector
constexpr size_t kMost = SIZE_MAX / 4;  // no machine has more, and rounding up cannot overflow

using Time = std::chrono::steady_clock::time_point;
constexpr std::chrono::steady_clock::duration kWindow = std::chrono::seconds(5), kLongestWindow = std::chrono::hours(1);

class Allocator {
 public:
  Taken allocate(size_t bytes, const Loc& loc) {
    std::lock_guard lock(mutex_);
    Taken taken = take(bytes);
    if (!taken.data) {
      trim();
      taken = take(bytes);
    }
    if (!taken.data) {
      fail<Error>(Op{Op::called("Storage::allocate"), loc},
                  "the system refused {} bytes; {} bytes are in use by tensors, need fewer or smaller ones", bytes,
                  live_);
    }
    ++allocations_;
    allocated_ += static_cast<int64_t>(taken.bytes);
    live_ += taken.bytes;
    peak_ = std::max(peak_, live_);
    most_lately_ = std::max(most_lately_, live_);
    if (taken.fresh > 0) {
      ++system_calls_;
      if (gave_back_from_ > 0 && system_bytes() <= gave_back_from_) {  // too early
        window_ = std::min(2 * window_, kLongestWindow);
        gave_back_from_ = 0;
      }
      bound_cache();
    }
    if (bytes > SmallHeap::kMost || allocations_ % 1024 == 0) age(std::chrono::steady_clock::now());
    return taken;
  }

  void release(std::byte* data, size_t bytes, void* home) {
    std::lock_guard lock(mutex_);
    live_ -= give(data, bytes, home);
  }

  MemoryStats stats() {
    std::lock_guard lock(mutex_);
    const size_t system = kKeepFreed ? system_bytes() : live_;
    const auto count = [](size_t n) { return static_cast<int64_t>(n); };
    return {.live_bytes = count(live_),
            .peak_bytes = count(peak_),
            .cached_bytes = count(system - live_),
            .system_bytes = count(system),
            .system_calls = system_calls_,
            .allocations = allocations_,
            .allocated_bytes = allocated_};
  }

  void reset_peak() {
    std::lock_guard lock(mutex_);
    peak_ = live_;
  }

  void trim_all() {
    std::lock_guard lock(mutex_);
    trim();
    most_lately_ = most_before_ = live_;
    gave_back_from_ = 0;
    window_ = kWindow;
    window_start_ = std::chrono::steady_clock::now();
  }

  void release_idle(Time now) {
    std::lock_guard lock(mutex_);
    age(now);
  }

 private:
  Taken take(size_t bytes) {
    if (bytes > kMost) return {};
    if constexpr (!kKeepFreed) {
      void* data = nullptr;  // of the exact size, so that one byte too far is found
      if (posix_memalign(&data, kAlign, std::max(bytes, size_t{1})) != 0) return {};
      return {static_cast<std::byte*>(data), nullptr, bytes, std::max(bytes, size_t{1})};
    }
    return bytes <= SmallHeap::kMost ? small_.allocate(bytes) : large_.allocate(bytes);
  }

  size_t give(std::byte* data, size_t bytes, void* home) {
    if constexpr (!kKeepFreed) {
      std::free(data);
      return bytes;
    }
    return bytes <= SmallHeap::kMost ? small_.release(data, home) : large_.release(home);
  }

  void trim() {
    small_.trim();
    large_.trim(0);
  }

  size_t system_bytes() const { return small_.system_bytes() + large_.system_bytes(); }

  // What is held may exceed the most that was lately live by an eighth. A repeated step stays below that (a
  // transformer's measures 7%); a program that turns to tensors of other sizes would otherwise hold the
  // memory of both phases.
  void bound_cache() {
    const size_t most = std::max(most_lately_, most_before_), bound = most + most / 8 + (size_t{32} << 20);
    const size_t system = system_bytes();
    if (system > bound) large_.trim(large_.cached_bytes() - std::min(large_.cached_bytes(), system - bound));
  }

  // "Lately" is the window of time that runs and the one before. A step that takes longer asks for its memory again;
  // then the window doubles, until it holds a whole step.
  void age(Time now) {
    const auto passed = now - window_start_;
    if (passed < window_) return;
    window_start_ = now;
    most_before_ = passed > 2 * window_ ? live_ : most_lately_;  // a large request would have come by here
    most_lately_ = live_;
    const size_t system = system_bytes();
    bound_cache();
    if (system_bytes() < system) gave_back_from_ = system;
  }

  std::mutex mutex_;
  SmallHeap small_;
  LargeHeap large_{size_t{64} << 30};
  size_t live_ = 0, peak_ = 0, most_lately_ = 0, most_before_ = 0;
  size_t gave_back_from_ = 0;  // bytes held before idle memory went back
  Time window_start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::duration window_ = kWindow;
  int64_t system_calls_ = 0, allocations_ = 0, allocated_ = 0;
};

// Never destroyed, so that static tensors can be freed at exit.
Allocator& allocator() {
  static Allocator& instance = *new Allocator;
  return instance;
}

}  // namespace

std::shared_ptr<Storage> Storage::allocate(size_t bytes, Loc loc) {
  return std::allocate_shared<Storage>(Pooled<Storage>(), Token{}, bytes, loc);
}

namespace {

std::atomic<uint64_t> next_tick = 1;

}  // namespace

Storage::Storage(Token, size_t bytes, const Loc& loc)
    : bytes_(bytes), born_(next_tick.load(std::memory_order_relaxed)) {
  const Taken taken = allocator().allocate(bytes, loc);
  data_ = taken.data;
  home_ = taken.home;
}

uint64_t Storage::next_id() { return next_tick.fetch_add(1, std::memory_order_relaxed); }

Storage::~Storage() { allocator().release(data_, bytes_, home_); }

MemoryStats memory_stats() { return allocator().stats(); }
void reset_peak_memory() { allocator().reset_peak(); }
void release_idle_memory(Time now) { allocator().release_idle(now); }
void release_cached_memory() { allocator().trim_all(); }

}  // namespace heed

#include "tensor/storage.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "tensor/error.h"

namespace heed {
namespace {

constexpr size_t kAlign = 64;  // a cache line, and the widest vector

struct Counters {
  std::mutex mutex;
  MemoryStats stats{};
};
// Never destroyed, so that static tensors can be freed at exit.
Counters& counters() {
  static Counters& instance = *new Counters;
  return instance;
}

size_t rounded(size_t bytes) { return std::max(bytes + kAlign - 1, kAlign) / kAlign * kAlign; }

}  // namespace

std::shared_ptr<Storage> Storage::allocate(size_t bytes) { return std::make_shared<Storage>(Token{}, bytes); }

Storage::Storage(Token, size_t bytes) : data_(nullptr), bytes_(bytes) {
  if (bytes < SIZE_MAX - kAlign) data_ = static_cast<std::byte*>(std::aligned_alloc(kAlign, rounded(bytes)));
  if (!data_) fail<Error>(Op{"Storage::allocate"}, "the system has no {} bytes to give", bytes);
  std::lock_guard lock(counters().mutex);
  auto& stats = counters().stats;
  stats.live_bytes += static_cast<int64_t>(rounded(bytes));
  stats.peak_bytes = std::max(stats.peak_bytes, stats.live_bytes);
  stats.system_bytes = stats.live_bytes;
  ++stats.system_calls, ++stats.allocations;
}

Storage::~Storage() {
  std::free(data_);
  std::lock_guard lock(counters().mutex);
  auto& stats = counters().stats;
  stats.live_bytes -= static_cast<int64_t>(rounded(bytes_));
  stats.system_bytes = stats.live_bytes;
}

MemoryStats memory_stats() {
  std::lock_guard lock(counters().mutex);
  return counters().stats;
}

void reset_peak_memory() {
  std::lock_guard lock(counters().mutex);
  counters().stats.peak_bytes = counters().stats.live_bytes;
}

void release_cached_memory() {}

}  // namespace heed

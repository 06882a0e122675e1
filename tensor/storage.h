// Reference-counted, aligned bytes for tensors, from an allocator that keeps what is freed for the next
// request.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <heed/tensor/error.h>

namespace heed {

namespace autograd {
struct Node;
}

/// A block of bytes, 64-byte aligned, that several tensors may share through std::shared_ptr. Freeing the
/// last reference returns the bytes to the allocator, from any thread, and at any time until the process
/// ends.
class Storage {
  struct Token {};  // only allocate() can name it, so only allocate() can construct

 public:
  /// `bytes` uninitialised bytes; 0 is fine. Throws Error when the system has no more memory to give.
  static std::shared_ptr<Storage> allocate(size_t bytes, Loc loc = Loc::current());

  /// allocate's.
  Storage(Token, size_t bytes, const Loc& loc);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  /// The first byte; for 0 bytes, an address that must not be read.
  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  /// How many they are.
  size_t bytes() const { return bytes_; }

  /// Whether the bytes are older than tick `id` of the clock that numbers recorded ops, and were written after it: so
  /// backward finds that what an op saved is no longer what it was.
  bool written_since(uint64_t id) const { return born_ <= id && written_.load(std::memory_order_relaxed) > id; }
  void mark_written() { written_.store(next_id(), std::memory_order_relaxed); }
  /// The next tick of that clock.
  static uint64_t next_id();

  /// The leaf of the tensor that was made with these bytes, once it has been asked to train; all its copies share it.
  std::shared_ptr<autograd::Node> leaf;

 private:
  std::byte* data_;
  size_t bytes_;
  const uint64_t born_;                // the clock's next tick then
  std::atomic<uint64_t> written_ = 0;  // its last tick after the tensor was made; 0: never
  void* home_;                         // the allocator's record of the block
};

/// What the allocator of this process holds, over all threads. Bytes count blocks as rounded up by the
/// allocator.
struct MemoryStats {
  int64_t live_bytes;       ///< in storages that exist now
  int64_t peak_bytes;       ///< the most that live_bytes was, since the start or reset_peak_memory()
  int64_t cached_bytes;     ///< free, and kept for the next storages
  int64_t system_bytes;     ///< held from the system now: live_bytes + cached_bytes
  int64_t system_calls;     ///< times that the system had to give memory: 0 a step once a training loop has
                            ///< warmed up
  int64_t allocations;      ///< storages made since the start
  int64_t allocated_bytes;  ///< in all of them together
};

/// What it holds now.
MemoryStats memory_stats();
/// Lets peak_bytes start again at the present live_bytes.
void reset_peak_memory();
/// Gives large cached blocks back to the system that nothing has asked for in a while, which is five to ten seconds,
/// and longer for a program that asks for them again later. Called by large requests, and once a second by a thread of
/// the pool that has nothing to do.
void release_idle_memory(std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());
/// Gives the cached bytes back to the system, but for the room in 256 KiB slabs of small blocks that are
/// partly in use. Storages stay as they are.
void release_cached_memory();

}  // namespace heed

#include <heed/tensor/pool.h>

#include <array>
#include <new>
#include <utility>

namespace heed {
namespace {

constexpr size_t kStep = 16, kSizes = 64;       // blocks of 16, 32, ... 1024 bytes
constexpr size_t kMostKept = size_t{32} << 20;  // bytes, of some 40,000 nodes: a thread that only frees does not hoard

struct Free {
  Free* next;
};
struct Pool {
  std::array<Free*, kSizes> first{};
  size_t kept = 0;     // bytes
  bool ended = false;  // the thread runs its last destructors
};
constinit thread_local Pool pool;

/// Made by a thread's first free block, and destroyed with the thread.
struct End {
  ~End() {
    pool.ended = true;
    for (Free* block : pool.first)
      while (block) ::operator delete(std::exchange(block, block->next));
    pool.first = {};
  }
};

size_t size_index(size_t bytes) { return bytes == 0 ? 0 : (bytes - 1) / kStep; }
constexpr size_t size_of(size_t index) { return (index + 1) * kStep; }

}  // namespace

void* take_from_pool(size_t bytes) {
  const size_t i = size_index(bytes);
  if (i >= kSizes) return ::operator new(bytes);
  Free* block = pool.first[i];
  if (!block) return ::operator new(size_of(i));
  pool.first[i] = block->next;
  __builtin_prefetch(block->next);  // a large graph's blocks have left the caches
  pool.kept -= size_of(i);
  return block;
}

void give_to_pool(void* memory, size_t bytes) {
  const size_t i = size_index(bytes);
  if (!kKeepFreed || i >= kSizes || pool.kept >= kMostKept || pool.ended) return ::operator delete(memory);
  if (pool.kept == 0) static thread_local End end;
  pool.first[i] = ::new (memory) Free{pool.first[i]};
  pool.kept += size_of(i);
}

}  // namespace heed

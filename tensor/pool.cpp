#include <heed/tensor/pool.h>

#include <array>
#include <cstdint>
#include <new>
#include <utility>

namespace heed {
namespace {

constexpr size_t kStep = 64, kSizes = 16;  // blocks of 64, 128, ... 1024 bytes
constexpr uint32_t kMostKept = 1024;       // of each size, so that a thread that only frees does not hoard

struct Free {
  Free* next;
};
struct Pool {
  std::array<Free*, kSizes> first{};
  std::array<uint32_t, kSizes> kept{};
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

}  // namespace

void* take_from_pool(size_t bytes) {
  const size_t i = size_index(bytes);
  if (i >= kSizes) return ::operator new(bytes);
  Free* block = pool.first[i];
  if (!block) return ::operator new((i + 1) * kStep);
  pool.first[i] = block->next;
  --pool.kept[i];
  return block;
}

void give_to_pool(void* memory, size_t bytes) {
  const size_t i = size_index(bytes);
  if (!kKeepFreed || i >= kSizes || pool.kept[i] == kMostKept || pool.ended) return ::operator delete(memory);
  if (pool.kept[i] == 0) static thread_local End end;
  pool.first[i] = ::new (memory) Free{pool.first[i]};
  ++pool.kept[i];
}

}  // namespace heed

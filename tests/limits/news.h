// Counts what a program asks the heap for: to be included by one of its sources.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

/// Calls of operator new so far.
inline std::atomic<int64_t> news{0};

// Not inline: g++ would see free() meet a pointer from new, and take it for a mistake.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  news.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

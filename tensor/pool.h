// Memory of the small objects that every op makes and drops again: storages, nodes, what backward needs.
#pragma once

#include <cstddef>

#include <heed/tensor/sanitizers.h>

namespace heed {

/// Whether what is freed is kept for the next request. Under AddressSanitizer each block is of the C library's own, so
/// that reads of freed or foreign bytes are found.
constexpr bool kKeepFreed = !kAddressSanitizer;

/// What this thread freed last of that size, else new memory; and back. Any thread may give what another took. So a
/// step that repeats asks the C library for nothing, whose own lists of this kind hold seven blocks a size.
void* take_from_pool(size_t bytes);
void give_to_pool(void* block, size_t bytes);

/// The pool as an allocator, for std::allocate_shared and std::vector.
template <class T>
struct Pooled {
  using value_type = T;  ///< as allocators say it
  Pooled() = default;
  template <class U>
  Pooled(const Pooled<U>&) {}
  /// Room for n of them, and back.
  T* allocate(size_t n) { return static_cast<T*>(take_from_pool(n * sizeof(T))); }
  void deallocate(T* block, size_t n) { give_to_pool(block, n * sizeof(T)); }
  /// One allocator is as good as another.
  friend bool operator==(Pooled, Pooled) { return true; }
};

}  // namespace heed

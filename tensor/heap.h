// Where the bytes of storages come from: two heaps that keep what is freed. Neither locks; storage.cpp does.
//
// Large requests take the best-fitting free block, cut to the size asked for, and join their free neighbours when
// they come back. They live in reserved ranges of addresses that grow at their end, so that neighbours can
// nearly always join and a step that repeats finds the blocks of the step before it. Small requests are rounded up to a
// size class and served from slabs, each cut into blocks of one class.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <set>

namespace heed {

/// What a heap hands out. `bytes` are those of the block, `fresh` the ones that the system had to give for
/// it.
struct Taken {
  std::byte* data = nullptr;  // null when the system refuses
  void* home = nullptr;       // the heap's record, asked for at release
  size_t bytes = 0, fresh = 0;
};

/// Blocks in whole pages, best fit first. Free blocks that hold pages ("cached") are taken before those that
/// do not.
class LargeHeap {
 public:
  /// Addresses are reserved `range` bytes at a time, if the process may have them.
  explicit LargeHeap(size_t range) : range_(range) {}
  Taken allocate(size_t bytes);
  /// Takes a block back and returns its bytes.
  size_t release(void* home);
  /// Gives pages at the ends of free blocks back to the system, largest block first, until at most `keep` bytes are
  /// cached.
  void trim(size_t keep);
  size_t cached_bytes() const { return cached_bytes_; }
  size_t system_bytes() const { return live_bytes_ + cached_bytes_; }

 private:
  struct Block;
  struct Smaller {
    using is_transparent = void;
    bool operator()(const Block* a, const Block* b) const;
    bool operator()(const Block* a, size_t bytes) const;
  };
  using FreeBlocks = std::set<Block*, Smaller>;
  struct Range;
  Block* find(size_t bytes, size_t& fresh);
  Block* grow(size_t bytes, size_t& fresh);
  void split(Block* block, size_t bytes);
  void absorb_next(Block* block);
  void insert_joined(Block* block);
  void insert(Block* block);
  void remove(Block* block);

  const size_t range_;
  Range* newest_ = nullptr;
  FreeBlocks cached_, clean_;
  size_t cached_bytes_ = 0, live_bytes_ = 0;
};

/// Blocks of at most kMost bytes in size classes: multiples of 64 up to 512, then eight classes to a
/// doubling, so that a block is at most an eighth larger than what was asked. Slabs come from a large heap of their
/// own: they would keep large blocks from joining.
class SmallHeap {
 public:
  static constexpr size_t kMost = size_t{32} << 10;

  Taken allocate(size_t bytes);
  /// Takes a block back and returns its bytes.
  size_t release(std::byte* data, void* home);
  /// Gives the pages of empty slabs back to the system.
  void trim();
  size_t system_bytes() const { return slabs_.system_bytes(); }

  static constexpr int class_of(size_t bytes) {
    if (bytes <= 512) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / 64);
    const int log2 = std::bit_width(bytes - 1) - 1;
    return 8 * (log2 - 9) + static_cast<int>((bytes - 1) >> (log2 - 3));
  }
  static constexpr size_t class_bytes(int size_class) {
    return size_class < 8 ? static_cast<size_t>(size_class + 1) * 64
                          : static_cast<size_t>(size_class % 8 + 9) << (size_class / 8 + 5);
  }

 private:
  static constexpr int kClasses = 8 + 8 * 6;
  static constexpr size_t kSlab = size_t{256} << 10;
  struct Slab;
  Slab* open(int size_class, size_t& fresh);
  void close(Slab* slab);
  void link(Slab* slab);
  void unlink(Slab* slab);

  LargeHeap slabs_{size_t{1} << 30};
  std::array<Slab*, kClasses> with_room_{};  // lists of the slabs that have a free block
};

}  // namespace heed

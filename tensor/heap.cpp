#include <heed/tensor/heap.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace heed {
namespace {

// Addresses cost nothing until they are used. Where the process may not have as many as it likes, few are reserved at
// once: other libraries need some too.
constexpr size_t kScarceRange = size_t{32} << 20;
constexpr size_t kChunk = size_t{2} << 20;  // a huge page

constexpr size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t page_bytes() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

// The addresses stay; the next touch finds zeros in new pages.
void give_back(std::byte* data, size_t bytes) { madvise(data, bytes, MADV_DONTNEED); }

}  // namespace

// --- LargeHeap

struct LargeHeap::Block {
  std::byte* data;
  size_t bytes;
  Range* range;
  Block *before, *after;  // neighbours by address
  bool free = false;
  bool resident = false;  // of a free block: whether it holds pages
};

/// Addresses, reserved at once and made usable from the front.
struct LargeHeap::Range {
  std::byte* begin = nullptr;
  size_t reserved = 0, used = 0;
  Block* last = nullptr;

  size_t room() const { return reserved - used; }

  /// Reserves `wish` bytes of addresses if it can be, and at least `need`; false if the process cannot have them.
  bool reserve(size_t need, size_t wish) {
    need += kChunk;  // lost to alignment
    for (const size_t wanted : {wish, kScarceRange, need}) {
      const size_t bytes = std::max(need, wanted);
      void* p = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (p == MAP_FAILED) continue;
      const auto address = reinterpret_cast<uintptr_t>(p);
      const size_t skip = round_up(address, kChunk) - address;
      begin = static_cast<std::byte*>(p) + skip;
      reserved = bytes - skip;
      // Fewer and cheaper page faults; as the range is filled from its front, the price is a part of one huge page.
      madvise(begin, reserved, MADV_HUGEPAGE);
      return true;
    }
    return false;
  }

  /// Makes the next `bytes` usable, a multiple of kChunk; null when the system refuses.
  std::byte* grow(size_t bytes) {
    if (mprotect(begin + used, bytes, PROT_READ | PROT_WRITE) != 0) return nullptr;
    return begin + std::exchange(used, used + bytes);
  }
};

bool LargeHeap::Smaller::operator()(const Block* a, const Block* b) const {
  return a->bytes != b->bytes ? a->bytes < b->bytes : a->data < b->data;
}
bool LargeHeap::Smaller::operator()(const Block* a, size_t bytes) const { return a->bytes < bytes; }

Taken LargeHeap::allocate(size_t bytes) {
  bytes = round_up(bytes, page_bytes());
  size_t fresh = 0;
  Block* block = find(bytes, fresh);
  if (!block) block = grow(bytes, fresh);
  if (!block) return {};
  if (block->bytes > bytes) split(block, bytes);
  live_bytes_ += bytes;
  return {block->data, block, bytes, fresh};
}

size_t LargeHeap::release(void* home) {
  auto* block = static_cast<Block*>(home);
  const size_t bytes = block->bytes;
  live_bytes_ -= bytes;
  block->resident = true;
  insert_joined(block);
  return bytes;
}

void LargeHeap::trim(size_t keep) {
  while (cached_bytes_ > keep) {
    Block* block = *cached_.rbegin();
    const size_t excess = round_up(cached_bytes_ - keep, kChunk);
    remove(block);
    if (excess < block->bytes) {
      split(block, block->bytes - excess);
      insert(block);
      remove(block = block->after);
    }
    give_back(block->data, block->bytes);
    block->resident = false;
    insert_joined(block);
  }
}

LargeHeap::Block* LargeHeap::find(size_t bytes, size_t& fresh) {
  auto found = cached_.lower_bound(bytes);
  if (found == cached_.end()) {
    found = clean_.lower_bound(bytes);
    if (found == clean_.end()) return nullptr;
    fresh = bytes;
  }
  Block* block = *found;
  remove(block);
  return block;
}

// The free end of the newest range, made long enough by growing it.
LargeHeap::Block* LargeHeap::grow(size_t bytes, size_t& fresh) {
  size_t present = 0, resident = 0;
  if (newest_) {
    for (const Block* b = newest_->last; b && b->free; b = b->before) {
      present += b->bytes;
      if (b->resident) resident += b->bytes;
    }
  }
  Range* range = newest_;
  if (!range || range->room() + present < bytes + kChunk) {
    range = new Range;
    present = resident = 0;
    if (!range->reserve(round_up(bytes, kChunk), range_)) return delete range, nullptr;
  }
  const size_t more = round_up(bytes - present, kChunk);
  std::byte* data = range->grow(more);
  if (!data) {
    if (range != newest_) munmap(range->begin, range->reserved), delete range;
    return nullptr;
  }
  newest_ = range;
  auto* block = new Block{data, more, range, range->last, nullptr};
  if (range->last) range->last->after = block;
  range->last = block;
  while (block->before && block->before->free) {
    block = block->before;
    remove(block);
    absorb_next(block);
  }
  block->resident = false;  // what is left after the cut has not been touched
  fresh = bytes - resident;
  return block;
}

void LargeHeap::split(Block* block, size_t bytes) {
  auto* rest = new Block{block->data + bytes, block->bytes - bytes, block->range, block, block->after};
  rest->resident = block->resident;
  (rest->after ? rest->after->before : rest->range->last) = rest;
  block->after = rest;
  block->bytes = bytes;
  insert(rest);
}

void LargeHeap::absorb_next(Block* block) {
  Block* next = block->after;
  block->bytes += next->bytes;
  block->after = next->after;
  (next->after ? next->after->before : next->range->last) = block;
  delete next;
}

// Joins only neighbours that both hold pages, or both do not: so the counts of bytes held stay exact.
void LargeHeap::insert_joined(Block* block) {
  if (Block* before = block->before; before && before->free && before->resident == block->resident) {
    remove(before);
    absorb_next(before);
    block = before;
  }
  if (Block* after = block->after; after && after->free && after->resident == block->resident) {
    remove(after);
    absorb_next(block);
  }
  insert(block);
}

void LargeHeap::insert(Block* block) {
  block->free = true;
  (block->resident ? cached_ : clean_).insert(block);
  if (block->resident) cached_bytes_ += block->bytes;
}

void LargeHeap::remove(Block* block) {
  block->free = false;
  (block->resident ? cached_ : clean_).erase(block);
  if (block->resident) cached_bytes_ -= block->bytes;
}

// --- SmallHeap

struct SmallHeap::Slab {
  std::byte* data;
  void* home;
  int size_class;
  uint32_t capacity;                          // blocks at most
  uint32_t live = 0, cut = 0;                 // blocks in use, ever handed out
  void* free = nullptr;                       // list through the first bytes of blocks that came back
  Slab *previous = nullptr, *next = nullptr;  // in with_room_
};

Taken SmallHeap::allocate(size_t bytes) {
  const int size_class = class_of(bytes);
  const size_t block_bytes = class_bytes(size_class);
  size_t fresh = 0;
  Slab* slab = with_room_[size_class];
  if (!slab && !(slab = open(size_class, fresh))) return {};
  auto* block = static_cast<std::byte*>(slab->free);
  if (block) slab->free = *reinterpret_cast<void**>(block);
  else block = slab->data + block_bytes * slab->cut++;
  if (++slab->live == slab->capacity) unlink(slab);
  return {block, slab, block_bytes, fresh};
}

size_t SmallHeap::release(std::byte* data, void* home) {
  auto* slab = static_cast<Slab*>(home);
  const size_t bytes = class_bytes(slab->size_class);
  *reinterpret_cast<void**>(data) = slab->free;
  slab->free = data;
  if (slab->live-- == slab->capacity) link(slab);
  // The last one stays open, or one block could thrash.
  if (slab->live == 0 && (slab->previous || slab->next)) close(slab);
  return bytes;
}

void SmallHeap::trim() {
  for (Slab* slab : with_room_)
    for (Slab* next; slab; slab = next) {
      next = slab->next;
      if (slab->live == 0) close(slab);
    }
  slabs_.trim(0);
}

SmallHeap::Slab* SmallHeap::open(int size_class, size_t& fresh) {
  const Taken taken = slabs_.allocate(kSlab);
  if (!taken.data) return nullptr;
  fresh = taken.fresh;
  const auto capacity = static_cast<uint32_t>(kSlab / class_bytes(size_class));
  auto* slab = new Slab{taken.data, taken.home, size_class, capacity};
  link(slab);
  return slab;
}

void SmallHeap::close(Slab* slab) {
  unlink(slab);
  slabs_.release(slab->home);
  delete slab;
}

void SmallHeap::link(Slab* slab) {
  Slab*& head = with_room_[slab->size_class];
  slab->previous = nullptr;
  slab->next = head;
  if (head) head->previous = slab;
  head = slab;
}

void SmallHeap::unlink(Slab* slab) {
  (slab->previous ? slab->previous->next : with_room_[slab->size_class]) = slab->next;
  if (slab->next) slab->next->previous = slab->previous;
  slab->previous = slab->next = nullptr;
}

}  // namespace heed

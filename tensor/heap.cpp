#include <heed/tensor/heap.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace heed {
namespace {

// Addresses cost nothing until they are used; as many as this are reserved at once if the process may have
// them.
constexpr size_t kSmallRange = size_t{1} << 30;
constexpr size_t kLargeRange = size_t{64} << 30;

constexpr size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t page_bytes() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

// The addresses stay; the next touch finds zeros in new pages.
void give_back(std::byte* data, size_t bytes) { madvise(data, bytes, MADV_DONTNEED); }

}  // namespace

// --- Region

bool Region::reserve(size_t need, size_t wish) {
  need += kChunk;  // lost to alignment
  for (size_t bytes = std::max(need, wish); bytes >= need; bytes = bytes > need ? std::max(need, bytes / 2) : 0) {
    void* p = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) continue;
    const auto address = reinterpret_cast<uintptr_t>(p);
    const size_t skip = round_up(address, kChunk) - address;
    begin_ = static_cast<std::byte*>(p) + skip;
    reserved_ = bytes - skip;
    used_ = 0;
    return true;
  }
  return false;
}

void Region::unreserve() { munmap(begin_, reserved_); }

std::byte* Region::grow(size_t bytes) {
  std::byte* data = begin_ + used_;
  if (bytes > room() || mprotect(data, bytes, PROT_READ | PROT_WRITE) != 0) return nullptr;
  used_ += bytes;
  return data;
}

// --- SmallHeap

struct SmallHeap::Slab {
  std::byte* data;
  bool resident = false;  // false: the system holds no pages for it
  int size_class = 0;
  uint32_t live = 0, cut = 0, capacity = 0;   // blocks in use, ever handed out, at most
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
  *reinterpret_cast<void**>(data) = slab->free;
  slab->free = data;
  if (slab->live-- == slab->capacity) link(slab);
  if (slab->live == 0 && (slab->previous || slab->next)) {  // the last one stays open, or one block could thrash
    unlink(slab);
    empty_.push_back(slab);
  }
  return class_bytes(slab->size_class);
}

void SmallHeap::trim() {
  for (Slab* slab : with_room_) {
    for (Slab* next; slab; slab = next) {
      next = slab->next;
      if (slab->live > 0) continue;
      unlink(slab);
      empty_.push_back(slab);
    }
  }
  for (Slab* slab : empty_) {
    if (!slab->resident) continue;
    give_back(slab->data, kSlab);
    slab->resident = false;
    --resident_slabs_;
  }
}

SmallHeap::Slab* SmallHeap::open(int size_class, size_t& fresh) {
  if (empty_.empty()) {
    if (region_.room() < Region::kChunk && !region_.reserve(Region::kChunk, kSmallRange)) return nullptr;
    std::byte* chunk = region_.grow(Region::kChunk);
    if (!chunk) return nullptr;
    for (size_t at = Region::kChunk; at > 0; at -= kSlab) empty_.push_back(new Slab{chunk + at - kSlab});
  }
  Slab* slab = empty_.back();
  empty_.pop_back();
  if (!slab->resident) {
    slab->resident = true;
    ++resident_slabs_;
    fresh = kSlab;
  }
  slab->size_class = size_class;
  slab->cut = 0;
  slab->capacity = static_cast<uint32_t>(kSlab / class_bytes(size_class));
  slab->free = nullptr;
  link(slab);
  return slab;
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

// --- LargeHeap

struct LargeHeap::Block {
  std::byte* data;
  size_t bytes;
  Range* range;
  Block *before, *after;  // neighbours by address
  bool free = false;
  bool resident = false;  // of a free block: whether it holds pages
};

struct LargeHeap::Range {
  Region region;
  Block* last = nullptr;
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
    remove(block);
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
  if (!range || range->region.room() + present < bytes + Region::kChunk) {
    range = new Range;
    present = resident = 0;
    if (!range->region.reserve(round_up(bytes, Region::kChunk), kLargeRange)) return delete range, nullptr;
    // Fewer and cheaper page faults; as the range is filled from its front, the price is a part of one huge
    // page.
    madvise(range->region.begin(), range->region.room(), MADV_HUGEPAGE);
  }
  const size_t more = round_up(bytes - present, Region::kChunk);
  std::byte* data = range->region.grow(more);
  if (!data) {
    if (range != newest_) range->region.unreserve(), delete range;
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

}  // namespace heed

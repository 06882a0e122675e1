#include <cstring>
#include <memory>
#include <vector>

#include "tensor/error.h"
#include "tensor/storage.h"
#include "tests/catch.h"

using namespace heed;

TEST_CASE("Storage: blocks are 64-byte aligned, writable to the last byte, and do not overlap", "[storage]") {
  std::vector<std::shared_ptr<Storage>> blocks;
  for (size_t bytes = 0; bytes < 200000; bytes = bytes * 5 / 4 + 1) {
    auto block = Storage::allocate(bytes);
    REQUIRE(block->bytes() == bytes);
    REQUIRE(reinterpret_cast<uintptr_t>(block->data()) % 64 == 0);
    std::memset(block->data(), static_cast<int>(blocks.size()), bytes);
    blocks.push_back(block);
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::byte* data = blocks[i]->data();
    size_t wrong = 0;
    for (size_t j = 0; j < blocks[i]->bytes(); ++j) wrong += data[j] != static_cast<std::byte>(i);
    CHECK(wrong == 0);
  }
}

TEST_CASE("Storage: a request that no system can meet is an Error that says how much was asked", "[storage]") {
  CHECK_THROWS_WITH(Storage::allocate(SIZE_MAX), Contains("18446744073709551615 bytes"));
  CHECK_THROWS_AS(Storage::allocate(SIZE_MAX / 2), Error);
}

TEST_CASE("memory_stats: live bytes come back to where they were, and the peak stays", "[storage]") {
  reset_peak_memory();
  const auto before = memory_stats();
  {
    auto block = Storage::allocate(1 << 20);
    CHECK(memory_stats().live_bytes >= before.live_bytes + (1 << 20));
    CHECK(memory_stats().allocations == before.allocations + 1);
  }
  const auto after = memory_stats();
  CHECK(after.live_bytes == before.live_bytes);
  CHECK(after.peak_bytes >= before.live_bytes + (1 << 20));
  reset_peak_memory();
  CHECK(memory_stats().peak_bytes == before.live_bytes);
}

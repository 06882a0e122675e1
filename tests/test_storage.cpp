#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <heed/tensor/error.h>
#include <heed/tensor/heap.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/sanitizers.h>
#include <heed/tensor/storage.h>
#include "catch.h"
#include "skip.h"

using namespace heed;
using Blocks = std::vector<std::shared_ptr<Storage>>;

namespace {

// With AddressSanitizer nothing is kept, so what is claimed about keeping does not hold; and a sanitizer's
// own memory hides what the process holds.
constexpr bool kKeepFreed = !kAddressSanitizer, kRssIsOurs = !kAddressSanitizer && !kThreadSanitizer;
constexpr auto kKeepsNothing = "AddressSanitizer has nothing kept that is freed";
constexpr auto kRssIsMore = "a sanitizer's memory is in what the process holds";
constexpr int64_t kMiB = 1 << 20;

// Freed after main: the program must end without a crash.
const auto kStaticSmall = Storage::allocate(100);
const auto kStaticLarge = Storage::allocate(1000000);

int64_t rss_bytes() {
  int64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

std::shared_ptr<Storage> touched(size_t bytes) {
  auto block = Storage::allocate(bytes);
  std::memset(block->data(), 1, bytes);
  return block;
}

// The shape of a training step: activations that live until backward, temporaries of every size, gradients
// that are made anew, and optimizer state that appears in the first step.
struct Training {
  Blocks weights, grads, state;
  explicit Training(size_t scale) : scale_(scale) {
    for (size_t i = 0; i < 6 * kLayers; ++i) weights.push_back(touched((i % 6 + 1) * scale / 2));
    grads.resize(weights.size());
  }
  void step() {
    for (auto& g : grads) g.reset();
    std::vector<Blocks> saved(kLayers);
    for (auto& layer : saved) {
      for (size_t k : {1, 3, 1, 1, 4, 4, 1}) {
        auto temporary = touched(scale_ * k + 4);
        layer.push_back(touched(scale_ * k));
        layer.push_back(touched(scale_ / 64));
      }
    }
    auto logits = touched(scale_ * 20);
    for (size_t i = weights.size(); i-- > 0;) {
      auto a = touched(scale_ * (i % 4 + 1));
      grads[i] = touched(weights[i]->bytes());
      auto b = touched(scale_ * (i % 3 + 1));
      if (i % 6 == 0) saved[i / 6].clear();
    }
    if (state.empty()) {
      for (auto& w : weights) state.push_back(touched(2 * w->bytes()));
    }
  }

 private:
  static constexpr size_t kLayers = 6;
  size_t scale_;
};

}  // namespace

TEST_CASE("Storage: blocks are 64-byte aligned, writable to the last byte, and do not overlap", "[storage]") {
  Blocks blocks;
  for (size_t bytes = 0; bytes < 200000; bytes = bytes * 5 / 4 + 1) {
    auto block = Storage::allocate(bytes);
    REQUIRE(block->bytes() == bytes);
    REQUIRE(reinterpret_cast<uintptr_t>(block->data()) % 64 == 0);
    std::memset(block->data(), static_cast<int>(blocks.size()), bytes);
    blocks.push_back(block);
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::byte* begin = blocks[i]->data();
    CHECK(std::all_of(begin, begin + blocks[i]->bytes(), [i](std::byte b) { return b == static_cast<std::byte>(i); }));
  }
}

TEST_CASE("Storage: any order of allocating, freeing and releasing keeps blocks apart and the books right",
          "[storage]") {
  const uint32_t seed = GENERATE(1u, 2u, 3u);
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto before = memory_stats();
  std::map<std::byte*, std::shared_ptr<Storage>> live;
  for (int i = 0; i < 20000; ++i) {
    const uint32_t dice = random() % 100;
    if (dice < 52 || live.empty()) {
      const size_t bytes = random() % (size_t{1} << (random() % 23));  // to 4 MiB, every magnitude alike
      auto block = Storage::allocate(bytes);
      const auto next = live.lower_bound(block->data());
      if (next != live.end()) REQUIRE(block->data() + std::max(bytes, size_t{1}) <= next->first);
      if (next != live.begin()) REQUIRE(std::prev(next)->first + std::prev(next)->second->bytes() <= block->data());
      if (bytes > 0) block->data()[0] = block->data()[bytes - 1] = std::byte{1};
      live[block->data()] = block;
    } else {
      auto it = live.lower_bound(std::next(live.begin(), random() % std::min<size_t>(live.size(), 50))->first);
      live.erase(it);
    }
    if (i % 5000 == 4999) release_cached_memory();
    if (i % 100 != 0) continue;
    const auto now = memory_stats();
    int64_t asked = 0;
    for (const auto& [data, block] : live) asked += static_cast<int64_t>(block->bytes());
    REQUIRE(now.system_bytes == now.live_bytes + now.cached_bytes);
    REQUIRE(now.cached_bytes >= 0);
    REQUIRE(now.live_bytes - before.live_bytes >= asked);
    REQUIRE(now.live_bytes - before.live_bytes <= asked + asked / 8 + 64 * static_cast<int64_t>(live.size()));
  }
  live.clear();
  CHECK(memory_stats().live_bytes == before.live_bytes);
}

TEST_CASE("SmallHeap: a size class holds what is asked and wastes at most an eighth", "[storage]") {
  for (size_t bytes = 1; bytes <= SmallHeap::kMost; ++bytes) {
    const size_t block = SmallHeap::class_bytes(SmallHeap::class_of(bytes));
    if (block < bytes || block % 64 != 0 || block >= bytes + std::max(size_t{64}, bytes / 8 + 1)) {
      FAIL(bytes << " bytes in a block of " << block);
    }
    if (bytes > 1 && SmallHeap::class_of(bytes) < SmallHeap::class_of(bytes - 1)) FAIL("class falls at " << bytes);
  }
  CHECK(SmallHeap::class_of(0) == 0);
  CHECK(SmallHeap::class_bytes(SmallHeap::class_of(SmallHeap::kMost)) == SmallHeap::kMost);
}

TEST_CASE("Storage: a training step after the second asks the system for nothing", "[storage]") {
  if (!kKeepFreed) return tests::skip(kKeepsNothing);
  const size_t scale = GENERATE(1000, 30000, 300000);
  CAPTURE(scale);
  Training training(scale);
  training.step();
  training.step();
  const int64_t calls = memory_stats().system_calls;
  for (int i = 0; i < 5; ++i) training.step();
  CHECK(memory_stats().system_calls == calls);
}

TEST_CASE("Storage: resident memory stays within an eighth and 32 MiB of the peak of live bytes", "[storage]") {
  if (!kRssIsOurs) return tests::skip(kRssIsMore);
  release_cached_memory();
  reset_peak_memory();
  const int64_t rss_before = rss_bytes();
  const auto before = memory_stats();
  Training training(1500000);
  int64_t rss = 0;
  for (int i = 0; i < 3; ++i) {
    training.step();
    rss = std::max(rss, rss_bytes() - rss_before);
  }
  const auto now = memory_stats();
  const int64_t peak = now.peak_bytes - before.live_bytes;
  INFO("peak " << peak / kMiB << " MiB, held " << now.system_bytes / kMiB << " MiB, resident " << rss / kMiB << " MiB");
  REQUIRE(peak > 300 * kMiB);  // else 32 MiB would hide everything
  CHECK(now.system_bytes <= now.peak_bytes + now.peak_bytes / 8 + 32 * kMiB);
  CHECK(rss <= peak + peak / 8 + 32 * kMiB);
}

TEST_CASE("Storage: turning to tensors of other sizes does not hold the memory of both phases", "[storage]") {
  if (!kRssIsOurs) return tests::skip(kRssIsMore);
  release_cached_memory();
  const int64_t rss_before = rss_bytes();
  Blocks blocks;
  for (int i = 0; i < 400; ++i) blocks.push_back(touched(kMiB));
  for (size_t i = 0; i < blocks.size(); ++i) {  // holes of 3 MiB, where nothing of the next phase fits
    if (i % 4 != 0) blocks[i].reset();
  }
  for (int i = 0; i < 30; ++i) blocks.push_back(touched(10 * kMiB));
  CHECK(rss_bytes() - rss_before < 400 * kMiB + 50 * kMiB + 32 * kMiB);  // live: 400 MiB in both phases
}

TEST_CASE("release_cached_memory: the pages go back, storages stay, and the memory serves again", "[storage]") {
  auto kept = touched(3 * kMiB + 5);
  Blocks blocks;
  for (int i = 0; i < 50; ++i) blocks.push_back(touched(2 * kMiB));
  for (int i = 0; i < 2000; ++i) blocks.push_back(touched(2000));
  blocks.clear();
  const int64_t rss = rss_bytes();
  const auto cached = memory_stats();
  release_cached_memory();
  const auto after = memory_stats();
  CHECK(after.live_bytes == cached.live_bytes);
  CHECK(after.cached_bytes <= 64 * 256 * 1024);  // at most the room left in a slab of each size class
  if (kKeepFreed) CHECK(cached.cached_bytes > 100 * kMiB);
  if (kRssIsOurs) CHECK(rss_bytes() < rss - 90 * kMiB);
  CHECK(std::all_of(kept->data(), kept->data() + kept->bytes(), [](std::byte b) { return b == std::byte{1}; }));
  for (int i = 0; i < 50; ++i) blocks.push_back(touched(2 * kMiB));
  CHECK(memory_stats().live_bytes >= after.live_bytes + 100 * kMiB);
}

TEST_CASE("release_idle_memory: what nothing asked for in a while goes back, and a steady step keeps what it needs",
          "[storage]") {
  if (!kKeepFreed) return tests::skip(kKeepsNothing);
  release_cached_memory();
  auto now = std::chrono::steady_clock::now();
  const auto later = [&now] { release_idle_memory(now += std::chrono::seconds(10)); };
  const int64_t before = memory_stats().system_bytes;
  touched(1024 * kMiB).reset();
  CHECK(memory_stats().system_bytes >= before + 1024 * kMiB);  // it may be asked for again
  later(), later();
  CHECK(memory_stats().system_bytes < before + 100 * kMiB);
  touched(512 * kMiB).reset();
  release_idle_memory(now += std::chrono::minutes(1));  // the first call of a program that did nothing for so long
  CHECK(memory_stats().system_bytes < before + 100 * kMiB);

  Training training(1500000);  // each step takes ten seconds by this clock, and a window may hold none
  int64_t calls = 0;
  for (int i = 0; i < 20; ++i) {
    calls = memory_stats().system_calls;
    training.step();
    later();
  }
  CHECK(memory_stats().system_calls == calls);
}

TEST_CASE("Storage: a program that does nothing has its memory go back", "[storage]") {
  if (!kKeepFreed) return tests::skip(kKeepsNothing);
  if (num_threads() == 1) return tests::skip("one thread: only calls can look at the time");
  release_cached_memory();
  const int64_t before = memory_stats().live_bytes;
  touched(512 * kMiB).reset();
  parallel_for(num_threads(), 1, [](int64_t, int64_t) {});
  const auto patience = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  while (memory_stats().system_bytes > before + before / 8 + 50 * kMiB && std::chrono::steady_clock::now() < patience)
    std::this_thread::yield();
  CHECK(memory_stats().system_bytes <= before + before / 8 + 50 * kMiB);
}

TEST_CASE("Storage: threads may allocate and free each other's blocks at once", "[storage]") {
  const auto before = memory_stats();
  std::vector<Blocks> made(4);
  std::vector<int> bad(4, 0);
  const auto in_four_threads = [](auto work) {
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 4; ++t) threads.emplace_back(work, t);
    for (auto& thread : threads) thread.join();
  };
  in_four_threads([&](size_t t) {
    std::mt19937 random(static_cast<uint32_t>(t));
    for (int i = 0; i < 3000; ++i) {
      const size_t bytes = 1 + random() % (size_t{1} << (random() % 18));
      auto block = Storage::allocate(bytes);
      std::memset(block->data(), static_cast<int>(t), bytes);
      if (random() % 2) made[t].push_back(block);
    }
  });
  in_four_threads([&](size_t t) {
    for (auto& block : made[(t + 1) % 4]) {
      const auto value = static_cast<std::byte>((t + 1) % 4);
      if (!std::all_of(block->data(), block->data() + block->bytes(), [=](std::byte b) { return b == value; }))
        ++bad[t];
      block = Storage::allocate(block->bytes() / 2);
    }
  });
  CHECK(bad == std::vector<int>(4, 0));
  CHECK(memory_stats().allocations >= before.allocations + 4 * 3000);
  made.clear();
  CHECK(memory_stats().live_bytes == before.live_bytes);
}

TEST_CASE("Storage: a request that no system can meet is an Error that says how much and where", "[storage]") {
  CHECK_THROWS_WITH(Storage::allocate(SIZE_MAX),
                    Contains("refused 18446744073709551615 bytes") && Contains("test_storage.cpp"));
  if (!kKeepFreed) return;  // there the sanitizer ends the program
  CHECK_THROWS_AS(Storage::allocate(SIZE_MAX / 2), Error);
  CHECK_THROWS_AS(Storage::allocate(SIZE_MAX / 8), Error);
  CHECK(Storage::allocate(100)->bytes() == 100);
}

TEST_CASE("Storage: after the system refused, freed memory serves again", "[storage][processes]") {
  if (!kRssIsOurs) return tests::skip("a sanitizer needs more addresses than the limit leaves");
  const pid_t child = fork();  // the limit must not stay with this process
  REQUIRE(child >= 0);
  if (child == 0) {
    int64_t size = 0;
    std::ifstream("/proc/self/statm") >> size;
    const rlim_t limit = static_cast<rlim_t>(size * sysconf(_SC_PAGESIZE) + 300 * kMiB);
    const rlimit addresses{limit, limit};
    if (setrlimit(RLIMIT_AS, &addresses) != 0) _exit(2);
    Blocks blocks;
    bool refused = false;
    try {
      // Ranges reserved before the limit may serve some; 2^37 bytes are more than all of them.
      for (int i = 0; i < 1 << 13; ++i) blocks.push_back(Storage::allocate(16 * kMiB));
    } catch (const Error&) {
      refused = true;
    }
    blocks.clear();
    _exit(refused && Storage::allocate(100 * kMiB)->bytes() == 100 * kMiB ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
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

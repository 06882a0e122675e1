#include <atomic>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <heed/tensor/cores.h>
#include <heed/tensor/error.h>
#include <heed/tensor/kernels/simd.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/sanitizers.h>
#include "catch.h"
#include "run_program.h"
#include "scoped_threads.h"
#include "skip.h"

using namespace heed;
using tests::Threads;

namespace {

using RangeSet = std::set<std::pair<int64_t, int64_t>>;

RangeSet ranges_of(int64_t n, int64_t grain) {
  RangeSet ranges;
  std::mutex mutex;
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    std::lock_guard lock(mutex);
    ranges.insert({begin, end});
  });
  return ranges;
}

int64_t sum_to(int64_t n) {
  std::atomic<int64_t> sum = 0;
  parallel_for(n, 1, [&](int64_t begin, int64_t end) {
    int64_t part = 0;
    for (int64_t i = begin; i < end; ++i) part += i;
    sum += part;
  });
  return sum;
}

}  // namespace

TEST_CASE("parallel_for: every index is visited once, in ranges of at least the grain", "[parallel]") {
  for (const int threads : {1, 2, 3, 8}) {
    Threads guard(threads);
    for (const int64_t n : {0, 1, 2, 7, 63, 64, 65, 1000, 4099})
      for (const int64_t grain : {1, 3, 64, 100, 5000}) {
        CAPTURE(threads, n, grain);
        int64_t next = 0;
        for (const auto& [begin, end] : ranges_of(n, grain)) {
          CHECK(begin == next);
          CHECK((end - begin >= grain || end == n));
          next = end;
        }
        CHECK(next == n);
      }
  }
}

TEST_CASE("parallel_for: ranges depend on n, grain and the number of threads alone; nested it is one", "[parallel]") {
  Threads guard(3);
  const RangeSet first = ranges_of(12345, 10);
  CHECK(first.size() > 3);
  for (int i = 0; i < 200; ++i) REQUIRE(ranges_of(12345, 10) == first);
  RangeSet nested;
  std::mutex mutex;
  parallel_for(2, 1, [&](int64_t, int64_t) {
    const RangeSet inner = ranges_of(12345, 10);
    std::lock_guard lock(mutex);
    nested.insert(inner.begin(), inner.end());
  });
  CHECK(nested == RangeSet{{0, 12345}});
}

TEST_CASE("parallel_for: small work stays on the calling thread", "[parallel]") {
  Threads guard(4);
  std::thread::id loc;
  parallel_for(100, 60, [&](int64_t, int64_t) { loc = std::this_thread::get_id(); });
  CHECK(loc == std::this_thread::get_id());
}

TEST_CASE("parallel_for: an exception reaches the caller and the pool goes on", "[parallel]") {
  Threads guard(2);
  for (int i = 0; i < 50; ++i) {
    CHECK_THROWS_AS(parallel_for(1000, 1,
                                 [](int64_t begin, int64_t end) {
                                   if (begin <= 700 && 700 < end) throw std::range_error("700");
                                 }),
                    std::range_error);
    REQUIRE(sum_to(1000) == 499500);
  }
}

TEST_CASE("parallel_for: several threads of the program may call it at once", "[parallel]") {
  Threads guard(2);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t)
    callers.emplace_back([&] {
      for (int i = 0; i < 300; ++i) wrong += sum_to(1000 + i) != (999 + i) * (1000 + i) / 2;
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("parallel_for: works with pauses long enough for the workers to fall asleep", "[parallel]") {
  Threads guard(3);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(20 * i));
    REQUIRE(sum_to(10000) == 49995000);
  }
}

TEST_CASE("parallel_for: works while other threads keep every core busy", "[parallel]") {
  Threads guard(4);
  std::atomic<bool> stop = false;
  std::vector<std::thread> others;
  for (unsigned i = 0; i < 2 * std::thread::hardware_concurrency(); ++i)
    others.emplace_back([&] {
      while (!stop) {}
    });
  for (int i = 0; i < 100; ++i) CHECK(sum_to(200'000 + i) == (199'999 + i) * (200'000LL + i) / 2);
  stop = true;
  for (std::thread& other : others) other.join();
}

TEST_CASE("parallel_for: a forked child starts threads of its own", "[parallel][processes]") {
  if (kThreadSanitizer) return tests::skip("ThreadSanitizer refuses new threads after a fork");
  Threads guard(2);
  REQUIRE(sum_to(1000) == 499500);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(20);  // a child that hangs is a failure, not a wait
    _exit(sum_to(1000) == 499500 && num_threads() == 2 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK(sum_to(1000) == 499500);
}

TEST_CASE("set_num_threads: refuses numbers below 1", "[parallel]") {
  CHECK_THROWS_AS(set_num_threads(0), ValueError);
  CHECK_THROWS_AS(set_num_threads(-3), ValueError);
}

namespace {

/// A directory with files where a system has its own.
struct System {
  tests::TemporaryDirectory place;
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = place.path() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  double quota() const { return cgroup_quota(place.path()); }
};

}  // namespace

TEST_CASE("cgroup_quota: the least of the group and those around it, of either version", "[parallel]") {
  const System system;
  CHECK(std::isinf(system.quota()));
  system.write("proc/self/cgroup", "1:name=systemd:/\n0::/user/job\n");
  CHECK(std::isinf(system.quota()));
  system.write("sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
  CHECK(std::isinf(system.quota()));
  system.write("sys/fs/cgroup/user/cpu.max", "250000 100000\n");
  CHECK(system.quota() == 2.5);
  system.write("sys/fs/cgroup/user/job/cpu.max", "50000 100000\n");
  CHECK(system.quota() == 0.5);
  system.write("proc/self/cgroup", "5:cpuset:/a\n4:cpu,cpuacct:/docker/b\n");  // a path that only the host sees
  CHECK(std::isinf(system.quota()));
  system.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  system.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK(std::isinf(system.quota()));
  system.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
  CHECK(system.quota() == 3);
}

TEST_CASE("choose_threads: HEED_NUM_THREADS, OMP_NUM_THREADS, the quota, the cores", "[parallel]") {
  const auto check = [](CpuShare share, const char* heed, const char* omp, int threads, const char* why) {
    const ThreadChoice choice = choose_threads(share, heed, omp);
    CAPTURE(why);
    CHECK(choice.threads == threads);
    CHECK_THAT(choice.why, Contains(why));
    CHECK(choice.complaints.empty());
  };
  check({.cores = 8}, nullptr, nullptr, 8, "the cores that this process may use");
  check({.cores = 8, .quota = 2.5}, nullptr, "", 2, "the cgroup's quota is 2.5 cores, of 8");
  check({.cores = 8, .quota = 0.5}, nullptr, nullptr, 1, "the cgroup's quota is 0.5 cores");
  check({.cores = 2, .quota = 4}, nullptr, nullptr, 2, "the cores");
  check({.cores = 8, .quota = 2}, nullptr, "4", 4, "OMP_NUM_THREADS is 4");
  check({.cores = 8}, nullptr, "4,2", 4, "OMP_NUM_THREADS is 4,2");
  check({.cores = 8}, "3", "4", 3, "HEED_NUM_THREADS is 3");
  check({.cores = 8}, "", "4", 4, "OMP_NUM_THREADS is 4");
}

TEST_CASE("choose_threads: a value that makes no sense is ignored, and said to be so", "[parallel]") {
  for (const char* value : {"0", "-1", "two", "2x", " ", "1.5", "1025", "99999999999999999999", ",2"}) {
    const ThreadChoice choice = choose_threads({.cores = 8}, value, "3");
    CHECK(choice.threads == 3);
    CHECK(choice.complaints ==
          fmt::format("heed: HEED_NUM_THREADS is '{}' and is ignored; need a whole number from 1 to 1024\n", value));
  }
  const ThreadChoice choice = choose_threads({.cores = 8}, "no", "none");
  CHECK(choice.threads == 8);
  CHECK_THAT(choice.complaints, Contains("HEED_NUM_THREADS is 'no'") && Contains("\nheed: OMP_NUM_THREADS is 'none'"));
}

TEST_CASE("heed info: what it runs on, and as many threads as the process may use", "[parallel][program]") {
  const tests::TemporaryDirectory place;
  const auto info = [&](const std::string& before, const char* flags = "") {
    return tests::run_program(place.path(), std::string("info ") + flags, before);
  };
  const auto cores = cpu_share();
  const tests::Finished plain = info("unset HEED_NUM_THREADS OMP_NUM_THREADS;");
  CHECK(plain.exit_code == 0);
  CHECK(plain.err.empty());
  CHECK_THAT(plain.out, Contains("heed ") && Contains("compiler: ") && Contains("SIMD: " + kernels::simd_target()) &&
                            Contains(" GFLOP/s a thread, ") && Contains("GiB") &&
                            Contains(fmt::format("threads: {} (", choose_threads(cores, nullptr, nullptr).threads)) &&
                            Contains("MPI: "));
  CHECK_THAT(info("OMP_NUM_THREADS=1").out, Contains("threads: 1 (OMP_NUM_THREADS is 1)"));
  CHECK_THAT(info("OMP_NUM_THREADS=1 HEED_NUM_THREADS=3").out, Contains("threads: 3 (HEED_NUM_THREADS is 3)"));
  CHECK_THAT(
      info("unset HEED_NUM_THREADS OMP_NUM_THREADS; taskset -pc $(taskset -pc $$ | sed 's/.*[:,-] *//') $$ >&2;").out,
      Contains("threads: 1 (the cores that this process may use)"));
  const tests::Finished nonsense = info("HEED_NUM_THREADS=many OMP_NUM_THREADS=1");
  CHECK(nonsense.err == "heed: HEED_NUM_THREADS is 'many' and is ignored; need a whole number from 1 to 1024\n");
  CHECK_THAT(nonsense.out, Contains("threads: 1 (OMP_NUM_THREADS is 1)"));
  const auto json = nlohmann::json::parse(info("HEED_NUM_THREADS=1", "--json").out);
  CHECK(json.at("threads") == 1);
  CHECK(json.at("gflop_per_s_of_a_thread") > 0);
}

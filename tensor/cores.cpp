#include <heed/tensor/cores.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>

#include <fmt/core.h>

namespace heed {
namespace {

constexpr int kMostThreads = 1024;

/// The cores' worth of time that the files of one group allow; infinity if they do not say.
double quota_of(const std::filesystem::path& group) {
  double quota = 0, period = 0;
  if (std::ifstream both(group / "cpu.max"); both >> quota >> period) return quota / period;  // "max 100000": neither
  std::ifstream time(group / "cpu.cfs_quota_us"), of(group / "cpu.cfs_period_us");
  if (time >> quota && of >> period && quota > 0 && period > 0) return quota / period;  // -1: no limit
  return INFINITY;
}

/// A whole number from 1 to kMostThreads at the start of a comma-separated list, or 0.
int first_number(std::string_view text) {
  text = text.substr(0, text.find(','));
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc() && end == text.data() + text.size() && n >= 1 && n <= kMostThreads ? n : 0;
}

}  // namespace

double cgroup_quota(const std::filesystem::path& root) {
  double least = INFINITY;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "4:cpu,cpuacct:/a/b" (v1) or "0::/a/b" (v2)
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const bool unified = controllers == ",,";
    if (!unified && controllers.find(",cpu,") == controllers.npos) continue;
    const std::filesystem::path mount = root / (unified ? "sys/fs/cgroup" : "sys/fs/cgroup/cpu");
    // A container may see its own group as the root, and its path only outside.
    for (std::filesystem::path group = line.substr(second + 1);; group = group.parent_path()) {
      least = std::min(least, quota_of(mount / group.relative_path()));
      if (!group.has_relative_path()) break;
    }
  }
  return least;
}

CpuShare cpu_share() {
  CpuShare share{.cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency())), .quota = cgroup_quota()};
  if (cpu_set_t mask; sched_getaffinity(0, sizeof mask, &mask) == 0) share.cores = std::max(1, CPU_COUNT(&mask));
  return share;
}

ThreadChoice choose_threads(const CpuShare& share, const char* heed_num_threads, const char* omp_num_threads) {
  std::string complaints;
  for (const auto& [name, value] :
       {std::pair("HEED_NUM_THREADS", heed_num_threads), std::pair("OMP_NUM_THREADS", omp_num_threads)}) {
    if (!value || !*value) continue;
    if (const int n = first_number(value)) return {n, fmt::format("{} is {}", name, value), complaints};
    complaints +=
        fmt::format("heed: {} is '{}' and is ignored; need a whole number from 1 to {}\n", name, value, kMostThreads);
  }
  // Of a part of a core a thread would only wait, and the others for it.
  if (share.quota < share.cores)
    return {
        std::max(1, static_cast<int>(share.quota)),
        fmt::format("the cgroup's quota is {:.3g} cores, of {} that this process may use", share.quota, share.cores),
        complaints};
  return {share.cores, "the cores that this process may use", complaints};
}

Cores::Cores() {
  if (sched_getaffinity(0, sizeof allowed_, &allowed_) != 0) CPU_ZERO(&allowed_);
}

int Cores::current() { return sched_getcpu(); }

bool Cores::keep_off(int core, pthread_t thread) const {
  cpu_set_t others = allowed_;
  CPU_CLR(core, &others);
  return CPU_COUNT(&others) > 0 && pthread_setaffinity_np(thread, sizeof others, &others) == 0;
}

void Cores::move_to(int core, pthread_t thread) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  pthread_setaffinity_np(thread, sizeof one, &one);
}

std::chrono::nanoseconds Cores::cpu_time(pthread_t thread) {
  clockid_t clock;
  timespec time{};
  if (pthread_getcpuclockid(thread, &clock) == 0) clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace heed

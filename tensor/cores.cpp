#include <heed/tensor/cores.h>

#include <ctime>

namespace heed {

#ifdef __linux__

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

#else

Cores::Cores() = default;
int Cores::current() { return -1; }
bool Cores::keep_off(int, pthread_t) const { return false; }
void Cores::move_to(int, pthread_t) {}
std::chrono::nanoseconds Cores::cpu_time(pthread_t) { return {}; }

#endif

}  // namespace heed

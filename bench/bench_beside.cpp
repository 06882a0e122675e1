// The cases of beside.py in heed: the least time of each, forward and with its gradients.
// Usage: bench_beside THREADS [NAME]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <string>
#include <vector>

#include <heed.h>

using namespace heed;

namespace {

using List = std::vector<Tensor>;

int threads = 1;
std::string part;

/// Processor time of one thread, as others' work changes it least.
double seconds() {
  timespec now;
  clock_gettime(threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

template <class F>
double least(F f) {
  double best = INFINITY, total = 0;
  for (int n = 0; n < 3 || (total < 0.12 && n < 2000); ++n) {
    const double start = seconds();
    f();
    const double taken = seconds() - start;
    best = std::min(best, taken), total += taken;
  }
  return best * 1e3;
}

template <class F>
void measure(const char* name, const List& operands, bool differentiable, F f) {
  if (std::string(name).find(part) == std::string::npos) return;
  double forward, both = 0;
  {
    const NoGrad guard;
    forward = least([&] { f(operands); });
  }
  if (differentiable) {
    List leaves;
    for (const Tensor& x : operands) leaves.push_back(x.clone().set_requires_grad());
    Rng rng(1);
    const Tensor g = randn(f(leaves).shape(), rng);
    both = least([&] { grad({f(leaves)}, leaves, {.seeds = {g}}); });
  }
  fmt::print("{} {:.4f} {:.4f}\n", name, forward, both);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) threads = std::stoi(argv[1]);
  if (argc > 2) part = argv[2];
  set_num_threads(threads);
  const int64_t N = 1024;
  Rng rng(1);
  static Rng drawn(2);
#include "beside_cases.inc"
}

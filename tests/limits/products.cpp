// Products on many threads at once, for memory_limits.sh: prints their sum, or the error that any of them met.
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include <heed/autograd/ops.h>

using namespace heed;

namespace {

constexpr int64_t kSize = 300;
constexpr int kThreads = 2;

/// Through one product by the pool's threads and one a thread of the program's own.
void run(std::string& complaint) {
  try {
    const Tensor a = ones({kSize, kSize});
    const double sum = matmul(a, a).sum().item<double>();
    if (sum != kSize * kSize * kSize) complaint = "wrong";
  } catch (const std::exception& error) {
    complaint = error.what();
  }
}

}  // namespace

int main() {
  std::vector<std::string> complaints(kThreads + 1);
  try {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back([&complaints, i] { run(complaints[i]); });
    run(complaints[kThreads]);
  } catch (const std::exception& error) {
    complaints[kThreads] = error.what();
  }
  for (const std::string& complaint : complaints)
    if (!complaint.empty()) return std::puts(complaint.c_str()), complaint == "wrong" ? 2 : 1;
  std::puts("result");
}

// Kernels still run while the program's statics are torn down: this one is made first, and so destroyed last.
#include <cstdio>
#include <cstdlib>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>

namespace {

using namespace heed;

/// The sum of the gradient of sum(x x) at x full of ones.
double gradient_sum() {
  const Tensor x = ones({300, 300}).set_requires_grad();
  matmul(x, x).sum().backward();
  return x.grad().sum().item<double>();
}

const struct Last {
  ~Last() {
    const bool right = gradient_sum() == 2.0 * 300 * 300 * 300;
    std::printf("%d passed, %d failed, 0 skipped\n", right ? 1 : 0, right ? 0 : 1);
    std::fflush(stdout);
    if (!right) std::_Exit(1);
  }
} last;

}  // namespace

int main() { return gradient_sum() > 0 ? 0 : 1; }

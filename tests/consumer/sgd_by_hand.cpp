// Gradient descent without an optimiser: a line through noisy points.
#include <heed.h>

#include <cmath>

using namespace heed;

int main() {
  Rng rng(1);
  const Tensor x = randn({64, 1}, rng), y = x * 3 - 2 + randn({64, 1}, rng) * 0.1;
  Tensor w = zeros({1, 1}).set_requires_grad(), b = zeros({1}).set_requires_grad();
  for (int step = 0; step < 200; ++step) {
    mse_loss(matmul(x, w) + b, y).backward();
    for (Tensor* p : {&w, &b}) {
      p->assign(p->detach() - p->grad() * 0.1);
      p->zero_grad();
    }
  }
  fmt::print("y = {:.2f} x + {:.2f}\n", w.item<double>(), b.item<double>());
  return std::abs(w.item<double>() - 3) < 0.1 && std::abs(b.item<double>() + 2) < 0.1 ? 0 : 1;
}

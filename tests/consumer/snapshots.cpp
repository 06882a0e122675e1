// The average of the last snapshots of a run, where single steps are noisy.
#include <heed.h>
using namespace heed;

int main() {
  Rng rng(3);
  const Tensor x = randn({256, 4}, rng), y = matmul(x, tensor({{1.}, {-2.}, {3.}, {0.5}}));
  nn::Parameters params(rng);
  nn::Linear model(params, 4, 1);
  train::SGD optimizer(params, {.lr = 0.05});
  std::vector<Tensor> snapshots;
  for (int step = 0; step < 300; ++step) {
    const Tensor pick = randint(0, 256, {2}, rng);
    mse_loss(model(x(pick)) + randn({2, 1}, rng), y(pick)).backward();
    optimizer.step();
    optimizer.zero_grad();
    if (step >= 200) snapshots.push_back(model.weight.clone().detach());
  }
  const double single = mse_loss(model(x), y).item<double>();
  params.set("weight", stack(snapshots, 0).mean(0));
  const double averaged = mse_loss(model(x), y).item<double>();
  fmt::print("error of the last step {:.4f}, of the average {:.4f}\n", single, averaged);
  return averaged < single ? 0 : 1;
}

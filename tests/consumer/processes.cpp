// A line through noisy points, fitted by one process, or by those that mpirun starts where heed was built for MPI.
#include <heed.h>

using namespace heed;

int main() {
  train::Distributed world;
  nn::Parameters params(1);
  nn::Linear line(params / "line", 1, 1);
  train::SGD optimizer(params, {.lr = 0.1});
  world.share(params);
  Rng rng(1);
  const Tensor x = randn({64, 1}, rng), y = x * 3 - 2 + randn({64, 1}, rng) * 0.1;
  double error = 0;
  for (int step = 0; step < 200; ++step) {
    Tensor loss = mse_loss(line(world.part(x)), world.part(y));
    loss.backward();
    error = world.wait(loss.item<double>());
    optimizer.step();
    optimizer.zero_grad();
  }
  if (world.rank() == 0) fmt::print("error {:.4f}, processes {}\n", error, world.size());
  return error < 0.02 ? 0 : 1;
}

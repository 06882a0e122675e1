// The GPT of the README, on a text of its own: its loss must fall far below that of guessing.
#include <heed.h>

#include <cmath>
#include <fstream>

using namespace heed;

int main() {
  {
    std::ofstream text("input.txt");
    for (int i = 0; i < 200; ++i) text << "to heed is to pay attention. ";
  }
  auto corpus = train::Corpus::from_file("input.txt");
  nn::Parameters params(1337);
  models::Gpt gpt(params, {.vocabulary = corpus.vocabulary(), .context = 16, .layers = 2, .heads = 2, .channels = 32});
  train::AdamW optimizer(params, {.lr = 3e-3, .weight_decay = 0.1});
  double last = 0;
  for (int step = 0; step < 200; ++step) {
    auto [x, y] = corpus.batch(4, 16, params.rng());
    Tensor loss = cross_entropy(gpt(x), y);
    loss.backward();
    train::clip_grad_norm(params, 1.0);
    optimizer.step();
    optimizer.zero_grad();
    last = loss.item<double>();
  }
  params.save("gpt.safetensors");
  const double guessing = std::log(static_cast<double>(corpus.vocabulary()));
  fmt::print("loss {:.3f}, guessing gives {:.3f}\n", last, guessing);
  return last < 0.3 * guessing ? 0 : 1;
}

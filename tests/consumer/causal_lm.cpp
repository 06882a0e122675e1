// A causal language model on one tensor of tokens: all but the last predict all but the first.
#include <heed.h>

#include <cmath>

using namespace heed;

int main() {
  nn::Parameters params(1337);
  models::Gpt gpt(params, {.vocabulary = 10, .context = 8, .layers = 1, .heads = 2, .channels = 32});
  train::AdamW optimizer(params, {.lr = 3e-3});
  double last = 0;
  for (int step = 0; step < 200; ++step) {
    const Tensor start = randint(0, 10, {16, 1}, params.rng()), run = start + arange(9);  // counting up, from anywhere
    const Tensor x = where(ge(run, 10), run - 10, run);
    const Tensor logits = gpt(x(all, slice(0, -1)));
    const Tensor loss = cross_entropy(logits, x(all, slice(1, none)));
    loss.backward();
    optimizer.step();
    optimizer.zero_grad();
    last = loss.item<double>();
  }
  fmt::print("{} tokens of {}\n", arange(9).dtype(), Shape{16, 9});
  fmt::print("loss {:.3f}, guessing gives {:.3f}\n", last, std::log(10.0));
  return last < 0.3 ? 0 : 1;
}

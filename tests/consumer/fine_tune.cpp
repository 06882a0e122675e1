// Fine-tuning with half of the model frozen: embeddings and the first block stay as they are.
#include <heed.h>
using namespace heed;

int main() {
  auto corpus = train::Corpus::from_file("input.txt");
  nn::Parameters params(7);
  models::Gpt gpt(params, {.vocabulary = corpus.vocabulary(), .context = 16, .layers = 2, .heads = 2, .channels = 32});
  params.load("gpt.safetensors");
  for (const char* part : {"wte", "wpe", "h.0"}) params.freeze(part);
  const Tensor frozen = params.at("h.0.mlp.c_fc.weight").clone();
  train::AdamW optimizer(params, {.lr = 1e-3}, {{"h.1.*", {.lr = 3e-3}}});
  double first = 0, last = 0;
  for (int step = 0; step < 50; ++step) {
    auto [x, y] = corpus.batch(4, 16, params.rng());
    Tensor loss = cross_entropy(gpt(x), y);
    loss.backward();
    optimizer.step();
    optimizer.zero_grad();
    (step == 0 ? first : last) = loss.item<double>();
  }
  const double moved = (params.at("h.0.mlp.c_fc.weight") - frozen).norm().item<double>();
  fmt::print("loss {:.3f} -> {:.3f}, the frozen block moved by {}\n", first, last, moved);
  return last < first && moved == 0 ? 0 : 1;
}

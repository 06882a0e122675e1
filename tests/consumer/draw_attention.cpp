// What every layer of a GPT looks at, drawn head by head as SVG.
#include <heed.h>
using namespace heed;

int main() {
  auto corpus = train::Corpus::from_file("input.txt");
  nn::Parameters params(1);
  models::Gpt gpt(params, {.vocabulary = corpus.vocabulary(), .context = 16, .layers = 2, .heads = 2, .channels = 32});
  params.load("gpt.safetensors");
  auto [x, y] = corpus.batch(1, 12, params.rng());
  nn::WatchAttention seen;
  gpt(x);
  for (const auto& [layer, weights] : seen.looks())  // (1, H, T, T)
    for (int64_t head = 0; head < weights.size(1); ++head)
      train::save_svg(fmt::format("{}.{}.svg", layer, head),
                      {.title = fmt::format("{}, head {}", layer, head), .values = weights(0, head)});
  const double future = triu(seen["h.1.attn"], 1).sum().item<double>();
  fmt::print("{} layers drawn, {} of the weights lies in the future\n", seen.looks().size(), future);
  return seen.looks().size() == 2 && future == 0 ? 0 : 1;
}

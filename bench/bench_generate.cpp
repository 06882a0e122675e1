// Tokens a second that a GPT writes, greedily and alone: with the keys and values of what it has read kept, and with
// the whole text read anew for each token.
#include <chrono>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "heed.h"

using namespace heed;

namespace {

// nanoGPT's train_shakespeare_char, as in bench_step's "baby".
constexpr models::GptConfig kBaby{
    .vocabulary = 65, .context = 256, .layers = 6, .heads = 6, .channels = 384, .bias = false, .gelu = Gelu::erf};

Tensor with_cache(const models::Gpt& gpt, int64_t tokens, Rng& rng) {
  return models::sample(gpt, zeros({1, 1}, i64), {.tokens = tokens, .temperature = 0}, rng);
}

Tensor without_cache(const models::Gpt& gpt, int64_t tokens) {
  const NoGrad no_grad;
  Tensor text = zeros({1, 1}, i64);
  for (int64_t i = 0; i < tokens; ++i) {
    const Tensor logits = gpt(text).select(1, text.size(1) - 1);
    text = cat({text, logits.argmax(-1, true)}, 1);
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times generation by the baby GPT; the last line is one JSON object.");
  int64_t tokens = kBaby.context - 1;
  int threads = num_threads(), times = 5;
  app.add_option("--tokens", tokens, "to write behind one of prompt")->check(CLI::Range(int64_t{1}, kBaby.context - 1));
  app.add_option("--threads", threads, "threads")->check(CLI::PositiveNumber);
  app.add_option("--times", times, "the best of so many counts")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  set_num_threads(threads);
  Rng rng(1);
  nn::Parameters params(rng);
  const models::Gpt gpt(params, kBaby);
  const nn::EvalMode eval;
  const auto rate = [&](const auto& write) {
    double best = 1e9;
    for (int i = 0; i < times; ++i) {
      const auto start = std::chrono::steady_clock::now();
      write();
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return double(tokens) / best;
  };
  const bool equal =
      with_cache(gpt, tokens, rng).to_vector<int64_t>() == without_cache(gpt, tokens).to_vector<int64_t>();
  const double cached = rate([&] { with_cache(gpt, tokens, rng); }), anew = rate([&] { without_cache(gpt, tokens); });
  const nlohmann::ordered_json result = {{"config", "baby"},
                                         {"threads", threads},
                                         {"tokens", tokens},
                                         {"cached_tokens_per_s", cached},
                                         {"uncached_tokens_per_s", anew},
                                         {"same_text", equal}};
  fmt::print("{}\n", result.dump());
  return equal ? 0 : 1;
}

// Tokens a second that a GPT writes greedily: with keys and values of what it has read kept, and with the whole text
// read anew for each token.
#include <chrono>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <heed.h>

using namespace heed;

namespace {

// nanoGPT's train_shakespeare_char, as in bench_step's "baby".
constexpr models::GptConfig kBaby{
    .vocabulary = 65, .context = 256, .layers = 6, .heads = 6, .channels = 384, .bias = false, .gelu = Gelu::erf};

Tensor with_cache(const models::Gpt& gpt, int64_t samples, int64_t tokens, Rng& rng) {
  return models::sample(gpt, zeros({samples, 1}, i64), {.tokens = tokens, .temperature = 0}, rng);
}

Tensor without_cache(const models::Gpt& gpt, int64_t samples, int64_t tokens) {
  const NoGrad no_grad;
  Tensor text = zeros({samples, 1}, i64);
  for (int64_t i = 0; i < tokens; ++i) {
    const Tensor logits = gpt(text).select(1, text.size(1) - 1);
    text = cat({text, logits.argmax(-1, true)}, 1);
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times generation by the baby GPT; the last line is one JSON object.");
  int64_t tokens = kBaby.context - 1, samples = 1;
  std::string weights = "f32";
  bool only_cached = false;
  int threads = num_threads(), times = 5;
  app.add_option("--tokens", tokens, "to write behind one of prompt")->check(CLI::Range(int64_t{1}, kBaby.context - 1));
  app.add_option("--samples", samples, "texts at once")->check(CLI::PositiveNumber);
  app.add_option("--weights", weights, "f32, bf16 or q8")->check(CLI::IsMember({"f32", "bf16", "q8"}));
  app.add_flag("--only-cached", only_cached, "leave out what takes longest");
  app.add_option("--threads", threads, "threads")->check(CLI::PositiveNumber);
  app.add_option("--times", times, "the best of so many counts")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  set_num_threads(threads);
  Rng rng(1);
  nn::Parameters params(rng);
  const models::Gpt gpt = models::Gpt(params, kBaby).compressed(weights_named(weights));
  const nn::EvalMode eval;
  const auto rate = [&](const auto& write) {
    double best = 1e9;
    for (int i = 0; i < times; ++i) {
      const auto start = std::chrono::steady_clock::now();
      write();
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return double(samples * tokens) / best;
  };
  nlohmann::ordered_json result = {
      {"config", "baby"}, {"threads", threads}, {"weights", weights}, {"samples", samples}, {"tokens", tokens}};
  result["cached_tokens_per_s"] = rate([&] { with_cache(gpt, samples, tokens, rng); });
  bool equal = true;
  if (!only_cached) {
    result["uncached_tokens_per_s"] = rate([&] { without_cache(gpt, samples, tokens); });
    equal = with_cache(gpt, samples, tokens, rng).to_vector<int64_t>() ==
            without_cache(gpt, samples, tokens).to_vector<int64_t>();
    result["same_text"] = equal;
  }
  fmt::print("{}\n", result.dump());
  return equal ? 0 : 1;
}

// Lesson 14: from GPT-2 to today, one piece at a time, with equal parameters and tokens.
#include <algorithm>
#include <chrono>
#include <numeric>

#include "equal_size.h"

using namespace heed;

namespace {

constexpr int64_t kBatch = 12, kSeeds = 3;
constexpr double kLr = 1e-3;

struct Piece {
  std::string name;
  std::function<void(models::GptConfig&)> change;
  bool muon = false;
};

/// What changed between 2019 and today. Each is added to GPT-2 alone, the last are all of them.
std::vector<Piece> pieces() {
  using models::GptConfig;
  const auto modern = [](GptConfig& c) {
    c.bias = false, c.norm = models::Norm::rms, c.positions = models::Positions::rope,
    c.mlp = models::Mlp::swiglu;
    c.qk_norm = nn::QkNorm::weighted, c.kv_heads = 2;
  };
  return {
      {"GPT-2", [](GptConfig&) {}},
      {"no biases", [](GptConfig& c) { c.bias = false; }},
      {"RMSNorm", [](GptConfig& c) { c.norm = models::Norm::rms; }},
      {"rotary positions", [](GptConfig& c) { c.positions = models::Positions::rope; }},
      {"SwiGLU", [](GptConfig& c) { c.mlp = models::Mlp::swiglu; }},
      {"ReLU squared", [](GptConfig& c) { c.mlp = models::Mlp::relu2; }},
      {"norms of q and k", [](GptConfig& c) { c.qk_norm = nn::QkNorm::weighted; }},
      {"2 heads of k, v for 4", [](GptConfig& c) { c.kv_heads = 2; }},
      {"Muon", [](GptConfig&) {}, true},
      {"all, with SwiGLU", modern},
      {"all, and Muon", modern, true},
  };
}

std::unique_ptr<train::Optimizer> optimizer_of(const nn::Parameters& params, bool muon) {
  const train::AdamWOptions adam{.lr = kLr, .beta2 = 0.99, .weight_decay = 0.1};
  if (!muon) return std::make_unique<train::AdamW>(params, adam);
  const train::MuonOptions options{.lr = kLr, .adjust = train::MuonOptions::match_rms_adamw, .adam = adam};
  return std::make_unique<train::Muon>(params, options, train::ParameterGroups{{"w[tp]e*", {.adam = true}}});
}

/// Trains a GPT on windows that the seed alone decides: its loss over the validation text, or so much of it,
/// in nats a character, and the median time of a step.
std::pair<double, double> trained(const models::GptConfig& config, bool muon, const train::Corpus& corpus,
                                  int64_t steps, uint64_t seed, int64_t most) {
  Rng windows(seed);
  nn::Parameters params(seed);
  const models::Gpt gpt(params, config);
  const auto optimizer = optimizer_of(params, muon);
  const train::Schedule lr = train::warmup_cosine(
      {.lr = kLr, .min_lr = kLr / 10, .warmup = std::min<int64_t>(100, steps / 10), .decay_steps = steps});
  std::vector<double> times;
  lesson::Watch watch(steps);
  for (int64_t step = 0; step < steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    optimizer->set_lr(lr(step));
    const auto [x, y] = corpus.batch(kBatch, config.context, windows);
    const Tensor loss = cross_entropy(gpt(x), y);
    loss.backward();
    train::clip_grad_norm(params, 1.0);
    optimizer->step();
    optimizer->zero_grad();
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    watch.step(loss.item<double>());
  }
  std::ranges::nth_element(times, times.begin() + std::ssize(times) / 2);
  const NoGrad no_grad;
  double sum = 0;
  int64_t n = 0;
  for (const auto& [x, y] : corpus.windows(64, config.context)) {
    sum += cross_entropy(gpt(x), y).item<double>() * double(y.numel()), n += y.numel();
    if (n > most) break;
  }
  return {sum / double(n), times[times.size() / 2]};
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(argc, argv, "Lesson 14: from GPT-2 to today", [](lesson::Lesson& l) {
    l.heading("What is held equal");
    Rng rng(l.seed());
    const auto [text, bible] = train::default_text(rng, l.budget(0, 300000));
    const train::Corpus corpus = train::Corpus::from_text(text);
    const models::GptConfig gpt2{
        .vocabulary = corpus.vocabulary(), .context = 64, .layers = 4, .heads = 4, .channels = 128};
    const int64_t parameters = models::parameter_count(gpt2), steps = l.budget(2000, 20),
                  seeds = l.budget(kSeeds, 1);
    fmt::print("{}: {} characters; {} parameters, {} steps of {} windows of {}, {} seeds\n",
               bible ? "The King James Bible" : "Stories from the grammar", text.size(), parameters, steps,
               kBatch, gpt2.context, seeds);

    l.heading("One piece at a time");
    fmt::print("{:<22} {:>10} {:>8}   {:<24} {:>9} {:>8}\n", "", "parameters", "loss", "of each seed",
               "to GPT-2", "ms/step");
    std::vector<double> first;  // GPT-2's losses, by seed
    double largest_change = 0, modern = 0, apart = 0, first_time = 0;
    std::vector<std::vector<std::string>> table = {
        {"", "parameters", "loss, mean of three seeds", "of each seed", "to GPT-2", "ms a step"}};
    const std::vector<Piece> all_pieces = pieces();
    for (size_t i = 0; i < all_pieces.size(); ++i) {
      const auto& [name, change, muon] = all_pieces[i];
      models::GptConfig config = gpt2;
      change(config);
      config = lesson::of_size(config, parameters);
      const int64_t count = models::parameter_count(config);
      largest_change = std::max(largest_change, std::abs(double(count - parameters)) / double(parameters));
      std::vector<double> losses, times, gains;
      for (int64_t s = 0; s < seeds; ++s) {
        const auto [loss, time] =
            trained(config, muon, corpus, steps, l.seed() + uint64_t(s), l.budget(200000, 5000));
        losses.push_back(loss), times.push_back(time);
        gains.push_back(loss - (i == 0 ? loss : first[size_t(s)]));
      }
      if (i == 0) first = losses;
      apart = std::max(apart, *std::ranges::max_element(losses) - *std::ranges::min_element(losses));
      const auto mean = [](const std::vector<double>& x) {
        return std::accumulate(x.begin(), x.end(), 0.) / double(x.size());
      };
      modern = mean(gains);
      const double time = *std::ranges::min_element(times);
      if (i == 0) first_time = time;
      std::string each;
      for (const double loss : losses) each += fmt::format("{:.4f}  ", loss);
      fmt::print("{:<22} {:>10} {:>8.4f}   {:<24} {:>+9.4f} {:>8.1f}\n", name, count, mean(losses), each,
                 mean(gains), time);
      table.push_back({name, lesson::grouped(count), fmt::format("{:.4f}", mean(losses)), each,
                       fmt::format("{:+.4f}", mean(gains)), fmt::format("{:.1f}", time)});
      l.page(name + ": gain", fmt::format("{:.{}f}", std::abs(modern), std::abs(modern) < 0.01 ? 3 : 2));
      l.page(name + ": time", fmt::format("{:.1f}", time / first_time));
    }
    l.page("results", table);
    l.page("apart", fmt::format("{:.3f}", apart));
    l.heading("What to expect");
    l.expect("largest difference of parameters, of all", largest_change, 0, 0.01);
    const bool wide = l.quick() || !bible;
    l.expect("all together, beside GPT-2, in nats", modern, wide ? -1.0 : -0.4, wide ? 1.0 : -0.15);
  });
}

// Times whole training steps: forward, backward, clip at norm 1.0, AdamW (gpt) or Adam, zero grad, on random tokens.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <heed.h>
#include <heed/autograd/check/profile.h>
#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/parallel.h>

using namespace heed;
using Clock = std::chrono::steady_clock;

namespace {

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Of all threads of this process so far.
double cpu_milliseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& t) { return double(t.tv_sec) * 1e3 + double(t.tv_usec) * 1e-3; };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

int64_t peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

/// A model with its optimiser and one batch.
struct Workload {
  std::function<Tensor()> loss;
  std::unique_ptr<train::Optimizer> optimizer;
  double flops;    // of one step
  int64_t tokens;  // of one step
};

struct GptSize {
  int64_t B, T, L, H, C, V;
  int64_t kv_heads = 0;  // 0: as many as heads
  std::optional<int64_t> window = {};
};
const std::map<std::string, GptSize> kGpt = {
    {"micro", {4, 32, 2, 2, 32, 65}},        // all overhead: how dear is one op?
    {"cpu", {12, 64, 4, 4, 128, 65}},        // nanoGPT's run for a laptop
    {"baby", {64, 256, 6, 6, 384, 65}},      // nanoGPT's train_shakespeare_char
    {"long", {1, 4096, 4, 4, 128, 65}},      // attention dominates
    {"gpt2", {1, 512, 12, 12, 768, 50304}},  // GPT-2 124M, one short sequence
    {"full", {1, 4096, 4, 8, 256, 65}},      // long with more heads, beside
    {"gqa", {1, 4096, 4, 8, 256, 65, 2}},    // groups of four that read one head of keys and values, and
    {"window", {1, 4096, 4, 8, 256, 65, 2, 512}},
};

Workload gpt(GptSize s, nn::Parameters& params, Rng& rng) {
  auto model = std::make_shared<models::Gpt>(params, models::GptConfig{.vocabulary = s.V,
                                                                       .context = s.T,
                                                                       .layers = s.L,
                                                                       .heads = s.H,
                                                                       .channels = s.C,
                                                                       .bias = false,
                                                                       .gelu = Gelu::erf,
                                                                       .kv_heads = s.kv_heads,
                                                                       .window = s.window});
  const Tensor x = randint(0, s.V, {s.B, s.T}, rng), y = randint(0, s.V, {s.B, s.T}, rng);
  const int64_t n = params.numel() - s.T * s.C;                        // positions are no part of a product
  const int64_t keys = s.window ? std::min(2 * *s.window, s.T) : s.T;  // twice what a query sees on average
  return {.loss = [model, x, y] { return cross_entropy((*model)(x), y); },
          .optimizer = std::make_unique<train::AdamW>(
              params, train::AdamWOptions{.lr = 1e-3, .beta2 = 0.99, .weight_decay = 0.1}),
          .flops = double((6 * n + 12 * s.L * s.C * keys) * s.B * s.T),
          .tokens = s.B * s.T};
}

// Batch, source and target length, vocabulary of the translators.
constexpr int64_t kB = 64, kS = 20, kT = 20, kV = 4000;

Workload seq2seq(bool attention, nn::Parameters& params, Rng& rng) {
  constexpr int64_t E = 128, H = 256;
  const int64_t D = attention ? 2 * H : H;
  auto model = std::make_shared<models::Seq2Seq>(
      params,
      models::Seq2SeqConfig{
          .source_vocabulary = kV, .target_vocabulary = kV, .embedding = E, .hidden = H, .attention = attention});
  const Tensor x = randint(0, kV, {kB, kS}, rng), y = randint(0, kV, {kB, kT}, rng);
  const int64_t encoder = kS * (E * 3 * H + H * 3 * H) * (attention ? 2 : 1);
  const int64_t decoder = kT * ((E + D) * 3 * H + H * 3 * H + (H + D + E) * kV);
  const int64_t scores = attention ? kS * D * H + kT * (H * H + kS * (H + D)) : 0;
  return {.loss = [model, x, y] { return cross_entropy((*model)(x, {}, y), y); },
          .optimizer = std::make_unique<train::Adam>(params, train::AdamOptions{.lr = 1e-3}),
          .flops = 6.0 * double(kB * (encoder + decoder + scores)),
          .tokens = kB * (kS + kT)};
}

Workload transformer(nn::Parameters& params, Rng& rng) {
  const models::TransformerConfig c{.source_vocabulary = kV,
                                    .target_vocabulary = kV,
                                    .context = 64,
                                    .layers = 3,
                                    .heads = 4,
                                    .channels = 256,
                                    .feedforward = 1024,
                                    .dropout = 0};
  auto model = std::make_shared<models::Transformer>(params, c);
  const Tensor x = randint(0, kV, {kB, kS}, rng), y = randint(0, kV, {kB, kT}, rng);
  const int64_t C = c.channels, F = c.feedforward;
  const int64_t layer = c.layers * (kS * (4 * C * C + 2 * C * F + 2 * kS * C) +
                                    kT * (6 * C * C + 2 * C * F + 2 * (kT + kS) * C) + kS * 2 * C * C);
  return {.loss = [model, x, y] { return cross_entropy((*model)(x, {}, y), y); },
          .optimizer = std::make_unique<train::Adam>(params, train::AdamOptions{.lr = 1e-3}),
          .flops = 6.0 * double(kB * (layer + kT * C * kV)),
          .tokens = kB * (kS + kT)};
}

void step(Workload& work, const nn::Parameters& params, Profile* profile = nullptr) {
  Tensor loss = work.loss();
  loss.backward();
  if (profile) profile->mark("(other)");
  const double scale = train::clip_scale(train::grad_norm(params), 1.0);
  if (profile) profile->mark("clip");
  work.optimizer->step(scale);
  if (profile) profile->mark("optimizer");
  work.optimizer->zero_grad();
}

/// What replaces a GPT's sizes, where it is above 0.
struct Sizes {
  int64_t context = 0, layers = 0, channels = 0;
};

Workload workload(const std::string& model, const std::string& config, const Sizes& sizes, nn::Parameters& params,
                  Rng& rng) {
  if (model == "gpt" && kGpt.contains(config)) {
    GptSize s = kGpt.at(config);
    if (sizes.context > 0) s.T = sizes.context;
    if (sizes.layers > 0) s.L = sizes.layers;
    if (sizes.channels > 0) s.C = sizes.channels;
    return gpt(s, params, rng);
  }
  if (model == "seq2seq" && (config == "none" || config == "additive"))
    return seq2seq(config == "additive", params, rng);
  if (model == "transformer" && config == "small") return transformer(params, rng);
  throw CLI::ValidationError(
      "--config",
      "no " + model + " is called " + config +
          "; there are gpt micro, cpu, baby, long, gpt2, full, gqa, window; seq2seq none, additive; transformer small");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times training steps; the last line of --json is one object.");
  std::string model = "gpt", config = "cpu", precision_name = "f32";
  int threads = num_threads(), steps = 30;
  bool json = false;
  Sizes sizes;
  app.add_option("--model", model, "gpt, seq2seq or transformer")
      ->check(CLI::IsMember({"gpt", "seq2seq", "transformer"}));
  app.add_option("--config", config,
                 "gpt: micro cpu baby long gpt2 full gqa window; seq2seq: none additive; transformer: small");
  app.add_option("--context", sizes.context, "of a gpt, in place of its config's")->check(CLI::PositiveNumber);
  app.add_option("--layers", sizes.layers, "likewise")->check(CLI::PositiveNumber);
  app.add_option("--channels", sizes.channels, "likewise")->check(CLI::PositiveNumber);
  app.add_option("--threads", threads, "threads")->check(CLI::PositiveNumber);
  app.add_option("--precision", precision_name, "what products read: f32, bf16, or auto, bf16 where there is any");
  app.add_option("--steps", steps, "timed steps, after 3 that warm up")->check(CLI::PositiveNumber);
  app.add_flag("--json", json, "print one JSON object on stdout; the profile goes to stderr");
  try {
    app.parse(argc, argv);
    set_num_threads(threads);
    const Precision precision(products_named(precision_name));
    const bool bf16 = products() == Products::bf16;
    Rng rng(1);
    nn::Parameters params(rng);
    Workload work = workload(model, config, sizes, params, rng);
    for (int i = 0; i < 3; ++i) step(work, params);
    const int64_t system_calls = memory_stats().system_calls;
    std::vector<double> ms;
    const double cpu_start = cpu_milliseconds();
    for (int i = 0; i < steps; ++i) {
      const auto start = Clock::now();
      step(work, params);
      ms.push_back(milliseconds_since(start));
    }
    const double cpu_ms = (cpu_milliseconds() - cpu_start) / steps;
    const int64_t asked = memory_stats().system_calls - system_calls, peak = peak_mib();
    std::sort(ms.begin(), ms.end());
    const double median = ms.size() % 2 ? ms[ms.size() / 2] : (ms[ms.size() / 2 - 1] + ms[ms.size() / 2]) / 2;

    Profile profile;
    step(work, params, &profile);
    fmt::print(stderr, "{}\n", profile.table());

    const auto speed = [](Products products) {
      const Precision of_it(products);
      return kernels::gemm_gflop_per_s();
    };
    const double sgemm = speed(Products::f32), peak_speed = bf16 ? speed(Products::bf16) : sgemm;
    const double ideal = work.flops / (peak_speed * 1e6);
    const nlohmann::ordered_json result = {{"model", model},
                                           {"config", config},
                                           {"precision", bf16 ? "bf16" : "f32"},
                                           {"threads", threads},
                                           {"median_ms", median},
                                           {"min_ms", ms[0]},
                                           {"cpu_ms", cpu_ms},
                                           {"tokens_per_s", double(work.tokens) / median * 1e3},
                                           {"peak_mib", peak},
                                           {"gflop_per_step", work.flops * 1e-9},
                                           {"sgemm_gflop_per_s", sgemm},
                                           {"gemm_gflop_per_s", peak_speed},
                                           {"efficiency", ideal / median},
                                           {"memory_requests_after_step_3", asked}};
    if (json) fmt::print("{}\n", result.dump());
    else fmt::print("{}\n", result.dump(2));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const Error& error) {
    fmt::print(stderr, "bench_step: {}\n", error.what());
    return 1;
  }
}

// One training step of each model in PyTorch, from the same weights: tests/oracle/models.py.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/models/gpt.h>
#include <heed/models/seq2seq.h>
#include <heed/models/transformer.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "difference.h"
#include "skip.h"

using namespace heed;
using nn::Cell;

namespace {

// Of a tensor's largest magnitude. f32: some hundred sums of rounding error 6e-8 each; f64: the same of
// 1e-16.
constexpr double kF32Tol = 1e-5, kF64Tol = 1e-12;

/// A model with random weights, the inputs of one step, and what the oracle must know to build the same
/// model.
struct Case {
  std::string name;
  std::string config;                                                                         // JSON
  std::function<std::function<Tensor()>(nn::Parameters&, NamedTensors& inputs, Rng&)> build;  // -> its logits
  double label_smoothing = 0;
  double growth = 1;  // of the weights, from where they start
};

constexpr int64_t B = 3, S = 7, T = 6, V = 13;

void add_pairs(NamedTensors& inputs, Rng& rng) {
  Tensor target = randint(0, V, {B, T}, rng);
  target.mutable_data<int64_t>()[T - 1] = kIgnoreIndex;  // a shorter sentence
  inputs = {{"source", randint(0, V, {B, S}, rng)},
            {"lengths", tensor({7, 3, 5})},
            {"decoder_input", randint(0, V, {B, T}, rng)},
            {"target", target}};
}

Case gpt_case(const std::string& name, const models::GptConfig& config) {
  const std::string json = fmt::format(R"("model": "gpt", "layers": {}, "heads": {}, "tanh": {})", config.layers,
                                       config.heads, config.gelu == Gelu::tanh);
  return {name, json, [config](nn::Parameters& params, NamedTensors& inputs, Rng& rng) -> std::function<Tensor()> {
            const auto model = std::make_shared<models::Gpt>(params, config);
            inputs = {{"tokens", randint(0, V, {B, T}, rng)}, {"target", randint(0, V, {B, T}, rng)}};
            return [model, tokens = inputs[0].second] { return (*model)(tokens); };
          }};
}

template <class Model, class Config>
std::function<std::function<Tensor()>(nn::Parameters&, NamedTensors&, Rng&)> translator(const Config& config) {
  return [config](nn::Parameters& params, NamedTensors& inputs, Rng& rng) -> std::function<Tensor()> {
    const auto model = std::make_shared<Model>(params, config);
    add_pairs(inputs, rng);
    return [model, inputs] { return (*model)(inputs[0].second, inputs[1].second, inputs[2].second); };
  };
}

Case seq2seq_case(Cell cell, bool attention) {
  const char* name = cell == Cell::gru ? "gru" : cell == Cell::lstm ? "lstm" : "rnn";
  const models::Seq2SeqConfig config{.source_vocabulary = V,
                                     .target_vocabulary = V,
                                     .embedding = 10,
                                     .hidden = 12,
                                     .cell = cell,
                                     .attention = attention};
  return {fmt::format("seq2seq-{}-{}", name, attention ? "additive" : "none"),
          fmt::format(R"("model": "seq2seq", "cell": "{}", "attention": {})", name, attention),
          translator<models::Seq2Seq>(config), 0, 3};
}

Case transformer_case(const std::string& name, models::TransformerConfig config, double label_smoothing = 0) {
  config.source_vocabulary = config.target_vocabulary = V;
  config.context = 9;
  config.layers = config.heads = 2;
  config.channels = 16;
  config.feedforward = 24;
  config.dropout = 0;
  return {name, fmt::format(R"("model": "transformer", "layers": 2, "heads": 2, "pre_norm": {})", config.pre_norm),
          translator<models::Transformer>(config), label_smoothing};
}

std::vector<Case> all_cases() {
  const models::GptConfig gpt{.vocabulary = V, .context = 8, .layers = 2, .heads = 2, .channels = 16};
  models::GptConfig nano = gpt;
  nano.bias = nano.tied = false;
  nano.gelu = Gelu::erf;
  std::vector<Case> cases{gpt_case("gpt-tied-bias-tanh", gpt), gpt_case("gpt-untied-nobias-erf", nano)};
  for (const Cell cell : {Cell::rnn_tanh, Cell::lstm, Cell::gru})
    for (const bool attention : {false, true}) cases.push_back(seq2seq_case(cell, attention));
  cases.push_back(transformer_case("transformer-post-sinusoidal", {}, 0.1));
  cases.push_back(transformer_case("transformer-pre-learned", {.pre_norm = true, .learned_positions = true}));
  cases.push_back(transformer_case("transformer-pre-untied", {.pre_norm = true, .tied_output = false}));
  cases.push_back(transformer_case("transformer-post-shared", {.shared_embedding = true}));
  return cases;
}

bool has_torch() {
  static const bool found = std::system("/usr/bin/python3 -c 'import torch' > /dev/null 2>&1") == 0;
  if (!found) tests::skip("/usr/bin/python3 cannot import torch; install python3-torch to compare with PyTorch");
  return found;
}

/// A folder of its own, removed with everything in it.
struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("heed-models-{}", getpid());
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

void ask_oracle(const TemporaryFolder& folder) {
  const std::string command =
      fmt::format("/usr/bin/python3 {}/tests/oracle/models.py {}", HEED_SOURCE_DIR, folder.path.string());
  REQUIRE(std::system(command.c_str()) == 0);
}

/// One case in one dtype: logits, loss and gradients by name, as the oracle's answer has them.
NamedTensors step(const Case& c, DType dtype, const std::filesystem::path& file) {
  Rng rng(42);
  nn::Parameters params(rng, dtype);
  NamedTensors inputs, written;
  const auto forward = c.build(params, inputs, rng);
  // Biases and gains leave their symmetric start. So do an RNN's weights: there tanh is so nearly linear that
  // the gradient of additive attention's W is what is left of sums that cancel (PyTorch's own f32 is then
  // 1e-5 off its f64).
  for (const auto& entry : params) {
    const Tensor& parameter = entry.second;
    const double noise = parameter.rank() == 1 ? 0.3 : 0;
    parameter.assign(parameter.detach() * c.growth + randn(parameter.shape(), rng, dtype) * noise);
  }
  for (const auto& [name, parameter] : params) written.emplace_back(name, parameter.detach());
  for (const auto& [name, input] : inputs) written.emplace_back("input." + name, input);
  save_safetensors(file, written,
                   {{"config", fmt::format(R"({{{}, "label_smoothing": {}}})", c.config, c.label_smoothing)}});

  const Tensor logits = forward();
  const Tensor loss = cross_entropy(logits, inputs.back().second, {.label_smoothing = c.label_smoothing});
  loss.backward();
  NamedTensors results{{"loss", loss.detach()}, {"logits", logits.detach()}};
  for (const auto& [name, parameter] : params) results.emplace_back(name, parameter.grad());
  return results;
}

}  // namespace

TEST_CASE("models: loss and every gradient of one step agree with PyTorch", "[models][torch]") {
  if (!has_torch()) return;
  const TemporaryFolder folder;
  std::vector<std::pair<std::string, NamedTensors>> ours;
  for (const Case& c : all_cases())
    for (const DType dtype : {f32, f64}) {
      const std::string name = c.name + "-" + name_of(dtype);
      ours.emplace_back(name, step(c, dtype, folder.path / (name + ".case")));
    }
  ask_oracle(folder);

  for (const auto& [name, results] : ours) {
    const Safetensors answer = load_safetensors(folder.path / (name + ".answer"));
    REQUIRE(answer.tensors.size() == results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      INFO(name << ": " << results[i].first);
      REQUIRE(answer.tensors[i].first == results[i].first);
      const Tensor& expected = answer.tensors[i].second;
      const double tolerance = expected.dtype() == f64 ? kF64Tol : kF32Tol;
      CHECK(largest(expected) > 0);
      CHECK(largest_difference(results[i].second, expected) <= tolerance * largest(expected));
    }
  }
}

TEST_CASE("gpt: a seed draws the weights that nanoGPT draws from it", "[models][gpt][torch]") {
  if (!has_torch()) return;
  // PyTorch's vector log, sin and cos end in other digits than libm's: largest seen 1.6e-6 of a normal.
  constexpr double kNormalTol = 4e-6;
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path / "start.case";
  for (const bool tied : {true, false}) {
    const models::GptConfig config{
        .vocabulary = 65, .context = 16, .layers = 2, .heads = 2, .channels = 32, .tied = tied};
    save_safetensors(file, {},
                     {{"config", fmt::format(R"({{"model": "gpt-start", "seed": 1337, "vocabulary": 65, "context": 16,
        "layers": 2, "channels": 32, "bias": true, "tied": {}}})",
                                             tied)}});
    ask_oracle(folder);
    const Safetensors nanogpt = load_safetensors(folder.path / "start.answer");
    Rng rng(1337);
    nn::Parameters params(rng);
    const models::Gpt gpt(params, config);
    REQUIRE(std::ssize(nanogpt.tensors) == params.size());
    for (const auto& [name, expected] : nanogpt.tensors) {
      INFO(name);
      CHECK(largest_difference(params.at(name), expected) <= kNormalTol * largest(expected));
    }
  }
}

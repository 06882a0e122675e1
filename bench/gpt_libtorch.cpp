/// A training step of GPT-2's architecture in libtorch on the CPU: gpt_torch.py's sizes and work in C++, which shows
/// what of PyTorch's time is Python's. Random tokens; prints one line of JSON. compare.sh --libtorch runs it.
///
///   gpt_libtorch CONFIG STEPS THREADS
#include <sys/resource.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace {

namespace nn = torch::nn;
using torch::Tensor;

constexpr int kWarmUp = 3;  // steps before the clock counts

nn::Linear linear(int64_t in, int64_t out) { return nn::Linear(nn::LinearOptions(in, out).bias(false)); }
nn::LayerNorm norm(int64_t channels) { return nn::LayerNorm(nn::LayerNormOptions({channels})); }

/// Causal, (B, H, T, D). libtorch 1.13 has no fused one.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  const int64_t T = q.size(-2);
  const Tensor scores = q.matmul(k.transpose(-2, -1)) / std::sqrt(static_cast<double>(q.size(-1)));
  const Tensor future = torch::ones({T, T}, torch::kBool).triu(1);
  return scores.masked_fill(future, -INFINITY).softmax(-1).matmul(v);
}

struct LayerImpl : nn::Module {
  LayerImpl(int64_t channels, int64_t heads)
      : heads(heads),
        norm1(register_module("norm1", norm(channels))),
        norm2(register_module("norm2", norm(channels))),
        qkv(register_module("qkv", linear(channels, 3 * channels))),
        out(register_module("out", linear(channels, channels))),
        up(register_module("up", linear(channels, 4 * channels))),
        down(register_module("down", linear(4 * channels, channels))) {}

  Tensor forward(Tensor x) {
    const int64_t B = x.size(0), T = x.size(1), C = x.size(2);
    std::vector<Tensor> parts = qkv(norm1(x)).split(C, 2);
    for (Tensor& part : parts) part = part.view({B, T, heads, C / heads}).transpose(1, 2);
    x = x + out(attention(parts[0], parts[1], parts[2]).transpose(1, 2).reshape({B, T, C}));
    return x + down(torch::gelu(up(norm2(x))));
  }

  int64_t heads;
  nn::LayerNorm norm1, norm2;
  nn::Linear qkv, out, up, down;
};
TORCH_MODULE(Layer);

struct Sizes {
  int64_t B, T, layers, heads, C, V;
};

struct ModelImpl : nn::Module {
  explicit ModelImpl(const Sizes& s)
      : tokens(register_module("tokens", nn::Embedding(s.V, s.C))),
        positions(register_module("positions", nn::Embedding(s.T, s.C))),
        layers(register_module("layers", nn::Sequential())),
        norm_f(register_module("norm", norm(s.C))) {
    nn::init::normal_(tokens->weight, 0, 0.02);
    for (int64_t i = 0; i < s.layers; ++i) layers->push_back(Layer(s.C, s.heads));
  }

  Tensor forward(const Tensor& ids) {
    const Tensor x = tokens(ids) + positions(torch::arange(ids.size(1)));
    return norm_f(layers->forward(x)).matmul(tokens->weight.t());
  }

  nn::Embedding tokens, positions;
  nn::Sequential layers;
  nn::LayerNorm norm_f;
};
TORCH_MODULE(Model);

const std::map<std::string, Sizes> kSizes = {
    // gpt_torch.py's
    {"micro", {4, 32, 2, 2, 32, 65}},   {"cpu", {12, 64, 4, 4, 128, 65}},       {"baby", {64, 256, 6, 6, 384, 65}},
    {"long", {1, 4096, 4, 4, 128, 65}}, {"gpt2", {1, 512, 12, 12, 768, 50304}},
};

}  // namespace

int main(int argc, char** argv) {
  const auto sizes = argc == 4 ? kSizes.find(argv[1]) : kSizes.end();
  if (sizes == kSizes.end()) {
    std::fprintf(stderr, "gpt_libtorch: need micro|cpu|baby|long|gpt2, steps and threads\n");
    return 2;
  }
  const int steps = std::atoi(argv[2]);
  torch::set_num_threads(std::atoi(argv[3]));
  torch::manual_seed(1);
  const Sizes& s = sizes->second;
  Model model(s);
  torch::optim::AdamW optimizer(model->parameters(),
                                torch::optim::AdamWOptions(1e-3).betas({0.9, 0.99}).weight_decay(0.1));
  const Tensor ids = torch::randint(s.V, {s.B, s.T}, torch::kLong),
               targets = torch::randint(s.V, {s.B, s.T}, torch::kLong);

  std::vector<double> milliseconds;
  for (int step = 0; step < kWarmUp + steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    optimizer.zero_grad();
    nn::functional::cross_entropy(model(ids).flatten(0, 1), targets.flatten()).backward();
    nn::utils::clip_grad_norm_(model->parameters(), 1.0);
    optimizer.step();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (step >= kWarmUp) milliseconds.push_back(took.count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"peer\": \"libtorch %s\", \"threads\": %d, \"config\": \"%s\", \"median_ms\": %.3f, \"min_ms\": %.3f, "
      "\"peak_mib\": %ld}\n",
      TORCH_VERSION, torch::get_num_threads(), argv[1], milliseconds[milliseconds.size() / 2], milliseconds[0],
      usage.ru_maxrss / 1024);
}

// Lesson 13: a whole GPT in one page, and the scalar program that it follows digit by digit.
#include <chrono>
#include <fstream>

#include "lesson.h"

using namespace heed;

namespace {

constexpr int64_t kWidth = 16, kHeads = 4, kContext = 16, kSteps = 1000;

/// Trains on `names` and returns the loss of every step; writes some names of its own.
std::vector<double> microgpt(const std::vector<std::string>& names, int64_t steps) {
  nn::Parameters params(42, f64);
  const train::Chars letters = train::Chars::from_text(join(names, ""));
  const int64_t end = letters.size();
  const auto weight = [&](const char* name, int64_t rows, int64_t columns) {
    return nn::Scope(params).param(name, {rows, columns}, nn::init::normal(0, 0.08));
  };
  const Tensor wte = weight("wte", end + 1, kWidth), wpe = weight("wpe", kContext, kWidth),
               lm_head = weight("lm_head", end + 1, kWidth), q = weight("q", kWidth, kWidth),
               k = weight("k", kWidth, kWidth), v = weight("v", kWidth, kWidth),
               o = weight("o", kWidth, kWidth), fc1 = weight("fc1", 4 * kWidth, kWidth),
               fc2 = weight("fc2", kWidth, 4 * kWidth);
  const std::vector<int64_t> order = params.rng().randperm(std::ssize(names));

  const auto gpt = [&](const Tensor& tokens) {  // (T) -> (T, letters)
    const int64_t T = tokens.size(0);
    const auto norm = [](const Tensor& x) { return rms_norm(x, {}, 1e-5); };
    Tensor x = norm(embedding(tokens, wte) + wpe(slice(0, T)));
    const auto heads = [&](const Tensor& w) {  // (H, T, D)
      return linear(norm(x), w).reshape({T, kHeads, kWidth / kHeads}).transpose(0, 1);
    };
    const Tensor seen = scaled_dot_product_attention(heads(q), heads(k), heads(v), {.causal = true});
    x = x + linear(seen.transpose(0, 1).reshape({T, kWidth}), o);
    x = x + linear(relu(linear(norm(x), fc1)), fc2);
    return linear(x, lm_head);
  };

  train::Adam adam(params, {.beta1 = 0.85, .beta2 = 0.99});
  std::vector<double> losses;
  lesson::Watch watch(steps);
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<int64_t> ids = letters.encode(names[order[step % std::ssize(order)]]);
    ids.insert(ids.begin(), end);
    ids.push_back(end);
    const int64_t n = std::min<int64_t>(kContext, std::ssize(ids) - 1);
    const Tensor tokens = from_vector(ids, {std::ssize(ids)});
    const Tensor loss = cross_entropy(gpt(tokens(slice(0, n))), tokens(slice(1, n + 1)));
    loss.backward();
    adam.set_lr(0.01 * (1 - static_cast<double>(step) / kSteps));
    adam.step();
    adam.zero_grad();
    losses.push_back(loss.item<double>());
    watch.step(losses.back());
  }

  const NoGrad sampling;
  for (int line = 0; line < 10; ++line) {
    std::vector<int64_t> ids = {end};
    while (std::ssize(ids) <= kContext) {
      const Tensor p = softmax(gpt(from_vector(ids, {std::ssize(ids)}))[-1] / 0.5, -1);
      ids.push_back(multinomial(p, 1, params.rng()).item<int64_t>());
      if (ids.back() == end) break;
    }
    if (ids.back() == end) ids.pop_back();
    fmt::print("  {}\n", letters.decode({ids.begin() + 1, ids.end()}));
  }
  return losses;
}

/// One a line, as in names.txt and in what reference.py prints.
std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw FileError(fmt::format("cannot read '{}'; need tutorial/microgpt/ beside the lesson", path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(argc, argv, "Lesson 13: microgpt", [](lesson::Lesson& l) {
    const std::string folder = LESSON_SOURCE_DIR "/microgpt/";
    l.heading("Names that it makes up");
    const auto start = std::chrono::steady_clock::now();
    const std::vector<double> losses = microgpt(lines_of(folder + "names.txt"), kSteps);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;

    l.heading("Against the scalar program, microgpt/reference.py, from the same weights in the same order");
    const std::vector<std::string> reference = lines_of(folder + "losses.txt");
    int64_t equal = 0;
    double apart = 0;
    for (size_t i = 0; i < losses.size() && i < reference.size(); ++i) {
      equal += fmt::format("{:.10f}", losses[i]) == fmt::format("{:.10f}", std::stod(reference[i]));
      apart = std::max(apart, std::abs(losses[i] - std::stod(reference[i])));
    }
    l.expect_equal("losses that agree in every one of 10 decimals", static_cast<double>(equal), kSteps);
    l.expect("largest difference", apart, 0, 1e-9);
    fmt::print("{:.2f} seconds here; the scalar program takes minutes\n", seconds.count());

    const Tensor means = from_vector(losses, {kSteps / 50, 50}).mean(-1);
    l.expect("mean loss of the last 50 names", means[-1].item<double>(), 1.9, 2.5);
    l.picture("loss", train::LineChart{"Loss of 50 names",
                                       "step",
                                       "nats a letter",
                                       {{"mean", (arange(kSteps / 50) * 50 + 50).to_vector<double>(),
                                         means.to_vector<double>()}}});
  });
}

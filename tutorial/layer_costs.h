// Table 1 of "Attention Is All You Need", for lesson 9: what a layer costs, counted and measured.
#pragma once

#include <chrono>
#include <cmath>

#include "lesson.h"

namespace lesson {

using namespace heed;
using namespace heed::train;

/// Seconds of one step forward and backward on n words of one sentence: the best of five.
template <class Layer>
double seconds_of(const Layer& layer, int64_t n, int64_t width, Rng& rng) {
  Tensor x = randn({8, n, width}, rng);
  x.set_requires_grad();
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    Tensor y = layer(x);
    y.backward(ones_like(y));
    x.zero_grad();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

/// How much the last output depends on the first input: the norm of that gradient.
template <class Layer>
double reach(const Layer& layer, int64_t n, int64_t width, Rng& rng) {
  Tensor x = randn({1, n, width}, rng);
  x.set_requires_grad();
  const Tensor y = layer(x).select(1, n - 1);
  y.backward(ones_like(y));
  const Tensor g = x.grad().select(1, 0);
  return std::sqrt((g * g).sum().item<double>());
}

/// Table 1 of Vaswani et al. 2017, counted for layers of our width, and measured.
inline void table_1(lesson::Lesson& l) {
  constexpr int64_t d = 128, kHeads = 4;
  Rng rng(l.seed());
  nn::Parameters params(rng);
  const nn::MultiHeadAttention attention(params / "attention", d, d, kHeads);
  const nn::GRU gru(params / "gru", d, d, {.batch_first = true});
  const auto recurrent = [&gru](const Tensor& x) { return gru(x).y; };
  fmt::print(
      "Layers of width {}. MFLOP: forward, one sentence of n words. steps: what must be done one after "
      "another. path: "
      "steps\n"
      "between the first word and the last. reach: |d last output / d first input|. ms: eight sentences, "
      "forward and "
      "backward.\n\n",
      d);
  fmt::print("      |           self-attention             |           recurrent (GRU)\n");
  fmt::print("    n | MFLOP  steps  path    reach      ms  | MFLOP  steps  path    reach      ms\n");
  Series a{"self-attention", {}, {}}, r{"recurrent", {}, {}};
  double advantage = 0;
  std::vector<std::vector<std::string>> table = {
      {"words", "attention: MFLOP", "steps", "path", "reach", "GRU: MFLOP", "steps", "path", "reach"}};
  const auto exponent = [](double x) {
    return x > 0 ? fmt::format("{:.1e}", x) : std::string("below 1e-45");
  };
  for (const int64_t n : {16, 64, 256, 1024}) {
    const double n_d_d = double(n * d * d), n_n_d = double(n * n * d);
    const double flops_a =
        2 * 4 * n_d_d + 2 * 2 * n_n_d;     // four projections; scores, and the mean of the values
    const double flops_r = 2 * 6 * n_d_d;  // three gates, each of input and state
    const double reach_a = reach(attention, n, d, rng), reach_r = reach(recurrent, n, d, rng);
    const double ms_a = 1e3 * seconds_of(attention, n, d, rng), ms_r = 1e3 * seconds_of(recurrent, n, d, rng);
    fmt::print(
        "{:>5} | {:>5.1f}  {:>5}  {:>4}  {:>7.1e}  {:>6.1f}  | {:>5.1f}  {:>5}  {:>4}  {:>7.1e}  {:>6.1f}\n",
        n, flops_a / 1e6, 1, 1, reach_a, ms_a, flops_r / 1e6, n, n, reach_r, ms_r);
    const std::string all = fmt::format("{}", n);
    table.push_back({all, fmt::format("{:.1f}", flops_a / 1e6), "1", "1", exponent(reach_a),
                     fmt::format("{:.1f}", flops_r / 1e6), all, all, exponent(reach_r)});
    a.x.push_back(double(n)), a.y.push_back(ms_a), r.x.push_back(double(n)), r.y.push_back(ms_r);
    if (n == 64) advantage = std::log10(reach_a / reach_r);
  }
  l.page("costs", table);
  l.picture("layers",
            LineChart{"One layer, forward and backward", "words", "milliseconds", {a, r}, true, true});
  l.expect("at 64 words attention reaches further by so many powers of ten", advantage, 3, 40);
}

}  // namespace lesson

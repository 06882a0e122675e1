// The deep networks of lesson 15, with their norms and residuals or without.
#pragma once

#include <cmath>
#include <vector>

#include <heed.h>

namespace deep {

using namespace heed;
using namespace heed::train;

constexpr int64_t kWidth = 32, kHeads = 4;

/// A block with or without its norms, and with or without ways around its parts.
struct Block {
  nn::LayerNorm ln_1, ln_2;
  nn::CausalSelfAttention attn;
  nn::Linear up, down;
  bool norms, residuals;

  Block(nn::Scope s, bool with_norms, bool with_residuals)
      : ln_1(s / "ln_1", kWidth),
        ln_2(s / "ln_2", kWidth),
        attn(s / "attn", kWidth, kHeads),
        up(s / "up", kWidth, 4 * kWidth),
        down(s / "down", 4 * kWidth, kWidth),
        norms(with_norms),
        residuals(with_residuals) {}
  Tensor operator()(const Tensor& x) const {
    const Tensor y = around(x, ln_1, [this](const Tensor& z) { return attn(z); });
    return around(y, ln_2, [this](const Tensor& z) { return down(gelu(up(z))); });
  }
  template <class Part>
  Tensor around(const Tensor& x, const nn::LayerNorm& ln, const Part& part) const {
    const Tensor y = part(norms ? ln(x) : x);
    return residuals ? x + y : y;
  }
};

/// What twelve blocks make of it: the losses, each the mean of 20 steps, and before training the gradient of
/// the first block, over that of the last.
struct Deep {
  double first_gradient = 0;
  Series losses;

  Deep(const Corpus& corpus, bool norms, bool residuals, double lr, int64_t steps, uint64_t seed) {
    Rng rng(seed), text(seed);
    nn::Parameters params(rng);
    const nn::Embedding table(params / "table", corpus.vocabulary(), kWidth);
    const nn::LearnedPosition place(params / "place", 32, kWidth);
    std::vector<Block> blocks;
    for (int i = 0; i < 12; ++i) blocks.emplace_back(params / fmt::format("h.{}", i), norms, residuals);
    const nn::LayerNorm ln(params / "ln", kWidth);
    const nn::Linear output(params / "output", kWidth, corpus.vocabulary());
    AdamW optimizer(params, {.lr = lr});
    double sum = 0;
    for (int64_t step = 1; step <= steps && std::isfinite(sum); ++step) {
      const auto [x, y] = corpus.batch(8, 32, text);
      Tensor h = place(table(x));
      for (const Block& block : blocks) h = block(h);
      const Tensor loss = cross_entropy(output(norms ? ln(h) : h), y);
      loss.backward();
      const auto size = [](const Block& b) {
        return std::sqrt(pow(b.up.weight.grad(), 2).sum().item<double>());
      };
      if (step == 1) first_gradient = size(blocks.front()) / size(blocks.back());
      clip_grad_norm(params, 1.0);
      optimizer.step();
      optimizer.zero_grad();
      sum += loss.item<double>();
      if (step % 20 == 0) losses.x.push_back(double(step) - 10), losses.y.push_back(sum / 20), sum = 0;
    }
    if (!std::isfinite(sum)) losses.y = {NAN};
  }
};

}  // namespace deep

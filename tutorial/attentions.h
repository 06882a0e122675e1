// All attentions side by side, which lesson 8 shows: what they train, and who sees whom.
#pragma once

#include "lesson.h"

namespace lesson {

using namespace heed;

/// Every attention so far, and the one to come, on six words that are read and four that are written.
inline void side_by_side(Lesson& l) {
  constexpr int64_t d = 64, S = 6, T = 4;
  Rng rng(l.seed());
  const Tensor read = 0.3 * randn({1, S, d}, rng), written = 0.3 * randn({1, T, d}, rng);
  std::vector<std::vector<std::string>> table = {{"attention", "pairs of words that see", "parameters"}};
  std::vector<Tensor> panels;
  std::vector<std::string> columns;  // each panel's name in the middle of its seven
  const auto add = [&](const std::string& name, const nn::Parameters& p, const auto& attend) {
    nn::WatchAttention seen;
    attend();
    const Tensor all_heads = seen.looks().back().second[0],
                 weights = all_heads.rank() == 3 ? all_heads[0] : all_heads;
    const auto pairs = gt(weights, 0).to(i64).sum().item<int64_t>();
    table.push_back({name, fmt::format("{}", pairs), grouped(p.numel())});
    fmt::print("  {:<22} sees {:>2} pairs, {:>6} parameters\n", name, pairs, p.numel());
    panels.push_back(pad(weights, {0, 1, 0, S - weights.size(0)}));
    columns.resize(panels.size() * (S + 1)), columns[columns.size() - 4] = name.substr(0, name.find(" ("));
  };
  nn::Parameters none(rng), p1(rng), p2(rng), p3(rng), p4(rng), p5(rng);
  const nn::AdditiveAttention additive(p1, d, d, d);
  const nn::SelfAttention self(p2, d, d);
  const nn::CausalAttention causal(p3, d, d);
  const nn::MultiHeadAttention heads(p4, d, d, 4), cross(p5, d, d, 4);
  add("additive (lesson 4)", p1, [&] { additive(written, read); });
  add("simplified (5)", none, [&] { nn::SimplifiedSelfAttention()(read); });
  add("self (6)", p2, [&] { self(read); });
  add("causal (7)", p3, [&] { causal(read); });
  add("multi-head (8)", p4, [&] { heads(read); });
  add("cross, multi-head (9)", p5, [&] { cross(written, {.context = read}); });
  l.page("side by side", table);
  const Tensor all_panels = cat(panels, 1).narrow(1, 0, int64_t(columns.size()) - 1);
  columns.pop_back();
  l.picture("side_by_side",
            train::Heatmap{
                "Who sees whom", "", "word", columns, {"1", "2", "3", "4", "5", "6"}, all_panels, 0, 0.4},
            false);
  l.expect_equal("weights to train: 3 d^2, 4 d^2 + d, 2 d^2 + d",
                 from_vector(std::vector<int64_t>{p2.numel(), p4.numel(), p1.numel()}, {3}),
                 from_vector(std::vector<int64_t>{3 * d * d, 4 * d * d + d, 2 * d * d + d}, {3}));
}

}  // namespace lesson

// Lesson 9: "Attention Is All You Need" translates the same sentences, without recurrence.
#include <chrono>
#include <cmath>

#include "translation.h"

using namespace heed;
using namespace heed::train;

namespace {

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
void table_1(lesson::Lesson& l) {
  constexpr int64_t d = 128, kHeads = 4;
  Rng rng(l.seed());
  nn::Parameters params(rng);
  const nn::MultiHeadAttention attention(params / "attention", d, d, kHeads);
  const nn::GRU gru(params / "gru", d, d, {.batch_first = true});
  const auto recurrent = [&gru](const Tensor& x) { return gru(x).y; };
  fmt::print(
      "Layers of width {}. MFLOP: forward, one sentence of n words. steps: what must be done one after another. path: "
      "steps\n"
      "between the first word and the last. reach: |d last output / d first input|. ms: eight sentences, forward and "
      "backward.\n\n",
      d);
  fmt::print("      |           self-attention             |           recurrent (GRU)\n");
  fmt::print("    n | MFLOP  steps  path    reach      ms  | MFLOP  steps  path    reach      ms\n");
  Series a{"self-attention", {}, {}}, r{"recurrent", {}, {}};
  double advantage = 0;
  for (const int64_t n : {16, 64, 256, 1024}) {
    const double n_d_d = double(n * d * d), n_n_d = double(n * n * d);
    const double flops_a = 2 * 4 * n_d_d + 2 * 2 * n_n_d;  // four projections; scores, and the mean of the values
    const double flops_r = 2 * 6 * n_d_d;                  // three gates, each of input and state
    const double reach_a = reach(attention, n, d, rng), reach_r = reach(recurrent, n, d, rng);
    const double ms_a = 1e3 * seconds_of(attention, n, d, rng), ms_r = 1e3 * seconds_of(recurrent, n, d, rng);
    fmt::print("{:>5} | {:>5.1f}  {:>5}  {:>4}  {:>7.1e}  {:>6.1f}  | {:>5.1f}  {:>5}  {:>4}  {:>7.1e}  {:>6.1f}\n", n,
               flops_a / 1e6, 1, 1, reach_a, ms_a, flops_r / 1e6, n, n, reach_r, ms_r);
    a.x.push_back(double(n)), a.y.push_back(ms_a), r.x.push_back(double(n)), r.y.push_back(ms_r);
    if (n == 64) advantage = std::log10(reach_a / reach_r);
  }
  l.picture("layers", LineChart{"One layer, forward and backward", "words", "milliseconds", {a, r}, true, true});
  l.expect("at 64 words attention reaches further by so many powers of ten", advantage, 3, 40);
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(
      argc, argv, "Lesson 9: the Transformer",
      [](lesson::Lesson& l) {
        l.heading("What a layer costs (Vaswani et al. 2017, table 1)");
        table_1(l);

        l.heading("The same sentences, the same width, the same training");
        const PairSplit pairs = lesson::task(l);
        Translator transformer(Arch::transformer, nn::Cell::gru, pairs.train, l.seed());
        Translator recurrent(Arch::attention, nn::Cell::gru, pairs.train, l.seed());
        const auto& model = std::get<models::Transformer>(transformer.model());
        fmt::print("{} layers, {} heads, {} channels: {} parameters (lesson 4's GRU with attention: {})\n",
                   model.config.layers, model.config.heads, model.config.channels, transformer.params().numel(),
                   recurrent.params().numel());
        const TrainingReport report =
            learn_pairs(transformer, pairs, {.steps = l.budget(3000, 250), .seed = l.seed(), .quiet = true});
        const TrainingReport beside =
            learn_pairs(recurrent, pairs, {.steps = l.budget(100, 20), .seed = l.seed(), .quiet = true});
        fmt::print("{:.1f} ms a step; the GRU with attention {:.1f} ms\n", 1e3 * report.seconds / double(report.steps),
                   1e3 * beside.seconds / double(beside.steps));
        l.picture("loss", lesson::loss_chart("A Transformer learns the same task",
                                             {lesson::loss_series("training", report.losses)}));

        l.heading("What the heads of its last layer look at as it writes");
        const std::string sentence = l.quick() ? "the cat slept" : "the small black cat did not see the dogs";
        const models::Translation translation = transformer.translate(std::vector{sentence})[0];
        const std::vector<std::string> words = split_words(sentence),
                                       written = split_words(transformer.text(translation, sentence));
        std::vector<int64_t> input = {Words::kBos};
        input.insert(input.end(), translation.tokens.begin(), translation.tokens.end());
        const std::vector<int64_t> ids = transformer.source_tokens().encode(sentence);
        const NoGrad no_grad;
        const nn::EvalMode eval;
        nn::WatchAttention seen;
        model(from_vector(ids, {1, std::ssize(ids)}), {}, from_vector(input, {1, std::ssize(input)}));
        const Tensor cross = seen.looks().back().second[0];  // the last layer's
        for (int64_t h = 0; h < model.config.heads; ++h)
          l.picture(fmt::format("cross_head{}", h + 1),
                    Heatmap{fmt::format("Cross attention, head {}", h + 1), "English", "French", words, written,
                            cross[h].narrow(0, 0, std::ssize(written)), 0, 1},
                    h == 0);
        l.expect_equal("each row of weights adds up to", cross.sum(-1), ones({model.config.heads, std::ssize(input)}),
                       1e-5);

        l.heading("By length of the source");
        const TranslationScores scores = transformer.score(pairs.held_out);
        fmt::print("{}", format_scores(scores));
        l.picture("exact",
                  lesson::length_chart("Exact match by length", "exact match (%)",
                                       {lesson::exact_series("Transformer", scores)}),
                  false);
        if (l.quick())
          return l.expect("loss after 250 steps", lesson::loss_series("", report.losses).y.back(), 0.01, 1.0);
        l.expect("exact match (%)", 100 * scores.exact_match, 95, 100);
        l.expect("exact match, 16 to 20 words (%)", 100 * scores.rows.back().exact_match, 88, 100);
      },
      1);
}

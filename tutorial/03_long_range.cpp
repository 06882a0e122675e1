// Lesson 3: how far apart may subject and verb be before a network forgets who the subject was?
#include "agreement.h"

using namespace heed;
using namespace heed::train;
using namespace lesson;

namespace {

constexpr int64_t kWidth = 32, kBatch = 64;

/// Reads the words; guesses the subject's number and gender from its last state, or from what that state
/// attends to.
struct Reader {
  nn::Embedding embedding;
  nn::Recurrent layer;
  std::optional<nn::AdditiveAttention> attention;
  nn::Linear output;

  Reader(nn::Scope s, int64_t vocabulary, nn::Cell cell, bool attend)
      : embedding(s / "embedding", vocabulary, kWidth),
        layer(s / "layer", cell, kWidth, kWidth, {.batch_first = true}),
        output(s / "output", attend ? 2 * kWidth : kWidth, 4) {
    if (attend) attention.emplace(s / "attention", kWidth, kWidth, kWidth);
  }
  Tensor operator()(const Tensor& embedded, const Tensor& lengths) const {
    const auto [y, state] = layer(embedded, {}, lengths);
    const Tensor last = state.h[0];  // (B, H)
    if (!attention) return output(last);
    const Tensor mask = nn::length_mask(lengths, embedded.size(1));
    return output(cat({last, (*attention)(last, y, mask)}, -1));
  }
};

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(
      argc, argv, "Lesson 3: the cat that was sitting on the mat , which was next to the dog , jumped",
      [](lesson::Lesson& l) {
        Rng rng(l.seed());
        const std::vector<ParsedPair> seen = sentences(l.budget(1500, 300), Split::train, rng),
                                      unseen = sentences(l.budget(150, 30), Split::test, rng);
        std::vector<std::string> english;
        for (const ParsedPair& p : seen) english.push_back(p.pair.source);
        const Words vocabulary = Words::from_sentences(english);
        const std::vector<Prefix> train = prefixes(seen, vocabulary), test = prefixes(unseen, vocabulary);
        const int64_t early = l.budget(200, 100), steps = l.budget(1500, 300);
        fmt::print(
            "{} sentences, cut off before their verb; the verb must agree with a subject 0 to {} words "
            "back.\n",
            train.size(), kFarthest - 1);
        fmt::print(
            "Guess its number and its French gender, 4 classes. {} numbers of state, {} steps for each "
            "network.\n",
            kWidth, steps);

        std::vector<Series> untrained, early_reach, early_right, right, losses;
        for (const auto& [name, cell, attend] :
             std::vector<std::tuple<std::string, nn::Cell, bool>>{{"RNN", nn::Cell::rnn_tanh, false},
                                                                  {"LSTM", nn::Cell::lstm, false},
                                                                  {"GRU", nn::Cell::gru, false},
                                                                  {"GRU + attention", nn::Cell::gru, true}}) {
          Rng draws(l.seed() + 1);
          nn::Parameters params(draws);
          const Reader reader(params, vocabulary.size(), cell, attend);
          Adam optimizer(params, {.lr = 2e-3});
          untrained.push_back(measure(reader, test, name).reach);
          std::vector<double> curve;
          fmt::print("{}\n", name);
          lesson::Watch watch(steps);
          for (int64_t step = 0; step < steps; ++step) {
            if (step == early) {
              const Measured m = measure(reader, test, name);
              early_reach.push_back(m.reach), early_right.push_back(m.right);
              watch.note(fmt::format(
                  "step {}: {:.0f}% right where the subject is nearest, {:.0f}% where it is farthest", step,
                  m.right.y.front(), m.right.y.back()));
            }
            const Batch b =
                batch_of(train, randint(0, std::ssize(train), {kBatch}, draws).to_vector<int64_t>());
            params.zero_grad();
            const Tensor loss = cross_entropy(reader(reader.embedding(b.words), b.lengths), b.labels);
            loss.backward();
            clip_grad_norm(params, 1.0);
            optimizer.step();
            curve.push_back(loss.item<double>());
            watch.step(curve.back());
          }
          right.push_back(measure(reader, test, name).right);
          losses.push_back(lesson::loss_series(name, curve));
        }

        l.heading("How strongly the answer depends on the subject: |d logit / d subject|");
        lesson::print_table("untrained", untrained, kBucket, "{:.1e}");
        lesson::print_table(fmt::format("after {} steps", early), early_reach, kBucket, "{:.1e}");
        l.page("untrained", lesson::bucket_table(untrained, kBucket, "{:.1e}"));
        l.page("trained", lesson::bucket_table(early_reach, kBucket, "{:.1e}"));
        l.page("right", lesson::bucket_table(early_right, kBucket, "{:.1f}"));
        l.page("right_at_the_end", lesson::bucket_table(right, kBucket, "{:.1f}"));
        l.page("commonest", fmt::format("{:.0f}%", commonest(test)));
        for (size_t i = 0; i < untrained.size(); ++i) {
          const auto fall = [](const Series& s) {
            const double by = s.y.front() / s.y.back(), unit = std::pow(10, std::floor(std::log10(by)) - 1);
            return by < 100 ? fmt::format("{:.2g}", by)
                            : lesson::grouped(int64_t(std::round(by / unit) * unit));
          };
          l.page(untrained[i].name + ": untrained fall", fall(untrained[i]));
          l.page(untrained[i].name + ": fall", fall(early_reach[i]));
          l.page(untrained[i].name + ": farthest", fmt::format("{:.0f}%", early_right[i].y.back()));
          l.page(untrained[i].name + ": farthest at the end", fmt::format("{:.0f}%", right[i].y.back()));
        }
        l.picture("gradient",
                  LineChart{"The gradient through time, untrained", "words between subject and verb",
                            "|d logit / d subject|", untrained, false, true});
        l.heading("How often the subject is known (%), by words between it and the verb");
        fmt::print("(The commonest class alone makes up {:.0f}%.)\n", commonest(test));
        lesson::print_table(fmt::format("after {} steps", early), early_right, kBucket, "{:.1f}");
        lesson::print_table(fmt::format("after {} steps", steps), right, kBucket, "{:.1f}");
        l.picture("accuracy", LineChart{fmt::format("Who was the subject? After {} steps", early),
                                        "words between subject and verb", "right (%)", early_right});
        l.picture("loss", lesson::loss_chart("Training", losses), false);

        const auto vanished = [](const Series& s) { return s.y.front() / s.y.back(); };
        l.expect("RNN: the gradient falls from 0 - 3 to 16 - 19 words by a factor of", vanished(untrained[0]),
                 1e4, 1e8);
        l.expect("attention: the gradient falls by a factor of", vanished(untrained[3]), 3, 30);
        l.expect(fmt::format("LSTM after {} steps: the gradient falls by a factor of", early),
                 vanished(early_reach[1]), 0.1, l.quick() ? 1000 : 10);
        l.expect(fmt::format("RNN after {} steps: right at 16 - 19 words (%)", early),
                 early_right[0].y.back(), 10, 75);
        l.expect(fmt::format("attention after {} steps: right at 16 - 19 words (%)", early),
                 early_right[3].y.back(), l.quick() ? 50 : 80, 100);
        l.expect(fmt::format("attention after {} steps: right at 16 - 19 words (%)", steps),
                 right[3].y.back(), 85, 100);
      },
      1);
}

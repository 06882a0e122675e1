// Lesson 3: how far apart may subject and verb be before a network forgets who the subject was?
#include <algorithm>
#include <array>
#include <cmath>

#include "translation.h"

using namespace heed;
using namespace heed::train;

namespace {

constexpr int64_t kWidth = 32, kBatch = 64, kBucket = 4;
constexpr int64_t kFarthest = 20;  // words between subject and verb

/// What stands before the main verb, and what the verb must agree with.
struct Prefix {
  std::vector<int64_t> words;
  int64_t label;     // number and French gender of the subject: 0 to 3
  int64_t distance;  // words between the subject and the verb
};

/// `count` sentences for each four words of distance.
std::vector<ParsedPair> sentences(int64_t count, Split split, Rng& rng) {
  std::vector<ParsedPair> result;
  for (int64_t low = 0; low < kFarthest; low += kBucket)
    for (ParsedPair& p : Grammar::parsed_pairs(count,
                                               {.min_words = low + 3,
                                               .max_words = low + 20,
                                               .max_depth = 3,
                                               .min_distance = low,
                                               .max_distance = low + kBucket - 1,
                                               .split = split},
                                               rng))
      result.push_back(std::move(p));
  return result;
}

std::vector<Prefix> prefixes(const std::vector<ParsedPair>& parsed, const Words& words) {
  std::vector<Prefix> result;
  for (const ParsedPair& p : parsed) {
    std::vector<int64_t> ids = words.encode(p.pair.source);
    ids.resize(size_t(p.parse.verb));
    result.push_back({ids, 2 * int64_t(p.parse.number) + int64_t(p.parse.gender), p.parse.distance});
  }
  return result;
}

/// What always guessing the commonest class would score (%).
double commonest(const std::vector<Prefix>& all) {
  std::array<double, 4> counts{};
  for (const Prefix& p : all) ++counts[size_t(p.label)];
  return 100 * *std::max_element(counts.begin(), counts.end()) / double(all.size());
}

struct Batch {
  Tensor words, lengths, labels;
};

Batch batch_of(const std::vector<Prefix>& all, const std::vector<int64_t>& rows) {
  int64_t longest = 0, i = 0;
  for (const int64_t r : rows) longest = std::max(longest, std::ssize(all[size_t(r)].words));
  std::vector<int64_t> words(rows.size() * size_t(longest), Words::kPad), lengths, labels;
  for (const int64_t r : rows) {
    std::copy(all[size_t(r)].words.begin(), all[size_t(r)].words.end(), words.begin() + longest * i++);
    lengths.push_back(std::ssize(all[size_t(r)].words)), labels.push_back(all[size_t(r)].label);
  }
  const int64_t B = std::ssize(rows);
  return {from_vector(words, {B, longest}), from_vector(lengths, {B}), from_vector(labels, {B})};
}

/// Reads the words; guesses the subject's number and gender from its last state, or from what that state attends to.
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

/// By distance: how often a network is right (%), and how strongly its answer depends on the subject's embedding.
struct Measured {
  Series right, reach;
};

Measured measure(const Reader& reader, const std::vector<Prefix>& test, const std::string& name) {
  Measured m{{name, {}, {}}, {name, {}, {}}};
  for (int64_t low = 0; low < kFarthest; low += kBucket) {
    std::vector<int64_t> rows;
    for (int64_t i = 0; i < std::ssize(test); ++i)
      if (test[size_t(i)].distance / kBucket == low / kBucket) rows.push_back(i);
    const Batch b = batch_of(test, rows);
    const Tensor embedded = reader.embedding(b.words).detach().set_requires_grad();
    const Tensor logits = reader(embedded, b.lengths);
    const double right = 100 * eq(logits.argmax(-1), b.labels).to(f32).mean().item<double>();
    logits.select(1, 0).sum().backward();
    double sum = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      const Prefix& p = test[size_t(rows[i])];
      const Tensor g = embedded.grad()[int64_t(i)][std::ssize(p.words) - p.distance - 1];
      sum += std::sqrt((g * g).sum().item<double>());
    }
    m.right.x.push_back(double(low) + 1.5), m.right.y.push_back(right);
    m.reach.x.push_back(double(low) + 1.5), m.reach.y.push_back(std::max(1e-12, sum / double(rows.size())));
  }
  return m;
}

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
        fmt::print("{} sentences, cut off before their verb; the verb must agree with a subject 0 to {} words back.\n",
                   train.size(), kFarthest - 1);
        fmt::print(
            "Guess its number and its French gender, 4 classes. {} numbers of state, {} steps for each network.\n",
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
              watch.note(
                  fmt::format("step {}: {:.0f}% right where the subject is nearest, {:.0f}% where it is farthest", step,
                              m.right.y.front(), m.right.y.back()));
            }
            const Batch b = batch_of(train, randint(0, std::ssize(train), {kBatch}, draws).to_vector<int64_t>());
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
          const auto fall = [](const Series& s) { return fmt::format("{:.2g}", s.y.front() / s.y.back()); };
          l.page(untrained[i].name + ": untrained fall", fall(untrained[i]));
          l.page(untrained[i].name + ": fall", fall(early_reach[i]));
          l.page(untrained[i].name + ": farthest", fmt::format("{:.0f}%", early_right[i].y.back()));
          l.page(untrained[i].name + ": farthest at the end", fmt::format("{:.0f}%", right[i].y.back()));
        }
        l.picture("gradient", LineChart{"The gradient through time, untrained", "words between subject and verb",
                                        "|d logit / d subject|", untrained, false, true});
        l.heading("How often the subject is known (%), by words between it and the verb");
        fmt::print("(The commonest class alone makes up {:.0f}%.)\n", commonest(test));
        lesson::print_table(fmt::format("after {} steps", early), early_right, kBucket, "{:.1f}");
        lesson::print_table(fmt::format("after {} steps", steps), right, kBucket, "{:.1f}");
        l.picture("accuracy", LineChart{fmt::format("Who was the subject? After {} steps", early),
                                        "words between subject and verb", "right (%)", early_right});
        l.picture("loss", lesson::loss_chart("Training", losses), false);

        const auto vanished = [](const Series& s) { return s.y.front() / s.y.back(); };
        l.expect("RNN: the gradient falls from 0 - 3 to 16 - 19 words by a factor of", vanished(untrained[0]), 1e4,
                 1e8);
        l.expect("attention: the gradient falls by a factor of", vanished(untrained[3]), 3, 30);
        l.expect(fmt::format("LSTM after {} steps: the gradient falls by a factor of", early), vanished(early_reach[1]),
                 0.1, l.quick() ? 1000 : 10);
        l.expect(fmt::format("RNN after {} steps: right at 16 - 19 words (%)", early), early_right[0].y.back(), 10, 75);
        l.expect(fmt::format("attention after {} steps: right at 16 - 19 words (%)", early), early_right[3].y.back(),
                 l.quick() ? 50 : 80, 100);
        l.expect(fmt::format("attention after {} steps: right at 16 - 19 words (%)", steps), right[3].y.back(), 85,
                 100);
      },
      1);
}

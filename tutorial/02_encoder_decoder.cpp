// Lesson 2: one RNN reads the sentence into a vector, another writes the translation from it.
#include "translation.h"

using namespace heed;
using namespace heed::train;

namespace {

/// What the encoder makes of a sentence: (S, H), one state after each word.
Tensor hidden_states(const Translator& translator, const std::string& sentence) {
  const NoGrad no_grad;
  const std::vector<int64_t> ids = translator.source_tokens().encode(sentence);
  const Tensor source = from_vector(ids, {1, static_cast<int64_t>(ids.size())});
  const Tensor begin = full({1, 1}, Words::kBos, i64);
  return std::get<models::Seq2Seq>(translator.model()).states(source, {}, begin).encoder[0];
}

/// One step of a GRU by hand: what it reads, x (E), and what it remembers, h (H), become the next h.
Tensor gru_step(const nn::RecurrentWeights& w, const Tensor& x, const Tensor& h) {
  const std::vector<Tensor> a = chunk(linear(x, w.weight_ih, w.bias_ih), 3, 0),
                            b = chunk(linear(h, w.weight_hh, w.bias_hh), 3, 0);
  const Tensor r = sigmoid(a[0] + b[0]);   // how much of the past the candidate sees
  const Tensor z = sigmoid(a[1] + b[1]);   // how much of the past stays
  const Tensor n = tanh(a[2] + r * b[2]);  // the candidate
  return (1 - z) * n + z * h;
}

/// The encoder-decoder by hand: reads the ids of a sentence into c, and writes from it until the end token.
struct ByHand {
  const models::Seq2Seq& model;
  std::vector<Tensor> states;  // after each word
  std::vector<int64_t> written;

  ByHand(const models::Seq2Seq& m, const std::vector<int64_t>& ids) : model(m) {
    const NoGrad no_grad;
    Tensor h = zeros({m.config.hidden});
    for (const int64_t id : ids)
      states.push_back(h = gru_step(m.encoder.weights[0], m.source_embedding.weight[id], h));
    const Tensor c = h;  // all that the writer ever sees
    Tensor d = tanh(m.bridge(c));
    for (int64_t y = Words::kBos; written.size() < 2 * ids.size() + 10; written.push_back(y)) {
      const Tensor e = m.target_embedding.weight[y];
      d = gru_step(m.cell.weights, cat({e, c}, 0), d);
      y = m.output(cat({d, c, e}, 0)).argmax(0).item<int64_t>();
      if (y == Words::kEos) break;
    }
  }
};

/// The cosine of the angle between two vectors: 1 if they point the same way.
double cosine(const Tensor& a, const Tensor& b) {
  return ((a * b).sum() / sqrt((a * a).sum() * (b * b).sum())).item<double>();
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(
      argc, argv, "Lesson 2: the encoder-decoder",
      [](lesson::Lesson& l) {
        const PairSplit pairs = lesson::task(l);
        Translator translator(Arch::rnn, nn::Cell::gru, pairs.train, l.seed());
        const int64_t H = std::get<models::Seq2Seq>(translator.model()).config.hidden;
        fmt::print("A GRU reads, a GRU writes; between them one vector of {} numbers. {} parameters.\n", H,
                   translator.params().numel());

        l.heading("Training: cross-entropy of each French word, given the vector and the words before it");
        const TrainingReport report =
            lesson::whole(learn_pairs(translator, pairs,
                                      {.steps = l.budget(3000, 250),
                                       .seed = l.seed(),
                                       .trainer = {.evaluate_every = 0, .sample_every = l.budget(300, 50)}}));
        l.picture("loss", lesson::loss_chart("The encoder-decoder learns",
                                             {lesson::loss_series("training", report.losses)}));

        l.heading("Reading: the state after each word");
        const std::string sentence = "the small cat that was sitting on the mat did not see the dog";
        const Tensor states = hidden_states(translator, sentence);
        const std::vector<std::string> words = split_words(sentence);
        l.picture("states", Heatmap{"The encoder's state after each word (32 of its numbers)",
                                    "number",
                                    "after",
                                    {},
                                    words,
                                    states.narrow(1, 0, 32)});
        fmt::print(
            "How much of the last state is there already? The cosine between it and the state after each "
            "word:\n");
        const int64_t S = states.size(0);
        for (int64_t s = 0; s < S; ++s) {
          const double settled = cosine(states[s], states[S - 1]);
          fmt::print("  {:>8}  {:6.3f}\n", words[static_cast<size_t>(s)], settled);
          if (words[static_cast<size_t>(s)] == "mat") l.page("at_mat", fmt::format("{:.2f}", settled));
        }
        l.expect("a state's numbers stay within", amax(abs(states)).item<double>(), 0.3, 1);

        l.heading("Writing: from that vector alone");
        const std::vector<SentencePair> samples(pairs.held_out.begin(), pairs.held_out.begin() + 8);
        lesson::show_translations(translator, samples);

        l.heading("The same by hand: a GRU's step, and the loops that read and write");
        const ByHand by_hand(std::get<models::Seq2Seq>(translator.model()),
                             translator.source_tokens().encode(sentence));
        l.expect_equal("states by hand and of the module", stack(by_hand.states, 0), states, 1e-5);
        l.expect_equal("words written alike", from_vector(by_hand.written, {std::ssize(by_hand.written)}),
                       [&] {
                         const auto tokens = translator.translate(std::vector{sentence})[0].tokens;
                         return from_vector(tokens, {std::ssize(tokens)});
                       }());

        l.heading("The longer the sentence, the more one vector must hold");
        const TranslationScores scores = translator.score(pairs.held_out);
        fmt::print("{}", format_scores(scores));
        l.page("by_length", lesson::score_table({{"", &scores}}));
        l.picture("length", lesson::length_chart("One vector for a sentence of any length", "exact match (%)",
                                                 {lesson::exact_series("RNN", scores)}));
        lesson::leave_page(l, translator, "the small black cat did not see the dogs");
        if (l.quick())
          return l.expect("loss after 250 steps", lesson::loss_series("", report.losses).y.back(), 0.3, 1.6);
        l.expect("exact match, 1 to 5 words (%)", 100 * scores.rows.front().exact_match, 90, 100);
        l.expect("exact match, 16 to 20 words (%)", 100 * scores.rows.back().exact_match, 0, 8);
        l.expect("exact match, all (%)", 100 * scores.exact_match, 42, 56);
      },
      1);
}

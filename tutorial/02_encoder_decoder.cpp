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
            learn_pairs(translator, pairs, {.steps = l.budget(3000, 250), .seed = l.seed(), .quiet = true});
        l.picture("loss",
                  lesson::loss_chart("The encoder-decoder learns", {lesson::loss_series("training", report.losses)}));

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
            "How much of the last state is there already? The cosine between it and the state after each word:\n");
        const int64_t S = states.size(0);
        for (int64_t s = 0; s < S; ++s)
          fmt::print("  {:>8}  {:6.3f}\n", words[static_cast<size_t>(s)], cosine(states[s], states[S - 1]));
        l.expect("a state's numbers stay within", amax(abs(states)).item<double>(), 0.3, 1);

        l.heading("Writing: from that vector alone");
        const std::vector<SentencePair> samples(pairs.held_out.begin(), pairs.held_out.begin() + 8);
        lesson::show_translations(translator, samples);

        l.heading("The longer the sentence, the more one vector must hold");
        const TranslationScores scores = translator.score(pairs.held_out);
        fmt::print("{}", format_scores(scores));
        l.picture("length", lesson::length_chart("One vector for a sentence of any length", "exact match (%)",
                                                 {lesson::exact_series("RNN", scores)}));
        if (l.quick())
          return l.expect("loss after 250 steps", lesson::loss_series("", report.losses).y.back(), 0.3, 1.6);
        l.expect("exact match, 1 to 5 words (%)", 100 * scores.rows.front().exact_match, 90, 100);
        l.expect("exact match, 16 to 20 words (%)", 100 * scores.rows.back().exact_match, 0, 8);
        l.expect("exact match, all (%)", 100 * scores.exact_match, 42, 56);
      },
      1);
}

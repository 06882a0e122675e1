// Lesson 4: soft attention. The decoder looks back at every word, and learns where to look.
#include <algorithm>

#include "translation.h"

using namespace heed;
using namespace heed::train;

namespace {

/// Of the French words that the grammar lines up with an English one: the share (in percent) whose strongest
/// weight lies on such a word, in translations that are right.
double alignment_accuracy(const Translator& translator, const std::vector<ParsedPair>& parsed) {
  std::vector<std::string> sources;
  for (const ParsedPair& p : parsed) sources.push_back(p.pair.source);
  const auto translations = translator.translate(sources);
  double right = 0, all = 0;
  for (size_t i = 0; i < parsed.size(); ++i) {
    if (translator.text(translations[i], parsed[i].pair.source) != parsed[i].pair.target) continue;
    const std::vector<int64_t> looks = translations[i].alignment.argmax(-1).to_vector<int64_t>();
    for (size_t t = 0; t < translations[i].tokens.size(); ++t) {
      const auto& links = parsed[i].parse.alignment;
      const auto links_to_t = [t](const auto& link) { return link.second == static_cast<int64_t>(t); };
      if (std::none_of(links.begin(), links.end(), links_to_t)) continue;
      all += 1;
      right += std::binary_search(links.begin(), links.end(), std::pair(looks[t], static_cast<int64_t>(t)));
    }
  }
  return all > 0 ? 100 * right / all : 0;
}

Heatmap alignment(const Translator& translator, const std::string& sentence) {
  const models::Translation translation = translator.translate(std::vector{sentence})[0];
  const std::vector<std::string> source = split_words(sentence),
                                 target = split_words(translator.text(translation, sentence));
  return {"Where each French word looks", "English", "French", source, target, translation.alignment, 0, 1};
}

/// Soft attention by hand: a state d (H) of the decoder looks at the encoder's states h (S, 2 H).
struct SoftAttention {
  Tensor scores, shares, context;
  SoftAttention(const nn::AdditiveAttention& attention, const Tensor& d, const Tensor& h) {
    const NoGrad no_grad;
    scores = matmul(tanh(attention.W(d) + attention.U(h)), attention.v);  // (S): e = v . tanh(W d + U h)
    shares = softmax(scores, 0);                                          // (S): a, which add up to 1
    context = matmul(shares, h);  // (2 H): c, the mean of h by these shares
  }
};

/// By hand and by the module, for the word that step `t` writes of a sentence.
void by_hand(lesson::Lesson& l, const Translator& translator, const std::string& sentence, int64_t t) {
  const auto& model = std::get<models::Seq2Seq>(translator.model());
  const models::Translation translation = translator.translate(std::vector{sentence})[0];
  if (t >= std::ssize(translation.tokens)) t = 1;
  const std::vector<int64_t> ids = translator.source_tokens().encode(sentence);
  std::vector<int64_t> input = {Words::kBos};
  input.insert(input.end(), translation.tokens.begin(), translation.tokens.end());
  const NoGrad no_grad;
  const models::Seq2SeqStates states =
      model.states(from_vector(ids, {1, std::ssize(ids)}), {}, from_vector(input, {1, std::ssize(input)}));
  const SoftAttention look(*model.attention, states.decoder[0][t - 1], states.encoder[0]);
  std::vector<std::vector<std::string>> table = {{"word", "score", "share"}};
  const std::vector<std::string> words = split_words(sentence);
  for (int64_t s = 0; s < std::ssize(ids); ++s) {
    table.push_back({words[size_t(s)], fmt::format("{:.2f}", look.scores.at<double>({s})),
                     fmt::format("{:.4f}", look.shares.at<double>({s}))});
    fmt::print("  {:>8}  score {:>7}  share {}\n", table.back()[0], table.back()[1], table.back()[2]);
  }
  l.page("look", table);
  l.page("looker", split_words(translator.text(translation, sentence))[size_t(t)]);
  l.expect_equal("shares by hand and of the model", look.shares, translation.alignment[t], 1e-5);
  l.expect_equal("the context by hand and of the model", look.context, states.context[0][t], 1e-5);
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(
      argc, argv, "Lesson 4: soft attention",
      [](lesson::Lesson& l) {
        const PairSplit pairs = lesson::task(l);
        const PairTraining budget{.steps = l.budget(3000, 350),
                                  .seed = l.seed(),
                                  .trainer = {.evaluate_every = 0, .sample_every = l.budget(300, 50)}};
        Translator with(Arch::attention, nn::Cell::gru, pairs.train, l.seed()),
            without(Arch::rnn, nn::Cell::gru, pairs.train, l.seed());

        l.heading("The same training, with attention and without");
        const TrainingReport learned = lesson::whole(learn_pairs(with, pairs, budget)),
                             beside = lesson::whole(learn_pairs(without, pairs, budget));
        l.picture("loss", lesson::loss_chart("Attention learns faster, and further",
                                             {lesson::loss_series("one vector", beside.losses),
                                              lesson::loss_series("attention", learned.losses)}));
        fmt::print("attention {:.0f} s, one vector {:.0f} s\n", learned.seconds, beside.seconds);

        l.heading("Where it looks: \"black cat\" changes sides, \"did not see\" becomes four words");
        const Heatmap picture = alignment(with, "the small black cat did not see the dogs");
        l.picture("alignment", picture);
        if (!l.quick()) {
          l.expect_equal("the sentence is translated right",
                         picture.rows == split_words("le petit chat noir n' a pas vu les chiens"), true);
          l.expect_equal("\"noir\", French word 4, looks most at \"black\", English word 3",
                         double(picture.values[3].argmax().item<int64_t>()) + 1, 3);
          l.expect_equal("\"chat\", French word 3, looks most at \"cat\", English word 4",
                         double(picture.values[2].argmax().item<int64_t>()) + 1, 4);
        }
        l.heading("The same by hand, for one word: scores, shares, and the mean that they make");
        by_hand(l, with, l.quick() ? "the cat slept" : "the small black cat did not see the dogs", 3);

        const Heatmap nested = alignment(
            with, l.quick() ? "the cat slept"
                            : "the cat that was sitting on the mat , which was next to the dog , jumped");
        l.picture("alignment_nested", nested);

        Rng rng(0);
        const auto parsed =
            Grammar::parsed_pairs(300, {.max_words = l.quick() ? 8 : 20, .split = Split::test}, rng);
        const double found = alignment_accuracy(with, parsed);
        l.page("found", fmt::format("{:.0f}%", found));
        l.expect("words that look where the grammar says (%)", found, l.quick() ? 50 : 70, 100);

        l.heading("By length of the source: attention first, then lesson 2's single vector");
        const TranslationScores a = with.score(pairs.held_out), b = without.score(pairs.held_out);
        fmt::print("{}\n{}", format_scores(a), format_scores(b));
        l.page("by_length", lesson::score_table({{"attention", &a}, {"one vector", &b}}));
        l.picture("exact", lesson::length_chart("Exact match by length", "exact match (%)",
                                                {lesson::exact_series("one vector", b),
                                                 lesson::exact_series("attention", a)}));
        l.picture(
            "bleu",
            lesson::length_chart("BLEU by length (Bahdanau et al. 2014, figure 2)", "BLEU",
                                 {lesson::bleu_series("one vector", b), lesson::bleu_series("attention", a)}),
            false);
        lesson::leave_page(l, with, "the small black cat did not see the dogs");
        if (l.quick()) {
          const double x = lesson::loss_series("", learned.losses).y.back(),
                       y = lesson::loss_series("", beside.losses).y.back();
          l.expect("loss after 350 steps, attention over one vector", x / y, 0.02, 0.9);
          return;
        }
        l.expect("exact match with attention (%)", 100 * a.exact_match, 95, 100);
        l.expect("with attention, 16 to 20 words (%)", 100 * a.rows.back().exact_match, 88, 100);
        l.expect("exact match without (%)", 100 * b.exact_match, 42, 56);
        l.expect("without, 16 to 20 words (%)", 100 * b.rows.back().exact_match, 0, 8);
      },
      1);
}

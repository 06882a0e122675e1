// Lesson 9: "Attention Is All You Need" translates the same sentences, without recurrence.
#include <cmath>

#include "layer_costs.h"
#include "translation.h"

using namespace heed;
using namespace heed::train;

namespace {

/// Multi-head attention by hand: x (T, C) looks at memory (S, C), which is x itself in self-attention.
Tensor attend(const nn::MultiHeadAttention& a, const Tensor& x, const Tensor& memory, bool causal) {
  const int64_t D = x.size(1) / a.heads;
  const Tensor q = a.W_query(x), k = a.W_key(memory), v = a.W_value(memory);
  std::vector<Tensor> mixed;
  for (int64_t h = 0; h < a.heads; ++h) {
    const auto part = [&](const Tensor& y) { return y(all, slice(h * D, (h + 1) * D)); };
    Tensor scores = matmul(part(q), part(k).mT()) / std::sqrt(double(D));  // (T, S)
    if (causal) scores = masked_fill(scores, logical_not(nn::causal_mask(x.size(0))), -INFINITY);
    mixed.push_back(matmul(softmax(scores, -1), part(v)));
  }
  return a.out_proj(cat(mixed, -1));
}

Tensor feed(const models::FeedForward& f, const Tensor& x) { return f.linear2(relu(f.linear1(x))); }

/// An encoder layer by hand: look at each other, then think alone; each adds to what was there.
Tensor encode(const models::EncoderLayer& layer, Tensor x) {
  const Tensor seen = layer.norm1.norm(x);
  x = x + attend(layer.self_attn, seen, seen, false);
  return x + feed(layer.feedforward, layer.norm2.norm(x));
}

/// A decoder layer by hand: look back, look at the sentence (cross-attention), think.
Tensor decode(const models::DecoderLayer& layer, Tensor y, const Tensor& memory) {
  const Tensor seen = layer.norm1.norm(y);
  y = y + attend(layer.self_attn, seen, seen, true);
  y = y + attend(layer.cross_attn, layer.norm2.norm(y), memory, false);
  return y + feed(layer.feedforward, layer.norm3.norm(y));
}

/// Both beside the library's layers, on six words that are read and four that are written.
void by_hand(lesson::Lesson& l, const models::Transformer& model) {
  const NoGrad no_grad;
  const nn::EvalMode eval;
  Rng rng(l.seed());
  const Tensor x = randn({6, model.config.channels}, rng), y = randn({4, model.config.channels}, rng);
  const auto& encoder = model.encoder_layers[0];
  const auto& decoder = model.decoder_layers[0];
  l.expect_equal("an encoder layer by hand and the library's", encode(encoder, x),
                 encoder(x.unsqueeze(0), {})[0], 1e-4);
  l.expect_equal("a decoder layer by hand and the library's", decode(decoder, y, x),
                 decoder(y.unsqueeze(0), x.unsqueeze(0), {})[0], 1e-4);
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(
      argc, argv, "Lesson 9: the Transformer",
      [](lesson::Lesson& l) {
        l.heading("What a layer costs (Vaswani et al. 2017, table 1)");
        lesson::table_1(l);

        l.heading("The same sentences, the same width, the same training");
        const PairSplit pairs = lesson::task(l);
        Translator transformer(Arch::transformer, nn::Cell::gru, pairs.train, l.seed());
        Translator recurrent(Arch::attention, nn::Cell::gru, pairs.train, l.seed());
        const auto& model = std::get<models::Transformer>(transformer.model());
        fmt::print("{} layers, {} heads, {} channels: {} parameters (lesson 4's GRU with attention: {})\n",
                   model.config.layers, model.config.heads, model.config.channels,
                   transformer.params().numel(), recurrent.params().numel());
        l.page("sizes", fmt::format("{} layers, {} heads, {} parameters", model.config.layers,
                                    model.config.heads, lesson::grouped(transformer.params().numel())));
        const TrainingReport report =
            lesson::whole(learn_pairs(transformer, pairs,
                                      {.steps = l.budget(3000, 250),
                                       .seed = l.seed(),
                                       .trainer = {.evaluate_every = 0, .sample_every = l.budget(300, 50)}}));
        const TrainingReport beside = lesson::whole(
            learn_pairs(recurrent, pairs, {.steps = l.budget(100, 20), .seed = l.seed(), .quiet = true}));
        fmt::print("{:.1f} ms a step; the GRU with attention {:.1f} ms\n",
                   1e3 * report.seconds / double(report.steps), 1e3 * beside.seconds / double(beside.steps));
        l.picture("loss", lesson::loss_chart("A Transformer learns the same task",
                                             {lesson::loss_series("training", report.losses)}));

        l.heading("One encoder layer and one decoder layer by hand");
        by_hand(l, model);

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
                    Heatmap{fmt::format("Cross attention, head {}", h + 1), "English", "French", words,
                            written, cross[h].narrow(0, 0, std::ssize(written)), 0, 1},
                    h == 0);
        l.expect_equal("each row of weights adds up to", cross.sum(-1),
                       ones({model.config.heads, std::ssize(input)}), 1e-5);

        l.heading("By length of the source");
        const TranslationScores scores = transformer.score(pairs.held_out);
        fmt::print("{}", format_scores(scores));
        l.page("by_length", lesson::score_table({{"", &scores}}));
        l.picture("exact",
                  lesson::length_chart("Exact match by length", "exact match (%)",
                                       {lesson::exact_series("Transformer", scores)}),
                  false);
        lesson::leave_page(l, transformer, "the small black cat did not see the dogs");
        if (l.quick())
          return l.expect("loss after 250 steps", lesson::loss_series("", report.losses).y.back(), 0.01, 1.0);
        l.expect("exact match (%)", 100 * scores.exact_match, 95, 100);
        l.expect("exact match, 16 to 20 words (%)", 100 * scores.rows.back().exact_match, 88, 100);
      },
      1);
}

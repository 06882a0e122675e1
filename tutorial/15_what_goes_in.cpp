// Lesson 15, to be read between 8 and 9: tokens, embeddings, positions, residuals and norms.
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "deep.h"
#include "lesson.h"

using namespace heed;
using namespace heed::train;
using namespace deep;

namespace {

/// One sentence as letters, as words, and as the pieces that are frequent in a text.
void tokens(lesson::Lesson& l, const std::string& text, const std::string& sentence) {
  const Chars letters = Chars::from_text(text);
  const Words words = Words::from_sentences(std::vector{text});
  const Bpe pieces = Bpe::train(text, 600);
  std::vector<std::vector<std::string>> table = {{"cut into", "of so many", "tokens", "their ids"}};
  const auto add = [&](const char* what, int64_t vocabulary, const std::vector<int64_t>& ids) {
    table.push_back(
        {what, fmt::format("{}", vocabulary), fmt::format("{}", ids.size()), lesson::spaced(ids)});
    fmt::print("  {:<8} {:>4} in all, {:>2} here: {}\n", what, vocabulary, ids.size(), lesson::spaced(ids));
  };
  add("letters", letters.size(), letters.encode(sentence));
  add("words", words.size(), words.encode(sentence));
  add("pieces", pieces.size(), pieces.encode(sentence));
  l.page("tokens", table);
  std::vector<std::string> cut;
  for (const int64_t id : pieces.encode(sentence)) cut.push_back(pieces.token(id));
  l.page("pieces", fmt::format("`{}`", join(cut, "|")));
  l.expect_equal("decoded again it is the same", pieces.decode(pieces.encode(sentence)) == sentence, true);
}

/// An embedding is a product with a one-hot vector, and learns in the rows of the words that were there.
void embeddings(lesson::Lesson& l, Rng& rng) {
  nn::Parameters params(rng);
  const nn::Embedding table(params, 10, 4);
  const Tensor ids = from_vector(std::vector<int64_t>{3, 7, 3}, {3});
  l.expect_equal("rows of the table, and one-hot vectors times it", table(ids),
                 matmul(one_hot(ids, 10).to(f32), table.weight));
  table(ids).sum().backward();
  l.show("gradient of each row", table.weight.grad().mean(-1));
  l.expect_equal("rows that learn from words 3, 7, 3",
                 gt(amax(abs(table.weight.grad()), {1}), 0).to(f32).sum().item<double>(), 2);
}

/// The same words in another order, with positions and without: how far the words' vectors are apart.
void positions(lesson::Lesson& l, Rng& rng) {
  nn::Parameters params(rng);
  const nn::MultiHeadAttention attention(params / "a", kWidth, kWidth, kHeads),
      causal(params / "c", kWidth, kWidth, kHeads, {.causal = true});
  const nn::Embedding table(params / "e", 10, kWidth);
  const nn::LearnedPosition learned(params / "p", 16, kWidth);
  const Tensor order = from_vector(std::vector<int64_t>{0, 4, 2, 3, 1}, {5});  // where each word was
  const Tensor ids = from_vector(std::vector<int64_t>{0, 1, 2, 0, 3}, {5}),
               other = index_select(ids, 0, order);
  std::vector<std::vector<std::string>> rows = {{"", "the words' vectors differ by at most"}};
  const auto apart = [&](const std::string& what, const nn::MultiHeadAttention& a,
                         const std::function<Tensor(const Tensor&)>& place) {
    const Tensor one = a(place(table(ids)).unsqueeze(0))[0], two = a(place(table(other)).unsqueeze(0))[0];
    const double d = amax(abs(index_select(one, 0, order) - two)).item<double>();
    rows.push_back({what, d < 1e-5 ? "0, to rounding" : fmt::format("{:.2f}", d)});
    fmt::print("  {:<28} {:.2g}\n", what, d);
    return d;
  };
  l.expect_equal("no positions: apart", apart("no positions", attention, [](const Tensor& x) { return x; }),
                 0, 1e-5);
  l.expect("sinusoidal positions: apart", apart("sinusoidal positions", attention, nn::SinusoidalPosition()),
           0.01, 5);
  l.expect("learned positions: apart", apart("learned positions", attention, learned), 0.05, 5);
  l.expect("no positions, but a causal mask: apart",
           apart("no positions, causal mask", causal, [](const Tensor& x) { return x; }), 0.05, 5);
  l.page("shuffled", rows);
  const Tensor p = nn::sinusoidal_positions(32, kWidth);
  const Tensor alike = matmul(p, p.mT()) / double(kWidth / 2);
  l.picture("positions", Heatmap{"How alike two positions are", "position", "position", {}, {}, alike, 0, 1},
            false);
  l.expect_equal("of sinusoids, p(t) . p(t + 5) is the same everywhere", diagonal(matmul(p, p.mT()), 5),
                 full({27}, (p[0] * p[5]).sum().item<double>()), 1e-4);
}

void residuals_and_norms(lesson::Lesson& l, const std::string& text) {
  const Corpus corpus = Corpus::from_text(text);
  const int64_t steps = l.budget(200, 60), seeds = l.budget(3, 1);
  const double gentle = 3e-3, bold = 2e-2;
  fmt::print("Twelve blocks, {} steps of {:g}, or of {:g}; means of {} seeds\n", steps, gentle, bold, seeds);
  std::vector<std::vector<std::string>> rows = {{"", "gradient, first block to last",
                                                 fmt::format("loss, steps of {:g}", gentle),
                                                 fmt::format("of {:g}", bold)}};
  std::vector<Series> curves;
  std::map<std::string, std::array<double, 3>> seen;  // gradient, loss, loss of bold steps
  for (const auto& [name, norms, residuals] :
       std::vector<std::tuple<std::string, bool, bool>>{{"both", true, true},
                                                        {"without norms", false, true},
                                                        {"without residuals", true, false},
                                                        {"without either", false, false}}) {
    auto& [gradient, loss, bold_loss] = seen[name];
    for (int64_t seed = 0; seed < seeds; ++seed) {
      const Deep one(corpus, norms, residuals, gentle, steps, l.seed() + uint64_t(seed));
      gradient += one.first_gradient / double(seeds), loss += one.losses.y.back() / double(seeds);
      if (seed == 0) curves.push_back({name, one.losses.x, one.losses.y});
      if (!residuals) continue;
      const Deep fast(corpus, norms, residuals, bold, steps, l.seed() + uint64_t(seed));
      bold_loss += fast.losses.y.back() / double(seeds);
    }
    const std::string of_bold = !residuals              ? ""
                                : std::isnan(bold_loss) ? "not a number"
                                                        : fmt::format("{:.2f}", bold_loss);
    rows.push_back({name, fmt::format("{:.1g}", gradient), fmt::format("{:.2f}", loss), of_bold});
    fmt::print("  {:<18} gradient of the first block over the last's {:>8.1g}   loss {:.2f}   {}\n", name,
               gradient, loss, of_bold);
  }
  l.page("deep", rows);
  l.picture("deep", LineChart{"Twelve blocks learn to guess the next letter", "step", "loss (nats)", curves});
  const std::vector<int64_t> letters = Chars::from_text(text).encode(text);
  const Tensor shares = one_hot(from_vector(letters, {std::ssize(letters)})).to(f64).mean({0});
  const double frequencies = -(shares * log(shares)).sum().item<double>();
  l.page("frequencies", fmt::format("{:.2f}", frequencies));
  l.expect("both: loss", seen["both"][1], 1.6, l.quick() ? 2.8 : 2.1);
  l.expect("without norms, gentle steps: loss", seen["without norms"][1], 1.5, l.quick() ? 2.8 : 2.1);
  if (!l.quick())
    l.expect_equal("without norms, bold steps: no number", std::isnan(seen["without norms"][2]), true);
  l.expect("both, bold steps: loss", seen["both"][2], 1.6, 2.9);
  l.expect("without residuals: loss, beyond that of the letters' frequencies alone",
           seen["without residuals"][1] - frequencies, -0.05, 0.2);
  l.expect("without either: the gradient of the first block", seen["without either"][0], 0, 1e-9);
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(
      argc, argv, "Lesson 15: what goes in",
      [](lesson::Lesson& l) {
        Rng rng(l.seed());
        const std::string text = Grammar::stories(60'000, rng);
        l.heading("Tokens: a sentence cut into letters, words, or pieces that are frequent");
        tokens(l, text, "the birds were not afraid");
        l.heading("Embeddings: a row of a table for each token");
        embeddings(l, rng);
        l.heading("Positions: \"the dog sees the cat\" and \"the cat sees the dog\"");
        positions(l, rng);
        l.heading("Residuals and norms: what breaks without");
        residuals_and_norms(l, text);
      },
      1);
}

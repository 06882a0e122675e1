// Lesson 8: several heads, first one beside the other, then all in one product, and what trained heads look
// at.
#include <algorithm>
#include <cmath>

#include "attentions.h"

using namespace heed;

namespace {

/// Words of twelve random letters; the second half of a text repeats the first.
struct Copies {
  static constexpr int64_t kLetters = 12, kHalf = 8, kLength = 2 * kHalf;
  Tensor x, y;  // (B, 15): each letter and the one after it
  Copies(int64_t B, Rng& rng) {
    const Tensor half = randint(0, kLetters, {B, kHalf}, rng), text = cat({half, half}, 1);
    x = text.narrow(1, 0, kLength - 1), y = text.narrow(1, 1, kLength - 1);
  }
};

/// How much of its weight a head gives to the letter that will be repeated: column t - kHalf + 1 in the rows
/// t of the second half.
double share_on_copy(const models::Gpt& gpt, const Tensor& x, int64_t layer, int64_t head) {
  nn::WatchAttention seen;
  gpt(x);
  const Tensor weights =
      seen[fmt::format("h.{}.attn", layer)](all, head, slice(Copies::kHalf, none), slice(1, Copies::kHalf));
  return (weights * eye(Copies::kHalf - 1)).sum(-1).mean().item<double>();
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(argc, argv, "Lesson 8: multi-head attention", [](lesson::Lesson& l) {
    const Tensor inputs = tensor({{0.43, 0.15, 0.89},
                                  {0.55, 0.87, 0.66},
                                  {0.57, 0.85, 0.64},
                                  {0.22, 0.58, 0.33},
                                  {0.77, 0.25, 0.10},
                                  {0.05, 0.80, 0.55}});
    const Tensor batch = stack({inputs, inputs}, 0);

    l.heading("Two causal heads, one beside the other");
    Rng rng(l.seed());
    nn::Parameters params(rng);
    const nn::CausalAttention first(params / "0", 3, 2), second(params / "1", 3, 2);
    const Tensor stacked = cat({first(batch), second(batch)}, -1).detach();
    l.show("context_vecs", stacked);
    if (l.seed() == 123)
      l.expect_equal("last row, as the book prints it", stacked[0][5],
                     tensor({-0.5299, -0.1081, 0.5077, 0.3493}), 5.1e-5);

    l.heading("The efficient form: one product makes the queries of both heads");
    nn::Parameters together_params(rng);
    const nn::MultiHeadAttention together(together_params, 3, 4, 2, {.causal = true});
    together.W_query.weight.assign(cat({first.W_query.weight, second.W_query.weight}, 0).detach());
    together.W_key.weight.assign(cat({first.W_key.weight, second.W_key.weight}, 0).detach());
    together.W_value.weight.assign(cat({first.W_value.weight, second.W_value.weight}, 0).detach());
    together.out_proj.weight.assign(eye(4));
    together.out_proj.bias.assign(zeros({4}));
    l.expect_equal("with the same weights, the two forms agree", together(batch), stacked, 1e-6);
    nn::WatchAttention seen;
    together(batch), first(batch), second(batch);
    l.expect_equal("head 1 weighs as the first module", seen[""].select(1, 0), seen["0"], 1e-6);
    l.expect_equal("head 2 weighs as the second", seen[""].select(1, 1), seen["1"], 1e-6);

    l.heading("And from a seed of its own, with the last layer as it is drawn");
    nn::Parameters book_params(l.seed());
    const Tensor mha = nn::MultiHeadAttention(book_params, 3, 2, 2, {.causal = true})(batch).detach();
    l.show("mha", mha);
    if (l.seed() == 123)
      l.expect_equal("its last row, as the book prints it", mha[0][5], tensor({0.2575, 0.4028}), 5.1e-5);

    l.heading("Batched products: the last two axes are matrices, those before only count them");
    const Tensor a = tensor({{{{0.2745, 0.6584, 0.2775, 0.8573},
                               {0.8993, 0.0390, 0.9268, 0.7388},
                               {0.7179, 0.7058, 0.9156, 0.4340}},
                              {{0.0772, 0.3565, 0.1479, 0.5331},
                               {0.4066, 0.2318, 0.4545, 0.9737},
                               {0.4606, 0.5159, 0.4220, 0.5786}}}});
    l.show("a @ a.transpose(2, 3)", matmul(a, a.transpose(2, 3)));
    l.expect_equal("batched products are taken one by one", matmul(a, a.transpose(2, 3))[0][1],
                   matmul(a[0][1], a[0][1].mT()), 1e-6);

    l.heading(
        "Heads of a trained model: eight random letters, then the same again. Who finds where to look?");
    Rng train_rng(l.seed());
    nn::Parameters gpt_params(train_rng);
    const models::Gpt gpt(
        gpt_params, {.vocabulary = Copies::kLetters, .context = 16, .layers = 2, .heads = 2, .channels = 32});
    train::AdamW optimizer(gpt_params, {.lr = 3e-3});
    train::Series loss{"loss", {}, {}};
    const int64_t steps = l.budget(1500, 700);
    Rng others(l.seed() + 1);
    const Copies unseen(16, others);
    lesson::Watch watch(steps);
    for (int64_t step = 0; step < steps; ++step) {
      const Copies copies(32, train_rng);
      const Tensor loss_now = cross_entropy(gpt(copies.x), copies.y);
      loss_now.backward();
      optimizer.step();
      optimizer.zero_grad();
      watch.step(loss_now.item<double>());
      if (step % 10 == 0) loss.x.push_back(double(step)), loss.y.push_back(loss_now.item<double>());
      if (step % (steps / 5) != 0) continue;
      std::string shares;
      for (const int64_t head : {0, 1, 2, 3})
        shares += fmt::format("  {:.2f}", share_on_copy(gpt, unseen.x, head / 2, head % 2));
      watch.note(fmt::format("step {}: of their weight on the letter to be repeated, the four heads give{}",
                             step, shares));
    }
    l.picture("loss", train::LineChart{"Learning to repeat", "step", "loss (nats)", {loss}});
    const double floor = 7.0 / 15 * std::log(12);  // the first half cannot be foreseen
    l.expect("final loss, above the floor of 7/15 log 12 = 1.16", loss.y.back() - floor, -0.1, 0.25);
    const Copies copies(16, train_rng);
    const std::vector<int64_t> ids = copies.x[0].to_vector<int64_t>();
    std::vector<std::string> letters;
    for (const int64_t id : ids) letters.emplace_back(1, char('a' + id));
    double best = 0;
    std::vector<std::vector<std::string>> shares = {
        {"layer", "head", "of its weight on the letter to be repeated"}};
    for (int64_t layer = 0; layer < 2; ++layer)
      for (int64_t head = 0; head < 2; ++head) {
        const double share = share_on_copy(gpt, copies.x, layer, head);
        fmt::print("layer {} head {}: {:.2f} of its weight on the letter to be repeated\n", layer + 1,
                   head + 1, share);
        shares.push_back(
            {fmt::format("{}", layer + 1), fmt::format("{}", head + 1), fmt::format("{:.2f}", share)});
        best = std::max(best, share);
        nn::WatchAttention heads;
        gpt(copies.x);
        l.picture(fmt::format("layer{}_head{}", layer + 1, head + 1),
                  train::Heatmap{fmt::format("Layer {}, head {}", layer + 1, head + 1), "looks at", "letter",
                                 letters, letters, heads[fmt::format("h.{}.attn", layer)][0][head], 0, 1},
                  false);
      }
    l.leave_page(train::page_html(
        {.title = "What four heads look at",
         .about = "A GPT that has learned to repeat eight letters",
         .examples = {{.name = join(letters, ""), .maps = {train::attention_maps(gpt, ids, letters)}}}}));
    l.page("shares", shares);
    l.page("floor", fmt::format("{:.2f}", floor));
    l.page("final", fmt::format("{:.2f}", loss.y.back()));
    l.expect("the best head's share", best, 0.5, 1);

    l.heading("All attentions side by side, 64 wide");
    lesson::side_by_side(l);
  });
}

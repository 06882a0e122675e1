// Lesson 10: causal multi-head attention, stacked into a GPT that writes.
#include <cmath>

#include "lesson.h"

using namespace heed;

namespace {

constexpr int64_t kContext = 64, kBatch = 12;

/// Mean loss over a part of the validation text, in nats a character.
double validation_loss(const models::Gpt& gpt, const train::Corpus& corpus) {
  const NoGrad no_grad;
  double sum = 0;
  int64_t n = 0;
  for (const auto& [x, y] : corpus.windows(32, kContext)) {
    sum += cross_entropy(gpt(x), y).item<double>() * double(y.numel()), n += y.numel();
    if (n > 50000) break;
  }
  return sum / double(n);
}

std::string write(const models::Gpt& gpt, const train::Corpus& corpus, const std::string& start, Rng& rng) {
  const std::vector<int64_t> ids = corpus.tokenizer().encode(start);
  const Tensor prompt = from_vector(ids, {1, int64_t(ids.size())});
  return corpus.tokenizer().decode(
      models::sample(gpt, prompt, {.tokens = 240, .temperature = 0.8}, rng)[0].to_vector<int64_t>());
}

}  // namespace

int main(int argc, char** argv) {
  return lesson::run(argc, argv, "Lesson 10: a GPT that writes", [](lesson::Lesson& l) {
    l.heading("A text without download: stories from the grammar, a character at a time");
    Rng rng(l.seed());
    const train::Corpus corpus = train::Corpus::from_text(train::Grammar::stories(400000, rng));
    const models::GptConfig config{
        .vocabulary = corpus.vocabulary(), .context = kContext, .layers = 4, .heads = 4, .channels = 128};
    nn::Parameters params(rng);
    const models::Gpt gpt(params, config);
    fmt::print("{} characters, {} of them different; a GPT of {} parameters\n",
               corpus.tokens(train::Part::train).size(), corpus.vocabulary(), params.numel());
    const double untrained = validation_loss(gpt, corpus);
    fmt::print("Before training it guesses: {:.3f} nats a character, where log({}) = {:.3f}\n", untrained,
               corpus.vocabulary(), std::log(double(corpus.vocabulary())));

    l.page("parameters", lesson::grouped(params.numel()));
    l.page("untrained", fmt::format("{:.2f}", untrained));
    l.page("even",
           fmt::format("log {} = {:.2f}", corpus.vocabulary(), std::log(double(corpus.vocabulary()))));

    l.heading("Training");
    train::AdamW optimizer(params, {.lr = 1e-3, .weight_decay = 0.1});
    const int64_t steps = l.budget(1500, 250);
    train::Series train_loss{"training", {}, {}}, held_out{"validation", {0}, {untrained}};
    lesson::Watch watch(steps);
    for (int64_t step = 1; step <= steps; ++step) {
      const auto [x, y] = corpus.batch(kBatch, kContext, rng);
      const Tensor loss = cross_entropy(gpt(x), y);
      loss.backward();
      train::clip_grad_norm(params, 1.0);
      optimizer.step();
      optimizer.zero_grad();
      if (step % 10 == 0) train_loss.x.push_back(double(step)), train_loss.y.push_back(loss.item<double>());
      watch.step(loss.item<double>());
      if (step % (steps / 5) != 0) continue;
      held_out.x.push_back(double(step)), held_out.y.push_back(validation_loss(gpt, corpus));
      Rng sampling(l.seed());
      watch.note(fmt::format("step {}: validation loss {:.3f}\n{}", step, held_out.y.back(),
                             write(gpt, corpus, "the ", sampling)));
    }
    l.picture(
        "loss",
        train::LineChart{"A GPT learns to write", "step", "loss (nats a character)", {train_loss, held_out}});
    l.expect("loss before training, about log(vocabulary)", untrained,
             std::log(double(corpus.vocabulary())) - 0.2, std::log(double(corpus.vocabulary())) + 0.4);
    if (l.quick()) l.expect("validation loss after 250 steps", held_out.y.back(), 0.5, 2.2);
    else l.expect("validation loss after 1500 steps", held_out.y.back(), 0.5, 0.8);

    l.heading("What it writes");
    Rng sampling(l.seed());
    const std::string written = write(gpt, corpus, "the ", sampling);
    fmt::print("{}\n", written);
    l.page("final", fmt::format("{:.2f}", held_out.y.back()));
    l.page("written", "> " + written);

    l.heading("What its heads look at, in the last layer");
    const std::string sentence = "the small cat that was on the mat";
    const std::vector<int64_t> ids = corpus.tokenizer().encode(sentence);
    std::vector<std::string> letters;
    for (const char c : sentence) letters.emplace_back(1, c);
    double future = 0;
    nn::WatchAttention seen;
    gpt(from_vector(ids, {1, int64_t(ids.size())}));
    for (int64_t layer = 0; layer < config.layers; ++layer) {
      const Tensor weights = seen[fmt::format("h.{}.attn", layer)][0];
      future += triu(weights, 1).sum().item<double>();
      for (int64_t head = 0; head < config.heads; ++head)
        l.picture(fmt::format("layer{}_head{}", layer + 1, head + 1),
                  train::Heatmap{fmt::format("Layer {}, head {}", layer + 1, head + 1), "looks at", "letter",
                                 letters, letters, weights[head]},
                  layer + 1 == config.layers && head == 0);
    }
    l.leave_page(
        train::live_page_html(gpt, {.title = "A GPT that writes in your hands",
                                    .about = fmt::format("{} parameters", lesson::grouped(params.numel())),
                                    .examples = {sentence},
                                    .source = train::live_tokens(corpus.tokenizer()),
                                    .snapshots = {{steps, &params}}}));
    l.expect_equal("weight that all heads of all layers give to the future", future, 0);
  });
}

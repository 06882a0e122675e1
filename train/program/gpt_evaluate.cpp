// How well a GPT predicts text: the part that its training leaves out, and any text with any folder.
#include <heed/train/program/gpt.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include <heed/autograd/grad_mode.h>
#include <heed/tensor/io/json.h>
#include <heed/train/data/text.h>
#include <heed/train/program/commands.h>
#include <heed/train/show/progress.h>

namespace heed::train::program {
namespace {

constexpr int64_t kTokensAtOnce = 4096;
constexpr int64_t kMostContext = 1024;  // unless --context says more: the logits of a window are context x vocabulary

/// Nats a token so far, and which share of the windows is done.
using TellLoss = std::function<void(double loss, double share)>;

double mean_loss(const models::Gpt& gpt, const std::vector<TokenBatch>& windows, const TellLoss& tell) {
  double sum = 0, count = 0, done = 0;
  for (const auto& [x, y] : windows) {
    const double n = static_cast<double>(y.numel());
    sum += cross_entropy(gpt(x), y).item<double>() * n;
    count += n;
    tell(sum / count, ++done / static_cast<double>(windows.size()));
  }
  return sum / count;
}

/// What is to be predicted, as a validation part.
Corpus corpus_of(const Op& op, const GptEvaluateFlags& flags, const Tokenizer& tokenizer) {
  if (is_folder(flags.text)) {
    for (const auto& [given, flag] : {std::pair(flags.held_out, "--held-out"), {flags.keep_cr, "--keep-cr"}})
      if (given)
        fail<UsageError>(op, "{} is given, and --text '{}' is a directory of ids; need a text", flag, flags.text);
    check_made_by(op, flags.text, tokenizer, "--model");
    return Corpus::from_directory(flags.text, tokenizer);
  }
  const std::string text = read_text(flags.text);
  return Corpus::from_text(flags.keep_cr ? text : unix_text(text), tokenizer,
                           flags.held_out ? std::nullopt : std::optional(Part::validation));
}

}  // namespace

HeldOut::HeldOut(const Corpus& corpus, int64_t context)
    : windows(corpus.windows(std::max<int64_t>(1, kTokensAtOnce / context), context)),
      bits_per_nat(static_cast<double>(corpus.tokens(Part::validation).size() - 1) / std::log(2) /
                   static_cast<double>(std::max<int64_t>(1, corpus.bytes(Part::validation)))) {}

Evaluation validation(const models::Gpt& gpt, const std::vector<TokenBatch>& windows, double bits_per_nat) {
  int64_t tokens = 0;
  for (const auto& [x, y] : windows) tokens += y.numel();
  const auto measure = [&gpt, &windows, bits_per_nat](const Tell& tell) {
    const double loss = mean_loss(gpt, windows, [&](double, double share) { tell(share); });
    return Measurements{{"val_loss", loss}, {"bits_per_byte", loss * bits_per_nat}};
  };
  return {measure, tokens};
}

int evaluate_gpt(const GptEvaluateFlags& flags) {
  const Op op{"gpt evaluate"};
  const SavedGpt saved = load_gpt(flags.model);
  const models::Gpt gpt = with_weights(saved, flags.weights, flags.model);
  const int64_t most = gpt.config.context, context = flags.context.value_or(std::min(most, kMostContext));
  if (context > most)
    fail<UsageError>(op, "--context {} is more than the model has positions for; need at most {}", context, most);
  const Corpus corpus = corpus_of(op, flags, saved.tokenizer);
  const auto tokens = static_cast<int64_t>(corpus.tokens(Part::validation).size()) - 1;
  if (tokens < 1)
    fail<FileError>(op, "{}'{}' has {} token to predict from; need 2 or more",
                    flags.held_out ? "the last tenth of " : "", flags.text, tokens + 1);

  const HeldOut all(corpus, context);
  const NoGrad no_grad;
  const nn::EvalMode eval;
  const auto begin = std::chrono::steady_clock::now();
  Progress progress(std::ssize(all.windows));
  const double loss = mean_loss(gpt, all.windows, [&](double so_far, double share) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (share < 1)
      progress.update(std::llround(share * static_cast<double>(all.windows.size())), so_far,
                      share * static_cast<double>(tokens) / seconds, seconds * (1 - share) / share);
  });
  const double perplexity = std::exp(loss), bits = loss * all.bits_per_nat;
  if (flags.json)
    fmt::print("{}\n",
               dump_json({{"loss", loss}, {"perplexity", perplexity}, {"bits_per_byte", bits}, {"tokens", tokens}}));
  else fmt::print("loss {:.4f} (perplexity {:.4f}, {:.4f} bits a byte) of {} tokens\n", loss, perplexity, bits, tokens);
  return 0;
}

}  // namespace heed::train::program

#include <heed/train/translator.h>

#include <algorithm>
#include <numeric>

#include <heed/autograd/grad_mode.h>

namespace heed::train {
namespace {

constexpr int64_t kWidth = 128;    // of embeddings, hidden states and channels
constexpr int64_t kLongest = 512;  // words that a Transformer's positions reach

constexpr nn::Cell kCells[] = {nn::Cell::rnn_tanh, nn::Cell::lstm, nn::Cell::gru};  // in the order of cell_names()

TranslatorModel new_model(nn::Scope scope, const TranslatorConfig& config) {
  if (const auto* c = std::get_if<models::Seq2SeqConfig>(&config)) return models::Seq2Seq(scope, *c);
  return models::Transformer(scope, std::get<models::TransformerConfig>(config));
}

constexpr int64_t kSampledPairs = 256;  // that an evaluation on the way takes
constexpr int64_t kShown = 3;           // translations in a sample

/// The mean loss of all words of batches of the set.
Evaluation mean_loss(const std::function<Tensor(const PairBatch&)>& loss, const PairSet& set,
                     const std::vector<std::vector<int64_t>>& batches) {
  int64_t tokens = 0;
  for (const auto& rows : batches) tokens += set.batch(rows).target_words();
  const auto measure = [&loss, &set, batches](const Tell& tell) {
    double sum = 0, count = 0, done = 0;
    for (const auto& rows : batches) {
      const PairBatch batch = set.batch(rows);
      const double words = static_cast<double>(batch.target_words());
      sum += loss(batch).item<double>() * words;
      count += words;
      tell(++done / static_cast<double>(batches.size()));
    }
    return Measurements{{"val_loss", sum / count}};
  };
  return {measure, tokens};
}

}  // namespace

const std::vector<std::string>& arch_names() {
  static const std::vector<std::string> names = {"rnn", "attention", "transformer"};
  return names;
}

const std::vector<std::string>& cell_names() {
  static const std::vector<std::string> names = {"rnn", "lstm", "gru"};
  return names;
}

nn::Cell cell_at(size_t index) { return kCells[index]; }

const std::string& name_of_cell(nn::Cell cell) {
  return cell_names()[static_cast<size_t>(std::find(std::begin(kCells), std::end(kCells), cell) - std::begin(kCells))];
}

TranslatorConfig default_config(Arch arch, nn::Cell cell, int64_t source_vocabulary, int64_t target_vocabulary) {
  if (arch != Arch::transformer)
    return models::Seq2SeqConfig{.source_vocabulary = source_vocabulary,
                                 .target_vocabulary = target_vocabulary,
                                 .embedding = kWidth,
                                 .hidden = kWidth,
                                 .cell = cell,
                                 .attention = arch == Arch::attention};
  return models::TransformerConfig{.source_vocabulary = source_vocabulary,
                                   .target_vocabulary = target_vocabulary,
                                   .context = kLongest,
                                   .layers = 2,
                                   .heads = 4,
                                   .channels = kWidth,
                                   .feedforward = 4 * kWidth,
                                   .dropout = 0,
                                   .pre_norm = true};
}

Translator::Translator(Words source_words, Words target_words, const TranslatorConfig& config, uint64_t seed)
    : source_words_(std::move(source_words)),
      target_words_(std::move(target_words)),
      rng_(seed),
      params_(rng_),
      model_(new_model(params_, config)) {}

Translator::Translator(Arch arch, nn::Cell cell, std::span<const SentencePair> pairs, uint64_t seed,
                       int64_t min_frequency)
    : source_words_(Words::from_sentences(side(pairs, &SentencePair::source), min_frequency)),
      target_words_(Words::from_sentences(side(pairs, &SentencePair::target), min_frequency)),
      rng_(seed),
      params_(rng_),
      model_(new_model(params_, default_config(arch, cell, source_words_.size(), target_words_.size()))) {}

Tensor Translator::loss(const PairBatch& batch, double label_smoothing) const {
  const Tensor logits = std::visit(
      [&](const auto& model) { return model(batch.source, batch.source_length, batch.decoder_input); }, model_);
  return cross_entropy(logits, batch.targets, {.label_smoothing = label_smoothing});
}

std::vector<models::Translation> Translator::translate(std::span<const std::string> sentences, int64_t beam) const {
  constexpr int64_t kAtOnce = 64;
  const NoGrad no_grad;
  const nn::EvalMode eval;
  if (sentences.empty()) return {};
  std::vector<SentencePair> pairs;
  for (const std::string& sentence : sentences) pairs.push_back({sentence, sentence});
  const PairSet set(pairs, source_words_, target_words_);

  // Sentences of one length together, so that little is padded.
  std::vector<int64_t> order(sentences.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::vector<size_t> words(sentences.size());
  for (size_t i = 0; i < words.size(); ++i) words[i] = split_words(sentences[i]).size();
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return words[static_cast<size_t>(a)] < words[static_cast<size_t>(b)]; });

  std::vector<models::Translation> translations(sentences.size());
  for (size_t first = 0; first < order.size(); first += kAtOnce) {
    const auto rows = std::span(order).subspan(first, std::min<size_t>(kAtOnce, order.size() - first));
    const PairBatch batch = set.batch(rows);
    const models::TranslateOptions options{.begin = Words::kBos,
                                           .end = Words::kEos,
                                           .max_length = std::min(2 * batch.source.size(1) + 10, kLongest),
                                           .beam = beam};
    std::vector<models::Translation> found = std::visit(
        [&](const auto& model) { return models::translate(model, batch.source, batch.source_length, options); },
        model_);
    for (size_t i = 0; i < rows.size(); ++i) translations[static_cast<size_t>(rows[i])] = std::move(found[i]);
  }
  return translations;
}

TranslationScores Translator::score(std::span<const SentencePair> pairs) const {
  const std::vector<std::string> sources = side(pairs, &SentencePair::source);
  std::vector<std::string> candidates;
  for (const models::Translation& translation : translate(sources)) candidates.push_back(text(translation));
  return score_translations(sources, candidates, side(pairs, &SentencePair::target));
}

TrainingReport learn_pairs(nn::Parameters& params, const std::function<Tensor(const PairBatch&)>& loss,
                           const PairSet& train, const PairSet& held_out, const PairTraining& options,
                           const std::function<void(const std::filesystem::path&)>& save,
                           const std::function<std::string()>& sample, const std::function<Tensor()>& picture) {
  Adam optimizer(params, {.lr = options.lr, .beta2 = 0.98});
  TrainerOptions o = options.trainer;
  o.steps = options.steps;
  o.lr = warmup_cosine({.lr = options.lr,
                        .min_lr = options.lr / 50,
                        .warmup = std::min<int64_t>(200, options.steps / 10),
                        .decay_steps = options.steps});
  o.clip_norm = 1;
  o.quiet = options.quiet;
  if (o.evaluate_every == 0) o.evaluate_every = default_evaluate_every(options.steps);
  Trainer trainer(params, optimizer, o);
  if (options.resume) trainer.resume();
  PairBatches batches(train, options.batch, options.seed);
  const auto all = held_out.in_order(options.batch);
  const auto some = spread(all, std::max<int64_t>(1, kSampledPairs / options.batch));
  return trainer.run({.next =
                          [&](int64_t index) {
                            const PairBatch batch = batches.at(index);
                            return Step{[&loss, batch] { return loss(batch); }, batch.target_words()};
                          },
                      .evaluate = mean_loss(loss, held_out, some),
                      .evaluate_all = some.size() < all.size() ? mean_loss(loss, held_out, all) : Evaluation{},
                      .save = save,
                      .sample = o.quiet && !o.tensorboard ? nullptr : sample,
                      .picture = picture});
}

TrainingReport learn_pairs(Translator& translator, const PairSplit& split, const PairTraining& options,
                           const std::function<void(const std::filesystem::path&)>& save) {
  const PairSet train(split.train, translator.source_words(), translator.target_words());
  const PairSet held_out(split.held_out, translator.source_words(), translator.target_words());
  const auto shown = std::span(split.held_out).first(std::min<size_t>(kShown, split.held_out.size()));
  const auto sample = [&] {
    const std::vector<std::string> sources = side(shown, &SentencePair::source);
    const auto translations = translator.translate(sources);
    std::string text;
    for (size_t i = 0; i < shown.size(); ++i)
      text += fmt::format("{}{} -> {}", i > 0 ? "\n" : "", sources[i], translator.text(translations[i]));
    return text;
  };
  const auto picture = [&] {  // where the words of the first translation looked
    const Tensor alignment = translator.translate(std::vector{shown[0].source})[0].alignment;
    return alignment.defined() && alignment.numel() > 0 ? alignment : Tensor();
  };
  return learn_pairs(
      translator.params(), [&](const PairBatch& batch) { return translator.loss(batch); }, train, held_out, options,
      save, sample, picture);
}

}  // namespace heed::train

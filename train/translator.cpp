#include <heed/train/translator.h>

#include <numeric>

#include <heed/autograd/grad_mode.h>
#include <heed/train/show/plot.h>

namespace heed::train {
namespace {

constexpr int64_t kLongest = 512;  // tokens of a translation

/// What a translation of S tokens may have.
int64_t most_written(int64_t S) { return 2 * S + 10; }

TranslatorModel new_model(nn::Scope scope, const TranslatorConfig& config) {
  if (const auto* c = std::get_if<models::Seq2SeqConfig>(&config)) return models::Seq2Seq(scope, *c);
  return models::Transformer(scope, std::get<models::TransformerConfig>(config));
}

constexpr int64_t kSampledPairs = 256;  // that an evaluation on the way takes
constexpr int64_t kShown = 3;           // translations in a sample

/// The mean loss of all tokens of batches of the set.
Evaluation mean_loss(const std::function<Tensor(const PairBatch&)>& loss, const PairSet& set,
                     const std::vector<std::vector<int64_t>>& batches, Loc loc) {
  int64_t tokens = 0;
  for (const auto& rows : batches) tokens += set.batch(rows).target_tokens();
  const auto measure = [&loss, &set, batches, loc](const Tell& tell) {
    double sum = 0, count = 0, done = 0;
    for (const auto& rows : batches) {
      const PairBatch batch = set.batch(rows);
      const double count_here = static_cast<double>(batch.target_tokens());
      sum += loss(batch).item<double>(loc) * count_here;
      count += count_here;
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
  static const std::vector<std::string> names = {"rnn", "rnn_relu", "lstm", "gru"};
  return names;
}

nn::Cell cell_named(const std::string& name, Loc loc) {
  const auto found = std::ranges::find(cell_names(), name);
  if (found == cell_names().end())
    fail<ValueError>({"cell_named", loc}, "there is no cell '{}'; need one of {}", name, join(cell_names(), ", "));
  return static_cast<nn::Cell>(found - cell_names().begin());
}

const std::string& name_of_cell(nn::Cell cell) { return cell_names().at(static_cast<size_t>(cell)); }

TranslatorConfig translator_config(Arch arch, nn::Cell cell, int64_t source_vocabulary, int64_t target_vocabulary,
                                   const TranslatorSizes& sizes) {
  if (arch != Arch::transformer)
    return models::Seq2SeqConfig{.source_vocabulary = source_vocabulary,
                                 .target_vocabulary = target_vocabulary,
                                 .embedding = sizes.width,
                                 .hidden = sizes.width,
                                 .cell = cell,
                                 .attention = arch == Arch::attention,
                                 .dropout = sizes.dropout};
  return models::TransformerConfig{.source_vocabulary = source_vocabulary,
                                   .target_vocabulary = target_vocabulary,
                                   .context = most_written(sizes.max_length),
                                   .layers = sizes.layers,
                                   .heads = sizes.heads,
                                   .channels = sizes.width,
                                   .feedforward = 4 * sizes.width,
                                   .dropout = sizes.dropout,
                                   .pre_norm = true};
}

Translator::Translator(SentenceTokens source, SentenceTokens target, const TranslatorConfig& config, uint64_t seed,
                       Loc loc)
    : source_tokens_(std::move(source)),
      target_tokens_(std::move(target)),
      params_(seed),
      model_(new_model({params_, loc}, config)) {}

Translator::Translator(Arch arch, nn::Cell cell, std::span<const SentencePair> pairs, uint64_t seed,
                       int64_t min_frequency, Loc loc)
    : source_tokens_(Words::from_sentences(side(pairs, &SentencePair::source), min_frequency, loc)),
      target_tokens_(Words::from_sentences(side(pairs, &SentencePair::target), min_frequency, loc)),
      params_(seed),
      model_(new_model({params_, loc}, translator_config(arch, cell, source_tokens_.size(), target_tokens_.size()))) {}

Tensor Translator::loss(const PairBatch& batch, double label_smoothing, Loc loc) const {
  const Op op{"Translator", loc};
  const Tensor logits = std::visit(
      [&](const auto& model) { return model(batch.source, batch.source_length, batch.decoder_input); }, model_);
  return cross_entropy(logits, batch.targets, {.label_smoothing = label_smoothing});
}

std::vector<models::Translation> Translator::translate(std::span<const std::string> sentences, int64_t beam,
                                                       const Tell& tell, Loc loc) const {
  const Op op{"Translator", loc};
  constexpr int64_t kAtOnce = 64;
  const auto* transformer = std::get_if<models::Transformer>(&model_);
  const int64_t longest = transformer ? transformer->config.context : kLongest;
  const NoGrad no_grad;
  const nn::EvalMode eval;
  if (sentences.empty()) return {};
  std::vector<SentencePair> pairs;
  for (const std::string& sentence : sentences) pairs.push_back({sentence, sentence});
  const PairSet set(pairs, source_tokens_, source_tokens_);

  // Sentences of one length together, so that little is padded.
  std::vector<int64_t> order(sentences.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::ranges::stable_sort(order, {}, [&](int64_t row) { return set.source_size(row); });

  std::vector<models::Translation> translations(sentences.size());
  for (size_t first = 0; first < order.size(); first += kAtOnce) {
    const auto rows = std::span(order).subspan(first, std::min<size_t>(kAtOnce, order.size() - first));
    const PairBatch batch = set.batch(rows);
    models::TranslateOptions options{.begin = target_tokens_.begin(), .end = target_tokens_.end(), .beam = beam};
    for (const int64_t row : rows)  // its own, so that a sentence comes out as it does alone
      options.max_lengths.push_back(std::min(most_written(set.source_size(row)), longest));
    std::vector<models::Translation> found = std::visit(
        [&](const auto& model) { return models::translate(model, batch.source, batch.source_length, options); },
        model_);
    for (size_t i = 0; i < rows.size(); ++i) translations[static_cast<size_t>(rows[i])] = std::move(found[i]);
    if (tell) tell(static_cast<double>(first + rows.size()) / static_cast<double>(order.size()));
  }
  return translations;
}

std::string Translator::text(const models::Translation& translation, const std::string& sentence, Loc loc) const {
  const Op op{"Translator", loc};
  const auto& ids = translation.tokens;
  const auto is_unknown = [this](int64_t id) { return target_tokens_.is_unknown(id); };
  if (!translation.alignment.defined() || std::none_of(ids.begin(), ids.end(), is_unknown))
    return target_tokens_.decode(ids);
  const std::vector<std::string> source = source_tokens_.shown(sentence);
  const std::vector<int64_t> looked = translation.alignment.argmax(-1).to_vector<int64_t>();
  std::string text;
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string word = is_unknown(ids[i]) ? source.at(static_cast<size_t>(looked[i]))
                                                : target_tokens_.decode(std::span(ids).subspan(i, 1));
    if (!word.empty()) text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

std::string Translator::draw(const std::string& sentence, const models::Translation& translation, Loc loc) const {
  const Op op{"Translator", loc};
  std::vector<std::string> written;
  for (const int64_t id : translation.tokens) written.push_back(target_tokens_.shown(id));
  return draw_alignment(source_tokens_.shown(sentence), written, translation.alignment);
}

TranslationScores Translator::score(std::span<const SentencePair> pairs, int64_t beam, const Tell& tell,
                                    Loc loc) const {
  const Op op{"Translator", loc};
  const std::vector<std::string> sources = side(pairs, &SentencePair::source);
  const std::vector<models::Translation> translations = translate(sources, beam, tell);
  std::vector<std::string> candidates;
  for (size_t i = 0; i < sources.size(); ++i) candidates.push_back(text(translations[i], sources[i]));
  return score_translations(pairs, candidates);
}

TrainingReport learn_pairs(nn::Parameters& params, const std::function<Tensor(const PairBatch&)>& loss,
                           const PairSet& train, const PairSet& held_out, const PairTraining& options,
                           const std::function<void(const std::filesystem::path&)>& save,
                           const std::function<std::string()>& sample, const std::function<Tensor()>& picture,
                           Loc loc) {
  Adam optimizer(params, {.lr = options.lr, .beta2 = 0.98}, {}, loc);
  TrainerOptions o = options.trainer;
  o.steps = options.steps;
  o.lr = warmup_cosine({.lr = options.lr,
                        .min_lr = options.lr / 50,
                        .warmup = std::min<int64_t>(200, options.steps / 10),
                        .decay_steps = options.steps},
                       loc);
  o.clip_norm = 1;
  o.quiet = options.quiet;
  if (o.evaluate_every == 0) o.evaluate_every = default_evaluate_every(options.steps);
  Trainer trainer(params, optimizer, o, loc);
  if (options.resume) trainer.resume();
  PairBatches batches(train, options.batch, options.seed, loc);
  const auto all = held_out.in_order(options.batch, loc);
  const auto some = spread(all, std::max<int64_t>(1, kSampledPairs / options.batch));
  return trainer.run({.next =
                          [&](int64_t index) {
                            const PairBatch batch = batches.at(index);
                            return Step{[&loss, batch] { return loss(batch); }, batch.target_tokens()};
                          },
                      .evaluate = mean_loss(loss, held_out, some, loc),
                      .evaluate_all = some.size() < all.size() ? mean_loss(loss, held_out, all, loc) : Evaluation{},
                      .save = save,
                      .score = options.score,
                      .sample = o.quiet && !o.tensorboard ? nullptr : sample,
                      .picture = picture,
                      .on_step = options.on_step});
}

TrainingReport learn_pairs(Translator& translator, const PairSplit& split, const PairTraining& options,
                           const std::function<void(const std::filesystem::path&)>& save, Loc loc) {
  const PairSet train(split.train, translator.source_tokens(), translator.target_tokens(), loc);
  const PairSet held_out(split.held_out, translator.source_tokens(), translator.target_tokens(), loc);
  const auto shown = std::span(split.held_out).first(std::min<size_t>(kShown, split.held_out.size()));
  const auto sample = [&] {
    const std::vector<std::string> sources = side(shown, &SentencePair::source);
    const auto translations = translator.translate(sources, 1, {}, loc);
    std::string text;
    for (size_t i = 0; i < shown.size(); ++i)
      text +=
          fmt::format("{}{} -> {}", i > 0 ? "\n" : "", sources[i], translator.text(translations[i], sources[i], loc));
    if (translations[0].alignment.defined()) text += "\n" + translator.draw(sources[0], translations[0], loc);
    return text;
  };
  const auto picture = [&] {  // where the words of the first translation looked
    const Tensor alignment = translator.translate(std::vector{shown[0].source}, 1, {}, loc)[0].alignment;
    return alignment.defined() && alignment.numel() > 0 ? alignment : Tensor();
  };
  const auto loss = [&](const PairBatch& batch) {
    return translator.loss(batch, nn::training() ? options.label_smoothing : 0, loc);
  };
  return learn_pairs(translator.params(), loss, train, held_out, options, save, sample, picture, loc);
}

}  // namespace heed::train

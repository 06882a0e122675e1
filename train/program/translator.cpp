#include "train/program/translator.h"

#include <algorithm>
#include <numeric>

#include "autograd/grad_mode.h"
#include "train/atomic_file.h"
#include "train/page_models.h"
#include "train/progress.h"

namespace heed::train::program {
namespace {

constexpr const char* kKind = "translator";
constexpr int64_t kMost = 1'000'000;  // of any size: keeps a lying file from asking for absurd amounts
constexpr int64_t kMostPositions = 100'000'000;  // numbers in the table of positions, which no weights file holds
constexpr int64_t kWidth = 128;       // of embeddings, hidden states and channels
constexpr int64_t kLongest = 512;     // words that a Transformer's positions reach

constexpr nn::Cell kCells[] = {nn::Cell::rnn_tanh, nn::Cell::lstm, nn::Cell::gru};  // in the order of cell_names()

const std::string& name_of(nn::Cell cell) {
  return cell_names()[static_cast<size_t>(std::find(std::begin(kCells), std::end(kCells), cell) - std::begin(kCells))];
}

using Model = std::variant<models::Seq2Seq, models::Transformer>;

Model new_model(nn::Scope scope, const ModelConfig& config) {
  if (const auto* c = std::get_if<models::Seq2SeqConfig>(&config)) return models::Seq2Seq(scope, *c);
  return models::Transformer(scope, std::get<models::TransformerConfig>(config));
}

Json to_json(const models::Seq2SeqConfig& c) {
  return {{"embedding", c.embedding}, {"hidden", c.hidden}, {"cell", name_of(c.cell)},
          {"attention", c.attention}, {"dropout", c.dropout}};
}

Json to_json(const models::TransformerConfig& c) {
  return {{"context", c.context},         {"layers", c.layers},   {"heads", c.heads},       {"channels", c.channels},
          {"feedforward", c.feedforward}, {"dropout", c.dropout}, {"pre_norm", c.pre_norm}, {"learned_positions", c.learned_positions},
          {"tied_output", c.tied_output}};
}

ModelConfig read_model(const Config& c, Arch arch, int64_t source_vocabulary, int64_t target_vocabulary) {
  if (arch != Arch::transformer)
    return models::Seq2SeqConfig{.source_vocabulary = source_vocabulary,
                                 .target_vocabulary = target_vocabulary,
                                 .embedding = c.integer("embedding", 1, kMost),
                                 .hidden = c.integer("hidden", 1, kMost),
                                 .cell = cell_at(c.choice("cell", cell_names())),
                                 .attention = c.flag("attention"),
                                 .dropout = c.number("dropout", 0, 1)};
  const int64_t channels = c.integer("channels", 1, kMost);
  return models::TransformerConfig{.source_vocabulary = source_vocabulary,
                                   .target_vocabulary = target_vocabulary,
                                   .context = c.integer("context", 1, kMostPositions / channels),
                                   .layers = c.integer("layers", 1, 1000),
                                   .heads = c.integer("heads", 1, kMost),
                                   .channels = channels,
                                   .feedforward = c.integer("feedforward", 1, kMost),
                                   .dropout = c.number("dropout", 0, 1),
                                   .pre_norm = c.flag("pre_norm"),
                                   .learned_positions = c.flag("learned_positions"),
                                   .tied_output = c.flag("tied_output")};
}

/// Numbers in the matrices of a model, a lower bound of its parameters.
int64_t fewest_numbers(const models::Seq2SeqConfig& c) {
  const int64_t E = c.embedding, H = c.hidden, directions = c.attention ? 2 : 1, D = directions * H, gates = kernels::gates_of(c.cell);
  return E * (c.source_vocabulary + c.target_vocabulary) + directions * gates * H * (E + H) + gates * H * (E + D + H) +
         c.target_vocabulary * (H + D + E);
}
int64_t fewest_numbers(const models::TransformerConfig& c) {
  const int64_t C = c.channels;
  return C * (c.source_vocabulary + c.target_vocabulary) + c.layers * (12 * C * C + 4 * C * c.feedforward);
}

TranslatorTraining read_training(const Config& config) {
  constexpr int64_t kCount = int64_t{1} << 53;
  const Config t = config.at("training");
  return {.pairs = t.text("pairs"),
          .pair_count = t.integer("pair_count", 1, kCount),
          .arch = static_cast<Arch>(t.choice("arch", arch_names())),
          .cell = cell_at(t.choice("cell", cell_names())),
          .steps = t.integer("steps", 0, kCount),
          .seed = static_cast<uint64_t>(t.integer("seed", 0, kCount))};
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

ModelConfig default_config(Arch arch, nn::Cell cell, int64_t source_vocabulary, int64_t target_vocabulary) {
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

Translator::Translator(const TranslatorTraining& training, Words source_words, Words target_words, const ModelConfig& config)
    : training_(training),
      source_words_(std::move(source_words)),
      target_words_(std::move(target_words)),
      rng_(training.seed),
      params_(rng_),
      model_(new_model(params_.root(), config)) {}

std::unique_ptr<Translator> Translator::from_config(const std::filesystem::path& directory) {
  const Config config = Config::read(directory);
  config.choice("model", {kKind});
  Words source = Words::from_json(config.at("source_words").dump()), target = Words::from_json(config.at("target_words").dump());
  const TranslatorTraining training = read_training(config);
  const ModelConfig model = read_model(config.at("config"), training.arch, source.size(), target.size());
  check_weights(directory, std::visit([](const auto& c) { return fewest_numbers(c); }, model));
  return std::make_unique<Translator>(training, std::move(source), std::move(target), model);
}

std::unique_ptr<Translator> Translator::load(const std::filesystem::path& directory) {
  auto translator = from_config(directory);
  translator->params_.load(directory / kWeightsFile);
  return translator;
}

void Translator::save(const std::filesystem::path& directory) const {
  const Json training = {{"pairs", training_.pairs},
                         {"pair_count", training_.pair_count},
                         {"arch", arch_names()[static_cast<size_t>(training_.arch)]},
                         {"cell", name_of(training_.cell)},
                         {"steps", training_.steps},
                         {"seed", training_.seed}};
  const Json json = {{"model", kKind},
                     {"heed", HEED_VERSION},
                     {"config", std::visit([](const auto& model) { return to_json(model.config); }, model_)},
                     {"training", training},
                     {"source_words", Json::parse(source_words_.to_json())},
                     {"target_words", Json::parse(target_words_.to_json())}};
  write_file(directory / kConfigFile, json.dump(2) + "\n");
  params_.save(directory / kWeightsFile);
}

Tensor Translator::loss(const PairBatch& batch, double label_smoothing) const {
  const Tensor logits = std::visit([&](const auto& model) { return model(batch.source, batch.source_length, batch.decoder_input); }, model_);
  return cross_entropy(logits, batch.targets, {.label_smoothing = label_smoothing});
}

std::vector<models::Translation> Translator::translate(std::span<const std::string> sentences, int64_t beam) const {
  constexpr int64_t kAtOnce = 64;
  const NoGrad no_grad;
  const nn::EvalMode eval;
  std::vector<SentencePair> pairs;
  for (const std::string& sentence : sentences) pairs.push_back({sentence, sentence});
  const PairSet set(pairs, source_words_, target_words_);

  // Sentences of one length together, so that little is padded.
  std::vector<int64_t> order(sentences.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::vector<size_t> words(sentences.size());
  for (size_t i = 0; i < words.size(); ++i) words[i] = split_words(sentences[i]).size();
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return words[static_cast<size_t>(a)] < words[static_cast<size_t>(b)]; });

  std::vector<models::Translation> translations(sentences.size());
  for (size_t first = 0; first < order.size(); first += kAtOnce) {
    const auto rows = std::span(order).subspan(first, std::min<size_t>(kAtOnce, order.size() - first));
    const PairBatch batch = set.batch(rows);
    const models::TranslateOptions options{.begin = Words::kBos,
                                           .end = Words::kEos,
                                           .max_length = std::min(2 * batch.source.size(1) + 10, kLongest),
                                           .beam = beam};
    std::vector<models::Translation> found = std::visit(
        [&](const auto& model) { return models::translate(model, batch.source, batch.source_length, options); }, model_);
    for (size_t i = 0; i < rows.size(); ++i) translations[static_cast<size_t>(rows[i])] = std::move(found[i]);
  }
  return translations;
}

namespace {

TranslatedSentence translated(const Words& source_words, const Words& target_words, const std::string& sentence,
                              const models::Translation& translation) {
  TranslatedSentence s{.source = source_words.encode(sentence),
                       .written = translation.tokens,
                       .source_words = split_words(sentence),
                       .begin = Words::kBos,
                       .begin_word = target_words.word(Words::kBos)};
  if (translation.finished) s.written.push_back(Words::kEos);
  for (const int64_t id : s.written) s.written_words.push_back(target_words.word(id));
  return s;
}

std::string describe(const models::Seq2SeqConfig& c) {
  const char* cell = c.cell == nn::Cell::lstm ? "LSTM" : c.cell == nn::Cell::gru ? "GRU" : "RNN";
  return fmt::format("{} encoder-decoder{}", cell, c.attention ? " with attention" : "");
}

std::string describe(const models::TransformerConfig& c) {
  return fmt::format("Transformer of {} layers and {} heads", c.layers, c.heads);
}

}  // namespace

PageLane Translator::page_lane(const std::string& sentence, const models::Translation& translation) const {
  const TranslatedSentence s = translated(source_words_, target_words_, sentence, translation);
  PageLane lane = std::visit([&](const auto& model) { return train::page_lane(model, s); }, model_);
  lane.about = about();
  return lane;
}

PageExample Translator::page_example(const std::string& sentence, const models::Translation& translation) const {
  const TranslatedSentence s = translated(source_words_, target_words_, sentence, translation);
  return {.name = sentence,
          .unknown = source_words_.unknown(sentence),
          .maps = std::visit([&](const auto& model) { return attention_maps(model, s); }, model_),
          .lanes = {page_lane(sentence, translation)}};
}

std::string Translator::about() const {
  return fmt::format("{}, {} parameters, {} steps", std::visit([](const auto& model) { return describe(model.config); }, model_),
                     format_count(static_cast<double>(params_.numel())), training_.steps);
}

}  // namespace heed::train::program

#include <heed/train/saved_translator.h>

#include <cmath>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/json.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/train/model_config.h>
#include <heed/train/show/page_models.h>
#include <heed/train/show/plot.h>
#include <heed/train/show/progress.h>

namespace heed::train {
namespace {

constexpr const char* kKind = "translator";
constexpr int64_t kMost = 1'000'000;             // of any size: keeps a lying file from asking for absurd amounts
constexpr int64_t kMostPositions = 100'000'000;  // numbers in the table of positions, which no weights file holds

Json to_json(const models::Seq2SeqConfig& c) {
  return {{"embedding", c.embedding},
          {"hidden", c.hidden},
          {"cell", name_of_cell(c.cell)},
          {"attention", c.attention},
          {"dropout", c.dropout}};
}

Json to_json(const models::TransformerConfig& c) {
  return {{"context", c.context},
          {"layers", c.layers},
          {"heads", c.heads},
          {"channels", c.channels},
          {"feedforward", c.feedforward},
          {"dropout", c.dropout},
          {"pre_norm", c.pre_norm},
          {"learned_positions", c.learned_positions},
          {"tied_output", c.tied_output}};
}

TranslatorConfig read_model(const ModelConfig& c, Arch arch, int64_t source_vocabulary, int64_t target_vocabulary) {
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
  const int64_t E = c.embedding, H = c.hidden, directions = c.attention ? 2 : 1, D = directions * H,
                gates = kernels::gates_of(c.cell);
  return E * (c.source_vocabulary + c.target_vocabulary) + directions * gates * H * (E + H) + gates * H * (E + D + H) +
         c.target_vocabulary * (H + D + E);
}
int64_t fewest_numbers(const models::TransformerConfig& c) {
  const int64_t C = c.channels;
  return C * (c.source_vocabulary + c.target_vocabulary) + c.layers * (12 * C * C + 4 * C * c.feedforward);
}

TranslatorTraining read_training(const ModelConfig& config) {
  constexpr int64_t kCount = int64_t{1} << 53;
  const ModelConfig t = config.at("training");
  const int64_t steps = t.integer("steps", 0, kCount);
  const TranslatorTraining old;
  return {.pairs = t.text("pairs"),
          .valid_pairs = t.has("valid_pairs") ? t.text("valid_pairs") : "",
          .pair_count = t.integer("pair_count", 1, kCount),
          .pairs_hash = t.has("pairs_hash") ? t.text("pairs_hash") : "",
          .arch = static_cast<Arch>(t.choice("arch", arch_names())),
          .cell = cell_at(t.choice("cell", cell_names())),
          .steps = steps,
          .seed = static_cast<uint64_t>(t.integer("seed", 0, kCount)),
          .batch = t.integer("batch", 1, kMost, old.batch),
          .lr = t.number("lr", 0, kCount, old.lr),
          .label_smoothing = t.number("label_smoothing", 0, 1, old.label_smoothing),
          .max_length = t.integer("max_length", 1, kMost, old.max_length),
          .average = t.integer("average", 1, kSnapshots, old.average),
          .rules = RunRules::read(t, {.evaluate_every = default_evaluate_every(steps)})};
}

}  // namespace

SavedTranslator::SavedTranslator(const TranslatorTraining& training, SentenceTokens source, SentenceTokens target,
                                 const TranslatorConfig& config)
    : Translator(std::move(source), std::move(target), config, training.seed), training_(training) {}

std::unique_ptr<SavedTranslator> SavedTranslator::from_config(const std::filesystem::path& directory) {
  const ModelConfig config = ModelConfig::read(directory);
  config.choice("model", {kKind});
  SentenceTokens source = SentenceTokens::from_json(config.at("source_words").dump()),
                 target = SentenceTokens::from_json(config.at("target_words").dump());
  const TranslatorTraining training = read_training(config);
  const TranslatorConfig model = read_model(config.at("config"), training.arch, source.size(), target.size());
  check_weights(directory, std::visit([](const auto& c) { return fewest_numbers(c); }, model));
  return std::make_unique<SavedTranslator>(training, std::move(source), std::move(target), model);
}

std::unique_ptr<SavedTranslator> load_translator(const std::filesystem::path& directory) {
  auto translator = SavedTranslator::from_config(directory);
  translator->params().load(directory / kWeightsFile);
  return translator;
}

void SavedTranslator::save(const std::filesystem::path& directory) const {
  Json training = {{"pairs", training_.pairs},
                   {"valid_pairs", training_.valid_pairs},
                   {"pair_count", training_.pair_count},
                   {"pairs_hash", training_.pairs_hash},
                   {"arch", arch_names()[static_cast<size_t>(training_.arch)]},
                   {"cell", name_of_cell(training_.cell)},
                   {"steps", training_.steps},
                   {"seed", training_.seed},
                   {"batch", training_.batch},
                   {"lr", training_.lr},
                   {"label_smoothing", training_.label_smoothing},
                   {"max_length", training_.max_length},
                   {"average", training_.average}};
  training_.rules.write(training);
  const Json json = {{"model", kKind},
                     {"heed", HEED_VERSION},
                     {"config", std::visit([](const auto& model) { return to_json(model.config); }, model())},
                     {"training", training},
                     {"source_words", parse_json(source_tokens().to_json())},
                     {"target_words", parse_json(target_tokens().to_json())}};
  write_file(directory / kConfigFile, dump_json(json, 2) + "\n");
  save_safetensors(directory / kWeightsFile, NamedTensors(params().begin(), params().end()),
                   weights_metadata(training_.rules.license));
}

TranslatedSentence translated(const Translator& translator, const std::string& sentence,
                              const models::Translation& translation) {
  const SentenceTokens &source = translator.source_tokens(), &target = translator.target_tokens();
  TranslatedSentence s{.source = source.encode(sentence),
                       .written = translation.tokens,
                       .source_words = source.shown(sentence),
                       .begin = target.begin(),
                       .begin_word = target.shown(target.begin())};
  if (translation.finished) s.written.push_back(target.end());
  for (const int64_t id : s.written) s.written_words.push_back(target.shown(id));
  return s;
}

namespace {

std::string describe(const models::Seq2SeqConfig& c) {
  return c.cell == nn::Cell::lstm ? "LSTM" : c.cell == nn::Cell::gru ? "GRU" : "RNN";
}

std::string describe(const models::TransformerConfig& c) {
  return fmt::format("Transformer of {} layers and {} heads", c.layers, c.heads);
}

}  // namespace

PageLane SavedTranslator::page_lane(const std::string& sentence, const models::Translation& translation) const {
  const TranslatedSentence s = translated(*this, sentence, translation);
  PageLane lane = std::visit([&](const auto& model) { return train::page_lane(model, s); }, model());
  lane.about = about();
  return lane;
}

PageExample SavedTranslator::page_example(const std::string& sentence, const models::Translation& translation) const {
  const TranslatedSentence s = translated(*this, sentence, translation);
  return {.name = sentence,
          .unknown = source_tokens().unknown(sentence),
          .maps = std::visit([&](const auto& model) { return attention_maps(model, s); }, model()),
          .lanes = {page_lane(sentence, translation)}};
}

std::string SavedTranslator::about() const {
  return fmt::format("{}, {} parameters, {} steps",
                     std::visit([](const auto& model) { return describe(model.config); }, model()),
                     format_count(static_cast<double>(params().numel())), training_.steps);
}

}  // namespace heed::train

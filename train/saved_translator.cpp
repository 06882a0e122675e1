#include <heed/train/saved_translator.h>

#include <heed/nn/parameters_file.h>
#include <heed/tensor/io/json.h>
#include <heed/train/model_config.h>
#include <heed/train/run_directory.h>

namespace heed::train {
namespace {

constexpr const char* kKind = "translator";
constexpr int64_t kMost = 1'000'000;             // of any size: keeps a lying file from asking for absurd amounts
constexpr int64_t kMostPositions = 100'000'000;  // numbers in the table of positions, which no weights file holds

void fields(ConfigFields field, models::Seq2SeqConfig& c) {
  field("embedding", c.embedding, 1, kMost);
  field("hidden", c.hidden, 1, kMost);
  field("cell", c.cell, cell_names());
  field("attention", c.attention);
  field("dropout", c.dropout, 0, 1);
}

void fields(ConfigFields field, models::TransformerConfig& c) {
  field("channels", c.channels, 1, kMost);
  field("context", c.context, 1, kMostPositions / c.channels);
  field("layers", c.layers, 1, 1000);
  field("heads", c.heads, 1, kMost);
  field("feedforward", c.feedforward, 1, kMost);
  field("dropout", c.dropout, 0, 1);
  field("pre_norm", c.pre_norm);
  field("learned_positions", c.learned_positions);
  field("tied_output", c.tied_output);
}

void fields(ConfigFields field, TranslatorTraining& t) {
  field.file("pairs", t.pairs);
  field.file("valid_pairs", t.valid_pairs);
  field("pair_count", t.pair_count, 1, kMostCount);
  field.later("pairs_hash", t.pairs_hash);
  field("arch", t.arch, arch_names());
  field("cell", t.cell, cell_names());
  field("steps", t.steps, 0, kMostCount);
  field("seed", t.seed);
  field.later("batch", t.batch, 1, kMost);
  field.later("lr", t.lr, 0, 1e9);
  field.later("label_smoothing", t.label_smoothing, 0, 1);
  field.later("max_length", t.max_length, 1, kMost);
  field.later("average", t.average, 1, kSnapshots);
  t.rules.fields(field);
}

template <class Struct>
Json to_json(Struct x) {
  Json json;
  fields(json, x);
  return json;
}

TranslatorConfig read_model(const ModelConfig& config, Arch arch, int64_t source_vocabulary,
                            int64_t target_vocabulary) {
  const auto read = [&](auto c) -> TranslatorConfig {
    c.source_vocabulary = source_vocabulary;
    c.target_vocabulary = target_vocabulary;
    fields(config, c);
    return c;
  };
  return arch == Arch::transformer ? read(models::TransformerConfig{}) : read(models::Seq2SeqConfig{});
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
  TranslatorTraining training;
  training.rules.evaluate_every = 0;
  fields(config, training);
  if (training.rules.evaluate_every == 0) training.rules.evaluate_every = default_evaluate_every(training.steps);
  return training;
}

}  // namespace

SavedTranslator::SavedTranslator(const TranslatorTraining& training, SentenceTokens source, SentenceTokens target,
                                 const TranslatorConfig& config, Loc loc)
    : Translator(std::move(source), std::move(target), config, training.seed, loc), training_(training) {}

std::unique_ptr<SavedTranslator> SavedTranslator::from_config(const std::filesystem::path& directory, Loc loc) {
  const Op op{Op::called("SavedTranslator::from_config"), loc};
  const ModelConfig config = ModelConfig::read(directory);
  if (config.has("model_type"))
    fail<FileError>({Op::called("model")}, "'{}' is of a {}; need a translator, as seq2seq train writes them",
                    config.file(), config.text("model_type"));
  config.choice("model", {kKind});
  SentenceTokens source = SentenceTokens::from_json(config.at("source_words").dump()),
                 target = SentenceTokens::from_json(config.at("target_words").dump());
  TranslatorTraining training = read_training(config.at("training"));
  const TranslatorConfig model = read_model(config.at("config"), training.arch, source.size(), target.size());
  check_weights(directory, std::visit([](const auto& c) { return fewest_numbers(c); }, model));
  training.rules.done = steps_of(directory);
  return std::make_unique<SavedTranslator>(training, std::move(source), std::move(target), model);
}

std::unique_ptr<SavedTranslator> load_translator(const std::filesystem::path& directory, Loc loc) {
  const Op op{"load_translator", loc};
  auto translator = SavedTranslator::from_config(directory);
  translator->params().load(directory / kWeightsFile);
  return translator;
}

void SavedTranslator::save(const std::filesystem::path& directory, Loc loc) const {
  const Op op{"SavedTranslator::save", loc};
  const auto words = [](const SentenceTokens& tokens) { return Json(parse_sorted_json(tokens.to_json())); };
  const Json json = {{"model", kKind},
                     {"heed", HEED_VERSION},
                     {"config", std::visit([](const auto& model) { return to_json(model.config); }, model())},
                     {"training", to_json(training_)},
                     {"source_words", words(source_tokens())},
                     {"target_words", words(target_tokens())}};
  write_model(directory, NamedTensors(params().begin(), params().end()), training_.rules.metadata(),
              {{kConfigFile, dump_json(json, 2) + "\n"}}, op);
}

}  // namespace heed::train

#include <heed/train/saved_gpt.h>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/json.h>
#include <heed/train/model_config.h>

namespace heed::train {
namespace {

constexpr const char* kKind = "gpt";
constexpr int64_t kMost = 1'000'000;  // of any size: keeps a lying file from asking for absurd amounts
const std::vector<std::string> kGelu = {"erf", "tanh"};

Json to_json(const models::GptConfig& c) {
  return {{"vocabulary", c.vocabulary},
          {"context", c.context},
          {"layers", c.layers},
          {"heads", c.heads},
          {"channels", c.channels},
          {"dropout", c.dropout},
          {"bias", c.bias},
          {"tied", c.tied},
          {"gelu", kGelu[static_cast<size_t>(c.gelu)]}};
}

Json to_json(const GptTraining& t) {
  return {
      {"text", t.text},   {"text_name", t.text_name}, {"characters", t.characters},         {"text_hash", t.text_hash},
      {"steps", t.steps}, {"batch", t.batch},         {"evaluate_every", t.evaluate_every}, {"lr", t.lr},
      {"seed", t.seed}};
}

}  // namespace

void save_gpt(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
              const Tokenizer& tokenizer, const GptTraining& training) {
  const Json json = {
      {"model", kKind}, {"heed", HEED_VERSION}, {"config", to_json(model)}, {"training", to_json(training)}};
  tokenizer.save(directory / kTokenizerFile);
  write_file(directory / kConfigFile, dump_json(json, 2) + "\n");
  params.save(directory / kWeightsFile);
}

models::GptConfig read_gpt_config(const ModelConfig& config) {
  config.choice("model", {kKind});
  const ModelConfig c = config.at("config");
  return {.vocabulary = c.integer("vocabulary", 1, kMost),
          .context = c.integer("context", 1, kMost),
          .layers = c.integer("layers", 1, 1000),
          .heads = c.integer("heads", 1, kMost),
          .channels = c.integer("channels", 1, kMost),
          .dropout = c.number("dropout", 0, 1),
          .bias = c.flag("bias"),
          .tied = c.flag("tied"),
          .gelu = static_cast<Gelu>(c.choice("gelu", kGelu))};
}

Tokenizer read_tokenizer(const std::filesystem::path& directory, const ModelConfig& config) {
  config.choice("model", {kKind});
  if (config.has("tokenizer")) return Chars::from_json(config.at("tokenizer").dump());
  return Tokenizer::load(directory);
}

GptTraining read_gpt_training(const ModelConfig& config) {
  const ModelConfig t = config.at("training");
  constexpr int64_t kCount = int64_t{1} << 53;
  return {.text = t.text("text"),
          .text_name = t.text("text_name"),
          .characters = t.integer("characters", 0, kCount),
          .text_hash = t.has("text_hash") ? t.text("text_hash") : "",
          .steps = t.integer("steps", 0, kCount),
          .batch = t.integer("batch", 1, kMost),
          .evaluate_every = t.integer("evaluate_every", 1, kCount),
          .lr = t.number("lr", 0, 1e9),
          .seed = static_cast<uint64_t>(t.integer("seed", 0, kCount))};
}

static models::GptConfig checked_config(const std::filesystem::path& directory, const ModelConfig& config) {
  const models::GptConfig c = read_gpt_config(config);
  check_weights(directory, models::parameter_count(c));
  return c;
}

SavedGpt::SavedGpt(const std::filesystem::path& directory) : SavedGpt(directory, ModelConfig::read(directory)) {}

SavedGpt::SavedGpt(const std::filesystem::path& directory, const ModelConfig& config)
    : tokenizer(read_tokenizer(directory, config)), params(rng), gpt(params, checked_config(directory, config)) {
  if (tokenizer.size() != gpt.config.vocabulary)
    fail<FileError>({"model"}, "'{}' has a tokenizer of {} tokens for a vocabulary of {}; need equal numbers",
                    (directory / kConfigFile).string(), tokenizer.size(), gpt.config.vocabulary);
  params.load(directory / kWeightsFile);
}

}  // namespace heed::train

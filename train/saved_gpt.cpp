#include <heed/train/saved_gpt.h>

#include <algorithm>
#include <map>

#include <heed/tensor/io/atomic_file.h>
#include <heed/train/folder/family.h>
#include <heed/train/run_directory.h>

namespace heed::train {
namespace {

constexpr const char* kOldKind = "gpt";  // "model" in config.json, of versions that wrote a layout of their own
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr int64_t kMostAngles = 100'000'000;  // in the table of rotary positions, which no weights file holds

bool is_old(const ModelConfig& config) { return config.has("model"); }

void fields(ConfigFields field, GptTraining& t) {
  field("text", t.text);
  field("text_name", t.text_name);
  field("characters", t.characters, 0, kMostCount);
  field.later("text_hash", t.text_hash);
  field("steps", t.steps, 0, kMostCount);
  field("batch", t.batch, 1, kMostSize);
  field("lr", t.lr, 0, 1e9);
  field.later("optimizer", t.optimizer, ConfigFields::Names{"adamw", "muon"});
  field("seed", t.seed);
  field.later("window", t.window, 0, kMostSize);
  field.later("frozen", t.frozen);
  field.later("lora", t.lora, 0, kMostSize);
  t.rules.fields(field);
}

void write_json(const std::filesystem::path& file, const Json& json) { write_file(file, dump_json(json, 2) + "\n"); }

void save(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
          const Json& own, const std::string& license, int64_t end = -1) {
  const Json end_of_text = end < 0 ? Json() : Json(end);
  const Family& family = family_of(model);
  Json config = {{"model_type", family.model_type},
                 {"architectures", {family.architecture}},
                 {"dtype", params.dtype() == f64 ? "float64" : "float32"},
                 {"bos_token_id", end_of_text},
                 {"eos_token_id", end_of_text}};
  config.update(family.write(model));
  config[kOwnKeys]["version"] = HEED_VERSION;
  config[kOwnKeys].update(own);
  NamedTensors tensors;
  for (const nn::Slot& slot : family.slots(params, model))
    tensors.emplace_back(slot.name, slot.reorder ? slot.reorder(slot.into) : slot.into);
  write_json(directory / kConfigFile, config);
  write_json(directory / "generation_config.json", {{"bos_token_id", end_of_text}, {"eos_token_id", end_of_text}});
  save_safetensors(directory / kWeightsFile, tensors, nn::weights_metadata(license));
}

/// model.safetensors, or the shards that the index names.
nn::StoredTensors open_weights(const std::filesystem::path& directory) {
  const auto open = [&](const std::string& file) { return std::make_shared<const SafetensorsFile>(directory / file); };
  nn::StoredTensors weights{directory / kWeightsFile, {}};
  if (std::filesystem::exists(directory / kWeightsFile) || !std::filesystem::exists(directory / kIndexFile)) {
    weights.add(open(kWeightsFile));
    return weights;
  }
  const ModelConfig index = ModelConfig::read(directory, kIndexFile);
  weights.from = directory / kIndexFile;
  std::map<std::string, std::shared_ptr<const SafetensorsFile>> shards;
  const std::map<std::string, std::string> map = index.at("weight_map").texts();
  for (const auto& [tensor, file] : map) {
    if (std::filesystem::path(file).filename() != file || !file.ends_with(".safetensors"))
      fail<FileError>({Op::called("model")},
                      "'{}' puts tensor '{}' into \"{}\"; need a .safetensors file of the same folder", index.file(),
                      tensor, file);
    if (const auto [shard, fresh] = shards.try_emplace(file); fresh) weights.add(shard->second = open(file));
  }
  for (const auto& [tensor, place] : weights.places)
    if (const auto said = map.find(tensor); said == map.end() || shards.at(said->second) != place.file)
      fail<FileError>({Op::called("model")},
                      "'{}' does not say that tensor '{}' is in '{}'; need an index of all tensors", index.file(),
                      tensor, place.file->name());
  for (const auto& [tensor, file] : map)
    if (!weights.places.contains(tensor))
      fail<FileError>({Op::called("model")}, "'{}' says that tensor '{}' is in '{}', which has none of that name",
                      index.file(), tensor, file);
  return weights;
}

/// Names as the family has them: with its prefix, which files of models without a head lack, and without tables that
/// are no parameters.
void settle_names(const Family& family, nn::StoredTensors& weights) {
  std::erase_if(weights.places, [](const auto& one) {
    const std::string& name = one.first;
    return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
           name.ends_with(".rotary_emb.inv_freq");
  });
  const std::string prefix = family.prefix;
  if (std::ranges::any_of(weights.places, [&](const auto& one) { return one.first.starts_with(prefix); })) return;
  std::map<std::string, nn::StoredTensors::Place> renamed;
  for (const auto& [name, place] : weights.places) renamed[name == "lm_head.weight" ? name : prefix + name] = place;
  weights.places = std::move(renamed);
}

DType dtype_of(const nn::StoredTensors& weights) {
  const auto wide = [](const auto& one) { return one.second.entry->type.dtype == f64; };
  return std::ranges::any_of(weights.places, wide) ? f64 : f32;
}

models::GptConfig checked_config(const ModelConfig& config, const nn::StoredTensors& weights) {
  const models::GptConfig c = read_gpt_config(config);
  uint64_t bytes = 0;
  for (const auto& [name, place] : weights.places) bytes += place.entry->end - place.entry->begin;
  check_weights(std::filesystem::path(config.file()).parent_path(), models::parameter_count(c), bytes);
  return c;
}

void fill(const nn::Parameters& params, const models::GptConfig& model, const ModelConfig& config,
          nn::StoredTensors weights) {
  const Family& family = is_old(config) ? kOwnFamily : family_in(config);
  settle_names(family, weights);
  nn::load_parameters(family.slots(params, model), weights);
}

}  // namespace

void save_gpt(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
              const std::string& license, Loc loc) {
  const Op op{"save_gpt", loc};
  make_directory(directory, op);
  save(directory, params, model, Json::object(), license);
}

void save_gpt(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
              const Tokenizer& tokenizer, const GptTraining& training, Loc loc) {
  const Op op{"save_gpt", loc};
  make_directory(directory, op);
  Json about = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                {"model_max_length", model.context},
                {"clean_up_tokenization_spaces", false}};
  if (tokenizer.end_of_text() >= 0) about.update({{"bos_token", kEndOfText}, {"eos_token", kEndOfText}});
  tokenizer.save(directory / kTokenizerFile);
  write_json(directory / "tokenizer_config.json", about);
  Json how;
  GptTraining said = training;
  fields(how, said);
  save(directory, params, model, {{"training", how}}, training.rules.license, tokenizer.end_of_text());
}

models::GptConfig read_gpt_config(const ModelConfig& config, Loc loc) {
  const Op op{Op::called("read_gpt_config"), loc};
  if (is_old(config) && config.text("model") != kOldKind)
    fail<FileError>(op, "'{}' is of a {}; need a GPT, as gpt train writes them", config.file(), config.text("model"));
  const models::GptConfig c = is_old(config) ? read_own(config.at("config")) : family_in(config).read(config);
  const int64_t D = head_size_of(c);
  if (c.heads * D > kMostSize || kv_heads_of(c) * D > kMostSize ||
      (c.positions == models::Positions::rope && c.context > kMostAngles / std::max<int64_t>(D, 1)))
    fail<FileError>(op, "'{}' has {} heads of {} for a context of {}; need fewer or smaller ones", config.file(),
                    std::max(c.heads, kv_heads_of(c)), D, c.context);
  return c;
}

Tokenizer read_tokenizer(const std::filesystem::path& directory, const ModelConfig& config, Loc loc) {
  const Op op{Op::called("read_tokenizer"), loc};
  if (config.has("tokenizer")) return Chars::from_json(config.at("tokenizer").dump());  // of heed 0.1
  return Tokenizer::load(directory);
}

GptTraining read_gpt_training(const ModelConfig& config, Loc loc) {
  const Op op{Op::called("read_gpt_training"), loc};
  GptTraining training;
  fields((is_old(config) ? config : config.at(kOwnKeys)).at("training"), training);
  return training;
}

void load_weights(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
                  Loc loc) {
  const Op op{Op::called("load_weights"), loc};
  fill(params, model, ModelConfig::read(directory), open_weights(directory));
}

// The Op of a constructor that delegates lives until all is built; braces make it first.
SavedModel::SavedModel(const std::filesystem::path& directory, Loc loc)
    : SavedModel{Op{"SavedModel", loc}, directory, ModelConfig::read(directory)} {}

SavedModel::SavedModel(const Op&, const std::filesystem::path& directory, const ModelConfig& config)
    : SavedModel(config, open_weights(directory)) {}

SavedModel::SavedModel(const ModelConfig& config, const nn::StoredTensors& weights)
    : params(0, dtype_of(weights)), gpt(params, checked_config(config, weights)) {
  fill(params, gpt.config, config, weights);
}

SavedGpt::SavedGpt(const std::filesystem::path& directory, Loc loc)
    : SavedGpt{Op{"SavedGpt", loc}, directory, ModelConfig::read(directory)} {}

SavedGpt::SavedGpt(const Op& op, const std::filesystem::path& directory, const ModelConfig& config)
    : SavedModel(op, directory, config), tokenizer(read_tokenizer(directory, config)) {
  if (tokenizer.size() > gpt.config.vocabulary)
    fail<FileError>({Op::called("model")},
                    "'{}' has a tokenizer of {} tokens for a vocabulary of {}; need no more than that",
                    directory.string(), tokenizer.size(), gpt.config.vocabulary);
}

}  // namespace heed::train

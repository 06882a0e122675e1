#include <heed/train/saved_gpt.h>

#include <algorithm>
#include <map>

#include <heed/train/data/text.h>
#include <heed/train/folder/family.h>
#include <heed/train/run_directory.h>

namespace heed::train {
namespace {

constexpr const char* kOldKind = "gpt";  // "model" in config.json, of versions that wrote a layout of their own
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr size_t kLargestTemplate = 1 << 20;  // bytes
constexpr int64_t kMostAngles = 100'000'000;  // in the table of rotary positions, which no weights file holds

bool is_old(const ModelConfig& config) { return config.has("model"); }

void fields(ConfigFields field, GptTraining& t) {
  field.file("text", t.text);
  field.file("text_name", t.text_name);
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

std::string text_of(const Json& json) { return dump_json(json, 2) + "\n"; }

/// A JSON object of a folder; an empty one if it is not there.
nlohmann::json read_if_there(const std::filesystem::path& directory, const char* file) {
  if (!is_there(directory / file)) return nlohmann::json::object();
  return ModelConfig::read(directory, file).json();
}

/// What generation_config.json leaves open, config.json may say. Ids that the tokenizer has not never come.
TokenNotes read_notes(const std::filesystem::path& directory, const ModelConfig& config, int64_t tokens) {
  nlohmann::json generation = read_if_there(directory, kGenerationFile);
  nlohmann::json about = read_if_there(directory, kTokenNamesFile);
  const nlohmann::json& model = config.json();
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (model.contains(key) && !generation.contains(key)) generation[key] = model[key];
  const auto ids = [&](const char* key) {
    std::vector<int64_t> all;
    for (const nlohmann::json& id : generation.value(key, nlohmann::json()))  // one, or a list
      if (id.is_number_integer() && id >= 0 && id < tokens) all.push_back(id.get<int64_t>());
    return all;
  };
  TokenNotes notes{.ends = ids("eos_token_id")};
  if (const auto begin = ids("bos_token_id"); !begin.empty()) notes.begin = begin[0];
  std::error_code error;
  if (const auto file = directory / kTemplateFile; is_there(file)) {
    about.erase("chat_template");  // which the file, be it empty, overrides
    if (!std::filesystem::is_empty(file, error))
      notes.chat_template = read_small_text(file, kLargestTemplate, *Op::current());
  } else if (const nlohmann::json& found = find_json(about, "chat_template"); found.is_string())
    notes.chat_template = found.get<std::string>();
  if (notes.chat_template.size() > kLargestTemplate)
    fail<FileError>(*Op::current(), "the chat template of '{}' has {} bytes; need at most {}", directory.string(),
                    notes.chat_template.size(), kLargestTemplate);
  if (!generation.empty()) notes.generation = dump_json(generation);
  if (!about.empty()) notes.config = dump_json(about);
  return notes;
}

/// `generation` is what generation_config.json says, `texts` are further files.
void save(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
          const Json& own, const Metadata& about, const Json& generation, FolderTexts texts = {}) {
  const Family& family = family_of(model);
  Json config = {{"model_type", family.model_type},
                 {"architectures", {family.architecture}},
                 {"dtype", params.dtype() == f64 ? "float64" : "float32"},
                 {"bos_token_id", generation.value("bos_token_id", Json())},
                 {"eos_token_id", generation.value("eos_token_id", Json())}};
  config.update(family.write(model));
  config[kOwnKeys]["version"] = HEED_VERSION;
  config[kOwnKeys].update(own);
  NamedTensors tensors;
  for (const nn::Slot& slot : family.slots(params, model))
    tensors.emplace_back(slot.name, slot.reorder ? slot.reorder(slot.into) : slot.into);
  texts.emplace_back(kGenerationFile, text_of(generation));
  texts.emplace_back(kConfigFile, text_of(config));
  write_model(directory, tensors, about, texts, *Op::current());
}

/// model.safetensors, or the shards that the index names.
nn::StoredTensors open_weights(const std::filesystem::path& directory) {
  const auto open = [&](const std::string& file) { return std::make_shared<const SafetensorsFile>(directory / file); };
  nn::StoredTensors weights{directory / kWeightsFile, {}};
  if (is_there(directory / kWeightsFile) || !is_there(directory / kIndexFile)) {
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
  save(directory, params, model, Json::object(), nn::weights_metadata(license),
       {{"bos_token_id", nullptr}, {"eos_token_id", nullptr}});
}

void save_gpt(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
              const Tokenizer& tokenizer, const GptTraining& training, Loc loc) {
  const Op op{"save_gpt", loc};
  const TokenNotes& notes = tokenizer.notes;
  const auto* bpe = std::get_if<Bpe>(&tokenizer.kind());
  Json generation = notes.generation.empty() ? Json::object() : Json(parse_sorted_json(notes.generation));
  Json about = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                {"model_max_length", model.context},
                {"clean_up_tokenization_spaces", false}};
  for (const auto& [name, id] :
       {std::pair("bos_token", tokenizer.begin_of_text()), {"eos_token", tokenizer.end_of_text()}}) {
    if (id >= 0) about[name] = bpe ? bpe->names()[static_cast<size_t>(id)] : tokenizer.decode({&id, 1});
    if (Json& said = generation[fmt::format("{}_id", name)]; said.is_null() && id >= 0) said = id;
  }
  Json how;
  GptTraining said = training;
  fields(how, said);
  if (!notes.config.empty()) about = parse_sorted_json(notes.config);
  const FolderTexts texts = {
      {kTokenizerFile, tokenizer.to_json()}, {kTokenNamesFile, text_of(about)}, {kTemplateFile, notes.chat_template}};
  save(directory, params, model, {{"training", how}}, training.rules.metadata(), generation, texts);
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
  Tokenizer tokenizer = Tokenizer::load(directory);
  tokenizer.notes = read_notes(directory, config, tokenizer.size());
  return tokenizer;
}

GptTraining read_gpt_training(const ModelConfig& config, Loc loc) {
  const Op op{Op::called("read_gpt_training"), loc};
  GptTraining training;
  fields((is_old(config) ? config : config.at(kOwnKeys)).at("training"), training);
  training.rules.done = steps_of(std::filesystem::path(config.file()).parent_path());
  return training;
}

void load_weights(const std::filesystem::path& directory, const nn::Parameters& params, const models::GptConfig& model,
                  Loc loc) {
  const Op op{Op::called("load_weights"), loc};
  nn::StoredTensors weights = open_weights(directory);
  weights.rounded = true;
  fill(params, model, ModelConfig::read(directory), std::move(weights));
}

// The Op of a constructor that delegates lives until all is built; braces make it first.
SavedModel::SavedModel(const std::filesystem::path& directory, Loc loc)
    : SavedModel{Op{"SavedModel", loc}, ModelConfig::read(directory), open_weights(directory)} {}

SavedModel::SavedModel(const Op&, const ModelConfig& config, const nn::StoredTensors& weights)
    : params(0, dtype_of(weights)), gpt(params, checked_config(config, weights)) {
  fill(params, gpt.config, config, weights);
}

SavedGpt::SavedGpt(const std::filesystem::path& directory, Loc loc)
    : SavedGpt{Op{"SavedGpt", loc}, directory, ModelConfig::read(directory)} {}

SavedGpt::SavedGpt(const Op& op, const std::filesystem::path& directory, const ModelConfig& config)
    : SavedModel(op, config, open_weights(directory)), tokenizer(read_tokenizer(directory, config)) {
  if (tokenizer.size() > gpt.config.vocabulary)
    fail<FileError>({Op::called("model")},
                    "'{}' has a tokenizer of {} tokens for a vocabulary of {}; need no more than that",
                    directory.string(), tokenizer.size(), gpt.config.vocabulary);
}

}  // namespace heed::train

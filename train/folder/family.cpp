#include <heed/train/folder/family.h>

#include <algorithm>

namespace heed::train {
namespace {

const Family* const kFamilies[] = {&kGpt2, &kLlama, &kQwen3, &kNanochat, &kOwnFamily};

const std::vector<std::string> kGelu = {"erf", "tanh"}, kPositions = {"learned", "rope"},
                               kNorms = {"layer", "rms", "plain"}, kMlps = {"gelu", "relu2", "swiglu"},
                               kQkNorms = {"none", "plain", "weighted"};

template <class Choice>
const std::string& name_in(const std::vector<std::string>& names, Choice choice) {
  return names.at(static_cast<size_t>(choice));
}

template <class Choice>
Choice choice_in(const ModelConfig& c, const char* key, const std::vector<std::string>& names, Choice otherwise) {
  return c.has(key) ? static_cast<Choice>(c.choice(key, names)) : otherwise;
}

std::vector<nn::Slot> own_slots(const nn::Parameters& params, const models::GptConfig&) { return nn::slots_of(params); }

}  // namespace

Json own_json(const models::GptConfig& c) {
  return {{"vocabulary", c.vocabulary},
          {"context", c.context},
          {"layers", c.layers},
          {"heads", c.heads},
          {"channels", c.channels},
          {"dropout", c.dropout},
          {"bias", c.bias},
          {"tied", c.tied},
          {"gelu", name_in(kGelu, c.gelu)},
          {"positions", name_in(kPositions, c.positions)},
          {"rope",
           {{"base", c.rope.base},
            {"interleaved", c.rope.interleaved},
            {"width", c.rope.width},
            {"factor", c.rope.scaling.factor},
            {"original_context", c.rope.scaling.original_context},
            {"low_turns", c.rope.scaling.low_turns},
            {"high_turns", c.rope.scaling.high_turns}}},
          {"norm", name_in(kNorms, c.norm)},
          {"eps", c.eps},
          {"mlp", name_in(kMlps, c.mlp)},
          {"hidden", hidden_of(c)},
          {"kv_heads", kv_heads_of(c)},
          {"head_size", head_size_of(c)},
          {"qk_norm", name_in(kQkNorms, c.qk_norm)},
          {"window", c.window ? Json(*c.window) : Json()},
          {"softcap", c.softcap},
          {"norm_embedding", c.norm_embedding}};
}

models::GptConfig read_own(const ModelConfig& c) {
  const models::GptConfig usual;
  const ModelConfig r = c.optional("rope");
  const RopeOptions turns;
  models::GptConfig config{
      .vocabulary = c.integer("vocabulary", 1, kMostSize),
      .context = c.integer("context", 1, kMostSize),
      .layers = c.integer("layers", 1, kMostLayers),
      .heads = c.integer("heads", 1, kMostSize),
      .channels = c.integer("channels", 1, kMostSize),
      .dropout = c.number("dropout", 0, 1),
      .bias = c.flag("bias"),
      .tied = c.flag("tied"),
      .gelu = static_cast<Gelu>(c.choice("gelu", kGelu)),
      .positions = choice_in(c, "positions", kPositions, usual.positions),
      .rope = {.base = r.number("base", 1, 1e12, turns.base),
               .interleaved = r.flag("interleaved", turns.interleaved),
               .width = r.integer("width", 0, kMostSize, turns.width),
               .scaling = {.factor = r.number("factor", 1e-6, 1e6, 1),
                           .original_context = r.integer("original_context", 0, kMostSize, 0),
                           .low_turns = r.number("low_turns", 0, 1e6, turns.scaling.low_turns),
                           .high_turns = r.number("high_turns", 0, 1e6, turns.scaling.high_turns)}},
      .norm = choice_in(c, "norm", kNorms, usual.norm),
      .eps = c.number("eps", 0, 1, usual.eps),
      .mlp = choice_in(c, "mlp", kMlps, usual.mlp),
      .hidden = c.integer("hidden", 0, 4 * kMostSize, 0),
      .kv_heads = c.integer("kv_heads", 0, kMostSize, 0),
      .head_size = c.integer("head_size", 0, kMostSize, 0),
      .qk_norm = choice_in(c, "qk_norm", kQkNorms, usual.qk_norm),
      .softcap = c.number("softcap", 0, 1e6, 0),
      .norm_embedding = c.flag("norm_embedding", false)};
  if (c.has("window")) config.window = c.integer("window", 1, kMostSize);
  return config;
}

const Family kOwnFamily = {"heed",
                           "Gpt",
                           "",
                           [](const ModelConfig& c) { return read_own(c.at(kOwnKeys).at("config")); },
                           [](const models::GptConfig& c) {
                             return Json{{kOwnKeys, {{"config", own_json(c)}}}};
                           },
                           own_slots};

const Family& family_in(const ModelConfig& config) {
  std::vector<std::string> names;
  for (const Family* family : kFamilies) names.emplace_back(family->model_type);
  return *kFamilies[config.choice("model_type", names)];
}

const Family& family_of(const models::GptConfig& config) {
  models::GptConfig said = config;  // without what its other choices make idle
  if (said.mlp != models::Mlp::gelu) said.gelu = Gelu::tanh;
  if (said.positions != models::Positions::rope) said.rope = {};
  const auto says_all = [&](const Family* family) {
    try {
      return own_json(family->read(ModelConfig("", family->write(said)))) == own_json(said);
    } catch (const FileError&) {
      return false;
    }
  };
  const auto found = std::ranges::find_if(kFamilies, says_all);
  return found == std::end(kFamilies) ? kOwnFamily : **found;
}

}  // namespace heed::train

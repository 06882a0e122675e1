#include <heed/train/folder/family.h>

#include <algorithm>

namespace heed::train {
namespace {

const Family* const kFamilies[] = {&kGpt2, &kLlama, &kMistral, &kQwen2, &kQwen3, &kNanochat, &kOwnFamily};

void fields(ConfigFields field, models::GptConfig& c) {
  using Names = ConfigFields::Names;
  field("vocabulary", c.vocabulary, 1, kMostSize);
  field("context", c.context, 1, kMostSize);
  field("layers", c.layers, 1, kMostLayers);
  field("heads", c.heads, 1, kMostSize);
  field("channels", c.channels, 1, kMostSize);
  field("dropout", c.dropout, 0, 1);
  field("bias", c.bias);
  field.later("qkv_bias", c.qkv_bias);
  field("tied", c.tied);
  field("gelu", c.gelu, Names{"erf", "tanh"});
  field.later("positions", c.positions, Names{"learned", "rope"});
  field.object("rope", [&rope = c.rope](ConfigFields turns) {
    turns.later("base", rope.base, 1, 1e12);
    turns.later("interleaved", rope.interleaved);
    turns.later("width", rope.width, 0, kMostSize);
    turns.later("factor", rope.scaling.factor, 1e-6, 1e6);
    turns.later("original_context", rope.scaling.original_context, 0, kMostSize);
    turns.later("low_turns", rope.scaling.low_turns, 0, 1e6);
    turns.later("high_turns", rope.scaling.high_turns, 0, 1e6);
  });
  field.later("norm", c.norm, Names{"layer", "rms", "plain"});
  field.later("eps", c.eps, 0, 1);
  field.later("mlp", c.mlp, Names{"gelu", "relu2", "swiglu"});
  field.later("hidden", c.hidden, 0, 4 * kMostSize);
  field.later("kv_heads", c.kv_heads, 0, kMostSize);
  field.later("head_size", c.head_size, 0, kMostSize);
  field.later("qk_norm", c.qk_norm, Names{"none", "plain", "weighted"});
  int64_t window = c.window.value_or(0);
  field.later("window", window, 0, kMostSize);
  c.window = window ? std::optional(window) : std::nullopt;
  field.later("softcap", c.softcap, 0, 1e6);
  field.later("norm_embedding", c.norm_embedding);
}

}  // namespace

Json own_json(models::GptConfig c) {
  c.hidden = hidden_of(c);
  c.kv_heads = kv_heads_of(c);
  c.head_size = head_size_of(c);
  Json json;
  fields(json, c);
  return json;
}

models::GptConfig read_own(const ModelConfig& config) {
  models::GptConfig c;
  fields(config, c);
  return c;
}

const Family kOwnFamily = {"heed",
                           "Gpt",
                           "",
                           [](const ModelConfig& c) { return read_own(c.at(kOwnKeys).at("config")); },
                           [](const models::GptConfig& c) {
                             return Json{{kOwnKeys, {{"config", own_json(c)}}}};
                           },
                           [](const nn::Parameters& params, const models::GptConfig&) { return nn::slots_of(params); }};

const Family& family_in(const ModelConfig& config) {
  std::vector<std::string> names;
  for (const Family* family : kFamilies) names.emplace_back(family->model_type);
  return *kFamilies[config.choice("model_type", names)];
}

const Family& family_of(const models::GptConfig& config) {
  models::GptConfig said = config;  // without what its other choices make idle
  if (said.bias) said.qkv_bias = false;
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

// Llama (Touvron et al. 2023), Mistral, Qwen2, Qwen3 and nanochat: alike but for biases, norms and MLPs. Projections
// that heed keeps in one matrix (of queries, keys and values; of gate and up) have their own names in files.
#include <heed/autograd/ops.h>
#include <heed/train/folder/family.h>

namespace heed::train {
namespace {

using models::GptConfig;
using models::Mlp;
using models::Norm;

constexpr const char* kScalings[] = {"default", "linear", "llama3"};

RopeOptions read_rope(const ModelConfig& c) {
  const ModelConfig older = c.optional("rope_scaling"), r = older.empty() ? c.optional("rope_parameters") : older;
  for (const ModelConfig* where : {&c, &r}) where->only("partial_rotary_factor", 1.0);
  RopeOptions rope{.base = (r.has("rope_theta") ? r : c).number("rope_theta", 1, 1e12, 10000)};
  const char* type = r.has("rope_type") ? "rope_type" : "type";  // as older files have it
  const size_t scaling = r.has(type) ? r.choice(type, {std::begin(kScalings), std::end(kScalings)}) : 0;
  if (scaling >= 1) rope.scaling.factor = r.number("factor", 1e-6, 1e6);
  if (scaling == 2) {
    rope.scaling.original_context = r.integer("original_max_position_embeddings", 1, kMostSize);
    rope.scaling.low_turns = r.number("low_freq_factor", 0, 1e6);
    rope.scaling.high_turns = r.number("high_freq_factor", 0, 1e6);
  }
  return rope;
}

Json rope_json(const RopeOptions& rope) {
  const RopeScaling& s = rope.scaling;
  Json json = {{"rope_theta", rope.base}, {"rope_type", kScalings[s.original_context ? 2 : s.factor != 1 ? 1 : 0]}};
  if (s.original_context || s.factor != 1) json["factor"] = s.factor;
  if (s.original_context)
    json.update({{"low_freq_factor", s.low_turns},
                 {"high_freq_factor", s.high_turns},
                 {"original_max_position_embeddings", s.original_context}});
  return json;
}

/// What all have in common.
GptConfig read(const ModelConfig& c, const char* activation, double eps) {
  c.only("hidden_act", activation);
  c.only("attention_dropout", 0.0);
  return {.vocabulary = c.integer("vocab_size", 1, kMostSize),
          .context = c.integer("max_position_embeddings", 1, kMostSize),
          .layers = c.integer("num_hidden_layers", 1, kMostLayers),
          .heads = c.integer("num_attention_heads", 1, kMostSize),
          .channels = c.integer("hidden_size", 1, kMostSize),
          .dropout = c.optional(kOwnKeys).number("dropout", 0, 1, 0),
          .bias = c.flag("attention_bias", false),
          .tied = c.flag("tie_word_embeddings", false),
          .positions = models::Positions::rope,
          .rope = read_rope(c),
          .norm = Norm::rms,
          .eps = c.number("rms_norm_eps", 0, 1, eps),
          .mlp = Mlp::swiglu,
          .hidden = c.integer("intermediate_size", 1, 4 * kMostSize),
          .kv_heads = c.integer("num_key_value_heads", 1, kMostSize, 0),
          .head_size = c.integer("head_dim", 1, kMostSize, 0)};
}

Json write(const GptConfig& c, const char* activation) {
  return {
      {"vocab_size", c.vocabulary},     {"max_position_embeddings", c.context},  {"num_hidden_layers", c.layers},
      {"num_attention_heads", c.heads}, {"num_key_value_heads", kv_heads_of(c)}, {"head_dim", head_size_of(c)},
      {"hidden_size", c.channels},      {"intermediate_size", hidden_of(c)},     {"hidden_act", activation},
      {"rms_norm_eps", c.eps},          {"rope_parameters", rope_json(c.rope)},  {"attention_bias", c.bias},
      {"attention_dropout", 0.0},       {"tie_word_embeddings", c.tied},         {kOwnKeys, {{"dropout", c.dropout}}}};
}

GptConfig read_llama(const ModelConfig& c) {
  const GptConfig config = read(c, "silu", 1e-6);
  if (c.flag("mlp_bias", false) != config.bias)
    c.refuse(c.has("mlp_bias") ? "mlp_bias" : "attention_bias", "attention_bias and mlp_bias alike");
  c.only("pretraining_tp", 1);
  return config;
}

Json write_llama(const GptConfig& c) {
  Json json = write(c, "silu");
  json["mlp_bias"] = c.bias;
  return json;
}

/// Those without a bias at the end of the attention; kv_heads: of a file that says nothing of them.
GptConfig read_unbiased(const ModelConfig& c, int64_t kv_heads) {
  c.only("attention_bias", false);
  GptConfig config = read(c, "silu", 1e-6);
  if (!c.says("num_key_value_heads")) config.kv_heads = kv_heads;
  return config;
}

Json write_unbiased(const GptConfig& c) { return write(c, "silu"); }

/// None is a window of the whole context, so that what is written again is a mistral: of a llama's folder transformers
/// may open the tokenizer as another.
GptConfig read_mistral(const ModelConfig& c) {
  GptConfig config = read_unbiased(c, 8);
  config.window = c.integer("sliding_window", 1, kMostSize, c.says("sliding_window") ? config.context : 4096);
  return config;
}

Json write_mistral(const GptConfig& c) {
  Json json = write_unbiased(c);
  json["sliding_window"] = c.window.value_or(c.context) == c.context ? Json() : Json(*c.window);
  return json;
}

GptConfig read_qwen2(const ModelConfig& c) {
  c.only("use_sliding_window", false);
  GptConfig config = read_unbiased(c, 32);
  config.qkv_bias = true;
  return config;
}

Json write_qwen2(const GptConfig& c) {
  Json json = write_unbiased(c);
  json.erase("attention_bias");  // no key of Qwen2, whose queries, keys and values always have one
  return json;
}

GptConfig read_qwen3(const ModelConfig& c) {
  c.only("use_sliding_window", false);
  GptConfig config = read_unbiased(c, 32);
  if (!c.has("head_dim")) config.head_size = 128;
  config.qk_norm = nn::QkNorm::weighted;
  return config;
}

GptConfig read_nanochat(const ModelConfig& c) {
  c.only("attention_bias", false);
  GptConfig config = read(c, "relu2", 1e-6);
  config.norm = Norm::plain;
  config.qk_norm = nn::QkNorm::plain;
  config.mlp = Mlp::relu2;
  config.norm_embedding = true;
  config.softcap = c.number("final_logit_softcapping", 0, 1e6, c.says("final_logit_softcapping") ? 0 : 15);
  return config;
}

Json write_nanochat(const GptConfig& c) {
  Json json = write(c, "relu2");
  json["final_logit_softcapping"] = c.softcap > 0 ? Json(c.softcap) : Json();
  return json;
}

/// Rows of a projection (H D, C) with the halves of each head changing places. nanochat turns the other way round: that
/// is turning as everybody does with the second half first.
Tensor swap_halves(const Tensor& x, int64_t head_size) {
  const Tensor heads = x.reshape({-1, 2, head_size / 2, x.size(-1)});
  return cat({heads.narrow(1, 1, 1), heads.narrow(1, 0, 1)}, 1).reshape(x.shape());
}

std::vector<nn::Slot> slots(const nn::Parameters& params, const GptConfig& c) {
  std::vector<nn::Slot> all;
  const auto add = [&](const std::string& name, const std::string& parameter) {
    all.push_back({.name = "model." + name, .into = params.at(parameter).detach()});
  };
  // Rows first .. first + count - 1 of a linear layer.
  const auto add_rows = [&](const std::string& name, const std::string& layer, int64_t first, int64_t count) {
    const auto part = [&](const std::string& which, const Tensor& x) {
      all.push_back({.name = "model." + name + which, .into = x.detach().narrow(0, first, count)});
    };
    part(".weight", params.at(layer + ".weight"));
    if (const Tensor* bias = params.find(layer + ".bias")) part(".bias", *bias);
  };
  const int64_t D = head_size_of(c), H = c.heads, K = kv_heads_of(c), hidden = hidden_of(c);
  add("embed_tokens.weight", "wte.weight");
  if (c.tied) all.back().also = {"lm_head.weight"};
  for (int64_t i = 0; i < c.layers; ++i) {
    const std::string layer = fmt::format("layers.{}.", i), attn = layer + "self_attn.", h = fmt::format("h.{}.", i);
    if (c.norm == Norm::rms) add(layer + "input_layernorm.weight", h + "ln_1.weight");
    add_rows(attn + "q_proj", h + "attn.c_attn", 0, H * D);
    add_rows(attn + "k_proj", h + "attn.c_attn", H * D, K * D);
    if (c.norm == Norm::plain)
      for (size_t back : {1, 2}) all[all.size() - back].reorder = [D](const Tensor& x) { return swap_halves(x, D); };
    add_rows(attn + "v_proj", h + "attn.c_attn", (H + K) * D, K * D);
    add_rows(attn + "o_proj", h + "attn.c_proj", 0, c.channels);
    if (c.qk_norm == nn::QkNorm::weighted) {
      add(attn + "q_norm.weight", h + "attn.q_norm.weight");
      add(attn + "k_norm.weight", h + "attn.k_norm.weight");
    }
    if (c.norm == Norm::rms) add(layer + "post_attention_layernorm.weight", h + "ln_2.weight");
    if (c.mlp == Mlp::swiglu) {
      add_rows(layer + "mlp.gate_proj", h + "mlp.c_fc", 0, hidden);
      add_rows(layer + "mlp.up_proj", h + "mlp.c_fc", hidden, hidden);
    } else add_rows(layer + "mlp.fc1", h + "mlp.c_fc", 0, hidden);
    add_rows(layer + (c.mlp == Mlp::swiglu ? "mlp.down_proj" : "mlp.fc2"), h + "mlp.c_proj", 0, c.channels);
  }
  if (c.norm == Norm::rms) add("norm.weight", "ln_f.weight");
  if (!c.tied) all.push_back({.name = "lm_head.weight", .into = params.at("lm_head.weight").detach()});
  return all;
}

}  // namespace

const Family kLlama = {"llama", "LlamaForCausalLM", "model.", read_llama, write_llama, slots};
const Family kMistral = {"mistral", "MistralForCausalLM", "model.", read_mistral, write_mistral, slots};
const Family kQwen2 = {"qwen2", "Qwen2ForCausalLM", "model.", read_qwen2, write_qwen2, slots};
const Family kQwen3 = {"qwen3", "Qwen3ForCausalLM", "model.", read_qwen3, write_unbiased, slots};
const Family kNanochat = {"nanochat", "NanoChatForCausalLM", "model.", read_nanochat, write_nanochat, slots};

}  // namespace heed::train

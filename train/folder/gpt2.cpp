// GPT-2 (Radford et al. 2019): heed's own names, but its matrices lie transposed in files (transformers' Conv1D), and
// everything has a bias.
#include <heed/autograd/ops.h>
#include <heed/train/folder/family.h>

namespace heed::train {
namespace {

using models::GptConfig;

constexpr const char* kActivations[] = {"gelu", "gelu_new", "gelu_pytorch_tanh"};

GptConfig read(const ModelConfig& c) {
  c.only("scale_attn_weights", true);
  for (const char* feature : {"scale_attn_by_inverse_layer_idx", "add_cross_attention"}) c.only(feature, false);
  const size_t activation = c.has("activation_function")
                                ? c.choice("activation_function", {std::begin(kActivations), std::end(kActivations)})
                                : 1;
  const double dropout = c.number("resid_pdrop", 0, 1, 0.1);
  for (const char* other : {"embd_pdrop", "attn_pdrop"})
    if (c.number(other, 0, 1, 0.1) != dropout)
      c.refuse(other, fmt::format("{}, as resid_pdrop: heed has one dropout for all", dropout));
  return {.vocabulary = c.integer("vocab_size", 1, kMostSize),
          .context = c.integer("n_positions", 1, kMostSize),
          .layers = c.integer("n_layer", 1, kMostLayers),
          .heads = c.integer("n_head", 1, kMostSize),
          .channels = c.integer("n_embd", 1, kMostSize),
          .dropout = dropout,
          .bias = c.optional(kOwnKeys).flag("bias", true),
          .tied = c.flag("tie_word_embeddings", true),
          .gelu = activation == 0 ? Gelu::erf : Gelu::tanh,
          .eps = c.number("layer_norm_epsilon", 0, 1, 1e-5),
          .hidden = c.integer("n_inner", 1, 4 * kMostSize, 0)};
}

Json write(const GptConfig& c) {
  return {{"vocab_size", c.vocabulary},
          {"n_positions", c.context},
          {"n_layer", c.layers},
          {"n_head", c.heads},
          {"n_embd", c.channels},
          {"n_inner", c.hidden && c.hidden != 4 * c.channels ? Json(c.hidden) : Json()},
          {"activation_function", kActivations[c.gelu == Gelu::erf ? 0 : 1]},
          {"layer_norm_epsilon", c.eps},
          {"resid_pdrop", c.dropout},
          {"embd_pdrop", c.dropout},
          {"attn_pdrop", c.dropout},
          {"tie_word_embeddings", c.tied},
          {kOwnKeys, {{"bias", c.bias}}}};
}

std::vector<nn::Slot> slots(const nn::Parameters& params, const GptConfig& c) {
  std::vector<nn::Slot> all;
  const auto add = [&](const std::string& name, int64_t width = 0) {  // a bias of that width may not be there
    const Tensor* found = width ? params.find(name) : &params.at(name);
    const Tensor x = found ? found->detach() : zeros({width}, params.dtype());
    const bool turned = x.rank() == 2 && name.starts_with("h.");
    all.push_back({.name = "transformer." + name, .into = turned ? x.mT() : x, .zeros = !found});
  };
  const auto add_module = [&](const std::string& name, int64_t width) {
    add(name + ".weight");
    add(name + ".bias", width);
  };
  add("wte.weight");
  if (c.tied) all.back().also = {"lm_head.weight"};
  add("wpe.weight");
  for (int64_t i = 0; i < c.layers; ++i) {
    const std::string h = fmt::format("h.{}.", i);
    add_module(h + "ln_1", c.channels);
    add_module(h + "attn.c_attn", 3 * c.channels);
    add_module(h + "attn.c_proj", c.channels);
    add_module(h + "ln_2", c.channels);
    add_module(h + "mlp.c_fc", hidden_of(c));
    add_module(h + "mlp.c_proj", c.channels);
  }
  add_module("ln_f", c.channels);
  if (!c.tied) all.push_back({.name = "lm_head.weight", .into = params.at("lm_head.weight").detach()});
  return all;
}

}  // namespace

const Family kGpt2 = {"gpt2", "GPT2LMHeadModel", "transformer.", read, write, slots};

}  // namespace heed::train

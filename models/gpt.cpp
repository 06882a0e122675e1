#include <heed/models/gpt.h>

#include <cmath>
#include <utility>

#include <heed/models/check.h>
#include <heed/nn/init.h>

namespace heed::models {
namespace {

GptConfig checked(nn::Scope s, const GptConfig& c) {
  const Op op{"Gpt", s.name(), s.where()};
  check_sizes(op, {{"vocabulary", c.vocabulary},
                   {"context", c.context},
                   {"layers", c.layers},
                   {"heads", c.heads},
                   {"channels", c.channels}});
  if (c.head_size == 0) nn::check_heads(op, c.channels, c.heads);
  for (const auto& [what, size] : {std::pair("kv_heads", c.kv_heads), {"head_size", c.head_size}, {"hidden", c.hidden}})
    if (size != 0) check_sizes(op, {{what, size}});
  if (c.window) check_sizes(op, {{"window", *c.window}});
  if (c.positions == Positions::rope && head_size_of(c) % 2 != 0)
    fail<ValueError>(op, "{} heads of width {}; need an even width, as rope turns pairs", c.heads, head_size_of(c));
  if (!(c.softcap >= 0)) fail<ValueError>(op, "softcap {}; need a number above 0, or 0 for none", c.softcap);
  nn::check_probability(op, c.dropout);
  nn::check_eps(op, c.eps);
  return c;
}

std::vector<GptBlock> blocks(nn::Scope s, const GptConfig& config) {
  std::vector<GptBlock> h;
  for (int64_t i = 0; i < config.layers; ++i) h.emplace_back(s / i, config);
  return h;
}

}  // namespace

int64_t parameter_count(const GptConfig& c) {
  const int64_t C = c.channels, bias = c.bias ? 1 : 0, D = head_size_of(c), K = kv_heads_of(c), hidden = hidden_of(c);
  const auto linear_count = [&](int64_t in, int64_t out) { return in * out + bias * out; };
  const int64_t norm = c.norm == Norm::plain ? 0 : c.norm == Norm::rms ? C : C + bias * C, qkv = (c.heads + 2 * K) * D;
  const int64_t block = 2 * norm + C * qkv + (c.bias || c.qkv_bias ? qkv : 0) + linear_count(c.heads * D, C) +
                        (c.qk_norm == nn::QkNorm::weighted ? 2 * D : 0) +
                        linear_count(C, c.mlp == Mlp::swiglu ? 2 * hidden : hidden) + linear_count(hidden, C);
  const int64_t table = c.vocabulary * C;
  return (c.tied ? 1 : 2) * table + (c.positions == Positions::learned ? c.context * C : 0) + c.layers * block + norm;
}

GptNorm::GptNorm(nn::Scope s, const GptConfig& c) : name(s.name()), form(c.norm), eps(c.eps) {
  if (form != Norm::plain) weight = s.param("weight", {c.channels}, nn::init::ones());
  if (form == Norm::layer && c.bias) bias = s.param("bias", {c.channels}, nn::init::zeros());
}

Tensor GptNorm::operator()(const Tensor& x, Loc loc) const {
  const Op op{"GptNorm", name, loc};
  return form == Norm::layer ? layer_norm(x, weight, bias, eps) : rms_norm(x, weight, eps);
}

GptMlp::GptMlp(nn::Scope s, const GptConfig& c)
    : name(s.name()),
      c_fc(s / "c_fc", c.channels, c.mlp == Mlp::swiglu ? 2 * hidden_of(c) : hidden_of(c), c.bias),
      c_proj(s / "c_proj", hidden_of(c), c.channels, c.bias),
      form(c.mlp),
      gelu_form(c.gelu) {}

Tensor GptMlp::operator()(const Tensor& x, Loc loc) const {
  const Op op{"GptMlp", name, loc};
  const Tensor y = c_fc(x);
  if (form == Mlp::gelu) return c_proj(gelu(y, gelu_form));
  if (form == Mlp::relu2) return c_proj(relu2(y));
  const int64_t hidden = y.size(-1) / 2;
  return c_proj(silu(y(ellipsis, slice(0, hidden))) * y(ellipsis, slice(hidden, none)));
}

GptBlock::GptBlock(nn::Scope s, const GptConfig& c)
    : name(s.name()),
      ln_1(s / "ln_1", c),
      attn(s / "attn", c.channels, c.heads,
           {.dropout = c.dropout,
            .qkv_bias = c.bias || c.qkv_bias,
            .out_bias = c.bias,
            .kv_heads = c.kv_heads,
            .head_size = c.head_size,
            .qk_norm = c.qk_norm,
            .eps = c.eps,
            .window = c.window}),
      ln_2(s / "ln_2", c),
      mlp(s / "mlp", c),
      dropout(s, c.dropout) {}

Tensor GptBlock::operator()(const Tensor& x, nn::KeyValueCache* cache, const RopeAngles& angles, Loc loc) const {
  const Op op{"GptBlock", name, loc};
  const Tensor y = x + dropout(attn(ln_1(x), cache, angles));
  return y + dropout(mlp(ln_2(y)));
}

Gpt::Gpt(nn::Scope s, const GptConfig& c)
    : name(s.name()),
      config(checked(s, c)),
      wte(s / "wte", c.vocabulary, c.channels),
      wpe(c.positions == Positions::learned ? std::optional(nn::LearnedPosition(s / "wpe", c.context, c.channels))
                                            : std::nullopt),
      dropout(s, c.dropout),
      h(blocks(s / "h", c)),
      ln_f(s / "ln_f", c) {
  const Op op{"Gpt", name, s.where()};
  if (!wpe) {
    const int64_t width = c.rope.width ? c.rope.width : h[0].attn.head_size;
    angles = rope_angles(arange(c.context).unsqueeze(-1), width, c.rope, s.dtype());
  }
  const nn::Init lm_default = nn::init::kaiming_uniform(std::sqrt(5.0)), normal = nn::init::normal(0, 0.02);
  if (c.tied) {
    lm_head = wte.weight;
    (s / "lm_head").tie("weight", lm_head);
    lm_default(lm_head, s.rng());
  } else {
    lm_head = (s / "lm_head").param("weight", {c.vocabulary, c.channels}, lm_default);
  }

  normal(wte.weight, s.rng());
  if (wpe) normal(wpe->weight, s.rng());
  for (GptBlock& block : h)
    for (const nn::Linear* layer : block.layers()) {
      normal(layer->weight, s.rng());
      if (layer->bias.defined()) nn::init::zeros()(layer->bias, s.rng());
    }
  normal(lm_head, s.rng());
  // Every block adds to the residual stream twice: this keeps its variance from growing with depth.
  const nn::Init residual = nn::init::normal(0, 0.02 / std::sqrt(2.0 * static_cast<double>(c.layers)));
  for (const GptBlock& block : h) {
    residual(block.attn.c_proj.weight, s.rng());
    residual(block.mlp.c_proj.weight, s.rng());
  }
}

Tensor Gpt::read(const Op& op, const Tensor& tokens, GptCache* cache) const {
  check_tokens(op, "tokens", tokens);
  const int64_t T = tokens.size(1), start = cache ? cache->length() : 0;
  if (start + T > config.context)
    fail<ShapeError>(op, "{} tokens{} exceed the context; need at most {}{}", T,
                     start ? fmt::format(" after {}", start) : "", config.context,
                     wpe ? "" : ", or a config with a longer context and a factor in rope.scaling");
  Tensor x = wte(tokens);
  if (wpe) x = (*wpe)(x, start);
  if (config.norm_embedding) x = rms_norm(x, {}, config.eps);
  x = dropout(x);
  RopeAngles here;
  if (!wpe) here = {angles.cos(slice(start, start + T)), angles.sin(slice(start, start + T))};
  for (size_t i = 0; i < h.size(); ++i) x = h[i](x, cache ? &cache->layers[i] : nullptr, here);
  return x;
}

Tensor Gpt::logits(const Tensor& x) const {
  const Tensor y = compressed_head ? compressed_head->linear(ln_f(x)) : linear(ln_f(x), lm_head);
  return config.softcap > 0 ? tanh(y / config.softcap) * config.softcap : y;
}

Tensor Gpt::operator()(const Tensor& tokens, Loc loc) const {
  const Op op{"Gpt", name, loc};
  return logits(read(op, tokens, nullptr));
}

Tensor Gpt::next(const Tensor& tokens, GptCache& cache, Loc loc) const {
  const Op op{"Gpt", name, loc};
  return logits(read(op, tokens, &cache).select(1, -1));
}

Gpt Gpt::compressed(Weights kept, Loc loc) const {
  const Op op{"compressed", name, loc};
  if (compressed_head)
    fail<ValueError>(op, "the weights are {} already; need the model in f32", name_of(compressed_head->kept()));
  Gpt model = *this;
  if (kept == Weights::f32) return model;
  const auto compress = [kept](const ModuleName& of, Tensor& weight) {
    const Op part{"compressed", of};
    return std::make_shared<const nn::Compressed>(std::exchange(weight, {}), kept);
  };
  for (GptBlock& block : model.h)
    for (nn::Linear* layer : block.layers()) layer->compressed = compress(layer->name, layer->weight);
  model.wte.compressed = compress(wte.name, model.wte.weight);
  model.compressed_head = config.tied ? model.wte.compressed : compress(name, model.lm_head);
  model.lm_head = {};
  return model;
}

}  // namespace heed::models

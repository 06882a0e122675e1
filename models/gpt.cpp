#include <heed/models/gpt.h>

#include <cmath>

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
  check_heads(op, c.heads, c.channels);
  nn::check_probability(op, c.dropout);
  return c;
}

std::vector<GptBlock> blocks(nn::Scope s, const GptConfig& config) {
  std::vector<GptBlock> h;
  for (int64_t i = 0; i < config.layers; ++i) h.emplace_back(s / i, config);
  return h;
}

}  // namespace

int64_t parameter_count(const GptConfig& c) {
  const int64_t C = c.channels, bias = c.bias ? 1 : 0;
  const auto linear_count = [&](int64_t in, int64_t out) { return in * out + bias * out; };
  const int64_t norm = C + bias * C;
  const int64_t block =
      2 * norm + linear_count(C, 3 * C) + linear_count(C, C) + linear_count(C, 4 * C) + linear_count(4 * C, C);
  const int64_t table = c.vocabulary * C;
  return (c.tied ? 1 : 2) * table + c.context * C + c.layers * block + norm;
}

GptMlp::GptMlp(nn::Scope s, const GptConfig& c)
    : name(s.name()),
      c_fc(s / "c_fc", c.channels, 4 * c.channels, c.bias),
      c_proj(s / "c_proj", 4 * c.channels, c.channels, c.bias),
      form(c.gelu) {}

Tensor GptMlp::operator()(const Tensor& x, Loc loc) const {
  const Op op{"GptMlp", name, loc};
  return c_proj(gelu(c_fc(x), form));
}

GptBlock::GptBlock(nn::Scope s, const GptConfig& c)
    : name(s.name()),
      ln_1(s / "ln_1", c.channels, c.bias),
      attn(s / "attn", c.channels, c.heads, c.dropout, c.bias),
      ln_2(s / "ln_2", c.channels, c.bias),
      mlp(s / "mlp", c),
      dropout(s, c.dropout) {}

Tensor GptBlock::operator()(const Tensor& x, nn::KeyValueCache* cache, Loc loc) const {
  const Op op{"GptBlock", name, loc};
  const Tensor y = x + dropout(attn(ln_1(x), cache));
  return y + dropout(mlp(ln_2(y)));
}

Gpt::Gpt(nn::Scope s, const GptConfig& c)
    : name(s.name()),
      config(checked(s, c)),
      wte(s / "wte", c.vocabulary, c.channels),
      wpe(s / "wpe", c.context, c.channels),
      dropout(s, c.dropout),
      h(blocks(s / "h", c)),
      ln_f(s / "ln_f", c.channels, c.bias) {
  const nn::Init lm_default = nn::init::kaiming_uniform(std::sqrt(5.0)), normal = nn::init::normal(0, 0.02);
  if (c.tied) {
    lm_head = wte.weight;
    (s / "lm_head").tie("weight", lm_head);
    lm_default(lm_head, s.rng());
  } else {
    lm_head = (s / "lm_head").param("weight", {c.vocabulary, c.channels}, lm_default);
  }

  normal(wte.weight, s.rng());
  normal(wpe.weight, s.rng());
  for (const GptBlock& block : h)
    for (const nn::Linear* layer : {&block.attn.c_attn, &block.attn.c_proj, &block.mlp.c_fc, &block.mlp.c_proj}) {
      normal(layer->weight, s.rng());
      if (c.bias) nn::init::zeros()(layer->bias, s.rng());
    }
  normal(lm_head, s.rng());
  // Every block adds to the residual stream twice: this keeps its variance from growing with depth.
  const nn::Init residual = nn::init::normal(0, 0.02 / std::sqrt(2.0 * static_cast<double>(c.layers)));
  for (const GptBlock& block : h) {
    residual(block.attn.c_proj.weight, s.rng());
    residual(block.mlp.c_proj.weight, s.rng());
  }
}

Tensor Gpt::embed(const Op& op, const Tensor& tokens, int64_t start) const {
  check_tokens(op, "tokens", tokens);
  const int64_t T = tokens.size(1);
  if (start + T > config.context)
    fail<ShapeError>(op, "{} tokens{} exceed the context; need at most {}", T,
                     start ? fmt::format(" after {}", start) : "", config.context);
  return dropout(wpe(wte(tokens), start));
}

Tensor Gpt::operator()(const Tensor& tokens, Loc loc) const {
  const Op op{"Gpt", name, loc};
  Tensor x = embed(op, tokens, 0);
  for (const GptBlock& block : h) x = block(x);
  return linear(ln_f(x), lm_head);
}

Tensor Gpt::next(const Tensor& tokens, GptCache& cache, Loc loc) const {
  const Op op{"Gpt", name, loc};
  Tensor x = embed(op, tokens, cache.length());
  for (size_t i = 0; i < h.size(); ++i) x = h[i](x, &cache.layers[i]);
  return linear(ln_f(x.select(1, -1)), lm_head);
}

}  // namespace heed::models

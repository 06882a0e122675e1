#include <heed/models/transformer.h>

#include <cmath>
#include <memory>

#include <heed/autograd/grad_mode.h>
#include <heed/models/check.h>
#include <heed/nn/init.h>
#include <heed/nn/mask.h>
#include <heed/nn/position.h>

namespace heed::models {
namespace {

TransformerConfig checked(nn::Scope s, const TransformerConfig& c) {
  const Op op{"Transformer", s.name(), s.where()};
  check_sizes(op, {{"source_vocabulary", c.source_vocabulary},
                   {"target_vocabulary", c.target_vocabulary},
                   {"context", c.context},
                   {"layers", c.layers},
                   {"heads", c.heads},
                   {"channels", c.channels},
                   {"feedforward", c.feedforward}});
  nn::check_heads(op, c.channels, c.heads);
  nn::check_probability(op, c.dropout);
  if (c.shared_embedding && c.source_vocabulary != c.target_vocabulary)
    fail<ValueError>(op, "vocabularies of {} and {} cannot share an embedding; need equal ones", c.source_vocabulary,
                     c.target_vocabulary);
  return c;
}

nn::MultiHeadAttention attention(nn::Scope s, const TransformerConfig& c, bool causal) {
  return {s,
          c.channels,
          c.channels,
          c.heads,
          {.causal = causal, .dropout = c.dropout, .qkv_bias = false, .out_bias = false}};
}

template <class Layer>
std::vector<Layer> layers(nn::Scope s, const TransformerConfig& c) {
  std::vector<Layer> all;
  for (int64_t i = 0; i < c.layers; ++i) all.emplace_back(s / "layers" / i, c);
  return all;
}

/// N(0, 1 / C): after the multiplication by sqrt(C), of variance 1.
nn::Init embedding_init(const TransformerConfig& c) {
  return nn::init::normal(0, 1 / std::sqrt(static_cast<double>(c.channels)));
}

Tensor positions(nn::Scope s, const TransformerConfig& c) {
  if (!c.learned_positions) return nn::sinusoidal_positions(c.context, c.channels, s.dtype());
  return s.param("weight", {c.context, c.channels}, embedding_init(c));
}

/// Which source tokens may be looked at: (B, 1, S), true below each length. Undefined if all may.
Tensor padding_mask(const Tensor& source, const Tensor& lengths) {
  return lengths.defined() ? nn::length_mask(lengths, source.size(1)).unsqueeze(1) : Tensor();
}

void draw_again(const nn::MultiHeadAttention& attention, Rng& rng) {
  for (const nn::Linear* layer : {&attention.W_query, &attention.W_key, &attention.W_value, &attention.out_proj})
    nn::init::xavier_uniform()(layer->weight, rng);
}

void draw_again(const FeedForward& feedforward, Rng& rng) {
  for (const nn::Linear* layer : {&feedforward.linear1, &feedforward.linear2}) {
    nn::init::xavier_uniform()(layer->weight, rng);
    nn::init::zeros()(layer->bias, rng);
  }
}

}  // namespace

// --- layers ---------------------------------------------------------------------------------------------------------

Residual::Residual(nn::Scope s, const TransformerConfig& c)
    : norm(s, c.channels), dropout(s, c.dropout), pre_norm(c.pre_norm) {}

FeedForward::FeedForward(nn::Scope s, const TransformerConfig& c)
    : name(s.name()),
      linear1(s / "linear1", c.channels, c.feedforward),
      linear2(s / "linear2", c.feedforward, c.channels),
      dropout(s, c.dropout) {}

Tensor FeedForward::operator()(const Tensor& x, Loc loc) const {
  const Op op{"FeedForward", name, loc};
  return linear2(dropout(relu(linear1(x))));
}

EncoderLayer::EncoderLayer(nn::Scope s, const TransformerConfig& c)
    : name(s.name()),
      self_attn(attention(s / "self_attn", c, false)),
      norm1(s / "norm1", c),
      feedforward(s, c),
      norm2(s / "norm2", c) {}

Tensor EncoderLayer::operator()(const Tensor& x, const Tensor& mask, Loc loc) const {
  const Op op{"EncoderLayer", name, loc};
  const auto attend = [&](const Tensor& y) { return self_attn(y, {.mask = mask}); };
  return norm2(norm1(x, attend), feedforward);
}

DecoderLayer::DecoderLayer(nn::Scope s, const TransformerConfig& c)
    : name(s.name()),
      self_attn(attention(s / "self_attn", c, true)),
      norm1(s / "norm1", c),
      cross_attn(attention(s / "cross_attn", c, false)),
      norm2(s / "norm2", c),
      feedforward(s, c),
      norm3(s / "norm3", c) {}

Tensor DecoderLayer::operator()(const Tensor& x, const Tensor& memory, const Tensor& mask, DecoderCache* cache,
                                Loc loc) const {
  const Op op{"DecoderLayer", name, loc};
  const auto read_target = [&](const Tensor& y) { return self_attn(y, {.cache = cache ? &cache->written : nullptr}); };
  const auto read_source = [&](const Tensor& y) {
    return cross_attn(y, {.context = memory, .mask = mask, .cache = cache ? &cache->source : nullptr});
  };
  return norm3(norm2(norm1(x, read_target), read_source), feedforward);
}

// --- the model ------------------------------------------------------------------------------------------------------

Transformer::Transformer(nn::Scope s, const TransformerConfig& c)
    : name(s.name()),
      config(checked(s, c)),
      source_embedding(s / "source_embedding", c.source_vocabulary, c.channels),
      target_embedding(c.shared_embedding ? source_embedding
                                          : nn::Embedding(s / "target_embedding", c.target_vocabulary, c.channels)),
      source_positions(positions(s / "source_positions", c)),
      target_positions(positions(s / "target_positions", c)),
      dropout(s, c.dropout),
      encoder_layers(layers<EncoderLayer>(s / "encoder", c)),
      decoder_layers(layers<DecoderLayer>(s / "decoder", c)) {
  if (c.shared_embedding) (s / "target_embedding").tie("weight", source_embedding.weight);
  if (c.pre_norm) {
    encoder_norm.emplace(s / "encoder" / "norm", c.channels);
    decoder_norm.emplace(s / "decoder" / "norm", c.channels);
  }
  if (c.tied_output) (s / "output").tie("weight", target_embedding.weight);
  else output.emplace(s / "output", c.channels, c.target_vocabulary, false);

  embedding_init(c)(source_embedding.weight, s.rng());
  if (!c.shared_embedding) embedding_init(c)(target_embedding.weight, s.rng());
  for (const EncoderLayer& layer : encoder_layers) {
    draw_again(layer.self_attn, s.rng());
    draw_again(layer.feedforward, s.rng());
  }
  for (const DecoderLayer& layer : decoder_layers) {
    draw_again(layer.self_attn, s.rng());
    draw_again(layer.cross_attn, s.rng());
    draw_again(layer.feedforward, s.rng());
  }
  if (output) nn::init::xavier_uniform()(output->weight, s.rng());
}

void Transformer::check_input(const Op& op, const Tensor& source, const Tensor& source_lengths) const {
  check_tokens(op, "source", source);
  check_lengths(op, source, source_lengths);
}

Tensor Transformer::embed(const Op& op, const nn::Embedding& table, const Tensor& position_table, const Tensor& tokens,
                          int64_t start) const {
  const int64_t T = tokens.size(1);
  if (start + T > config.context)
    fail<ShapeError>(op, "{} tokens exceed the context; need at most {}", start + T, config.context);
  const Tensor x = table(tokens) * std::sqrt(static_cast<double>(config.channels));
  return dropout(x + position_table(slice(start, start + T)));
}

Tensor Transformer::encode(const Op& op, const Tensor& source, const Tensor& mask) const {
  Tensor x = embed(op, source_embedding, source_positions, source, 0);
  for (const EncoderLayer& layer : encoder_layers) x = layer(x, mask);
  return encoder_norm ? (*encoder_norm)(x) : x;
}

Tensor Transformer::logits(const Tensor& x) const { return output ? (*output)(x) : linear(x, target_embedding.weight); }

TransformerStates Transformer::states(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                                      Loc loc) const {
  const Op op{"Transformer", name, loc};
  check_input(op, source, source_lengths);
  check_decoder_input(op, source, decoder_input);
  const Tensor mask = padding_mask(source, source_lengths);
  const Tensor memory = encode(op, source, mask);
  Tensor x = embed(op, target_embedding, target_positions, decoder_input, 0);
  for (const DecoderLayer& layer : decoder_layers) x = layer(x, memory, mask);
  return {memory, decoder_norm ? (*decoder_norm)(x) : x};
}

Tensor Transformer::operator()(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                               Loc loc) const {
  const Op op{"Transformer", name, loc};
  return logits(states(source, source_lengths, decoder_input).decoder);
}

Decoder Transformer::decoder(const Tensor& source, const Tensor& source_lengths, Loc loc) const {
  struct State {
    std::vector<DecoderCache> layers;
    Tensor memory, mask;  // (B, S, C), read by the first step alone, and (R, 1, S)
    Tensor weights;       // (R, H, 1, S), of the last layer and step
    int64_t length = 0;
  };
  const Op op{"Transformer", name, loc};
  check_input(op, source, source_lengths);
  const NoGrad no_grad;
  const nn::EvalMode eval;
  const auto state = std::make_shared<State>();
  state->layers.resize(decoder_layers.size());
  state->mask = padding_mask(source, source_lengths);
  state->memory = encode(op, source, state->mask);

  const auto step = [this, state, loc](const Tensor& tokens) {
    const Op writing{"Transformer", name, loc};
    const NoGrad constant;
    const nn::EvalMode trained;
    std::optional<nn::WatchAttention> seen;
    Tensor x = embed(writing, target_embedding, target_positions, tokens.unsqueeze(1), state->length++);
    for (size_t i = 0; i < decoder_layers.size(); ++i) {
      if (i + 1 == decoder_layers.size()) seen.emplace();
      x = decoder_layers[i](x, state->memory, state->mask, &state->layers[i]);
    }
    state->weights = seen->looks().back().second;  // of its cross attention
    return logits(decoder_norm ? (*decoder_norm)(x) : x).squeeze(1);
  };
  const auto select = [state](const Tensor& rows) {
    for (DecoderCache& layer : state->layers)
      for (nn::KeyValueCache* cache : {&layer.written, &layer.source})
        *cache = {index_select(cache->keys, 0, rows), index_select(cache->values, 0, rows)};
    if (state->mask.defined()) state->mask = index_select(state->mask, 0, rows);
  };
  const auto alignment = [this, state, loc] {
    const Op looking{"Transformer", name, loc};
    check_written(looking, state->weights);
    return state->weights.mean(1).squeeze(1);
  };
  return {lengths_of(source, source_lengths), step, select, alignment};
}

}  // namespace heed::models

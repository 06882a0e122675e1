#include <heed/models/transformer.h>

#include <cmath>
#include <memory>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/models/check.h>
#include <heed/nn/init.h>
#include <heed/nn/mask.h>
#include <heed/nn/position.h>

namespace heed::models {
namespace {

TransformerConfig checked(const TransformerConfig& c, Loc loc) {
  const Op op{"Transformer", loc};
  check_size(op, "source_vocabulary", c.source_vocabulary);
  check_size(op, "target_vocabulary", c.target_vocabulary);
  check_size(op, "context", c.context);
  check_size(op, "layers", c.layers);
  check_size(op, "heads", c.heads);
  check_size(op, "channels", c.channels);
  check_size(op, "feedforward", c.feedforward);
  if (c.channels % c.heads != 0)
    fail<ValueError>(op, "{} heads do not divide {} channels; need channels % heads == 0", c.heads, c.channels);
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

// --- layers
// -------------------------------------------------------------------------------------------------------

Residual::Residual(nn::Scope s, const TransformerConfig& c)
    : norm(s, c.channels), dropout(s, c.dropout), pre_norm(c.pre_norm) {}

FeedForward::FeedForward(nn::Scope s, const TransformerConfig& c)
    : linear1(s / "linear1", c.channels, c.feedforward),
      linear2(s / "linear2", c.feedforward, c.channels),
      dropout(s, c.dropout) {}

Tensor FeedForward::operator()(const Tensor& x, Loc loc) const { return linear2(dropout(relu(linear1(x, loc)))); }

EncoderLayer::EncoderLayer(nn::Scope s, const TransformerConfig& c)
    : self_attn(attention(s / "self_attn", c, false)),
      norm1(s / "norm1", c),
      feedforward(s, c),
      norm2(s / "norm2", c) {}

Tensor EncoderLayer::operator()(const Tensor& x, const Tensor& mask, std::vector<Tensor>* looks, Loc loc) const {
  const InModule here(norm1.norm.weight, norm2.norm.weight, loc);
  const auto attend = [&](const Tensor& y) {
    if (looks) looks->push_back(self_attn.weights(y, mask, loc));
    return self_attn(y, mask, loc);
  };
  const Tensor attended = norm1(x, attend, loc);
  return norm2(attended, feedforward);
}

DecoderLayer::DecoderLayer(nn::Scope s, const TransformerConfig& c)
    : self_attn(attention(s / "self_attn", c, true)),
      norm1(s / "norm1", c),
      cross_attn(attention(s / "cross_attn", c, false)),
      norm2(s / "norm2", c),
      feedforward(s, c),
      norm3(s / "norm3", c) {}

Tensor DecoderLayer::operator()(const Tensor& x, const nn::KeyValueCache& memory, const Tensor& mask,
                                nn::KeyValueCache* past, TransformerAttention* looks, Loc loc) const {
  const InModule here(norm1.norm.weight, norm2.norm.weight, loc);
  const auto read_target = [&](const Tensor& y) {
    if (looks && !past) looks->decoder.push_back(self_attn.weights(y, {}, loc));
    return past ? self_attn.extend(y, *past, loc) : self_attn(y, {}, loc);
  };
  const auto read_source = [&](const Tensor& y) {
    if (looks) looks->cross.push_back(cross_attn.attend_weights(y, memory, mask, loc));
    return cross_attn.attend(y, memory, mask, loc);
  };
  const Tensor informed = norm2(norm1(x, read_target, loc), read_source);
  return norm3(informed, feedforward);
}

// --- the model
// ----------------------------------------------------------------------------------------------------

Transformer::Transformer(nn::Scope s, const TransformerConfig& c, Loc loc)
    : config(checked(c, loc)),
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
  const Tensor x = table(tokens, op.where) * std::sqrt(static_cast<double>(config.channels));
  return dropout(x + position_table.narrow(0, start, T));
}

Tensor Transformer::encode(const Op& op, const Tensor& source, const Tensor& mask, std::vector<Tensor>* looks) const {
  Tensor x = embed(op, source_embedding, source_positions, source, 0);
  for (const EncoderLayer& layer : encoder_layers) x = layer(x, mask, looks);
  return encoder_norm ? (*encoder_norm)(x) : x;
}

Tensor Transformer::normed(const Tensor& x) const { return decoder_norm ? (*decoder_norm)(x) : x; }

Tensor Transformer::logits(const Tensor& x) const {
  const Tensor y = normed(x);
  return output ? (*output)(y) : linear(y, target_embedding.weight);
}

Tensor Transformer::operator()(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                               Loc loc) const {
  return forward({"Transformer", loc}, source, source_lengths, decoder_input, nullptr);
}

TransformerAttention Transformer::attention_weights(const Tensor& source, const Tensor& source_lengths,
                                                    const Tensor& decoder_input, Loc loc) const {
  TransformerAttention looks;
  forward({"Transformer", loc}, source, source_lengths, decoder_input, &looks);
  return looks;
}

Tensor Transformer::forward(const Op& op, const Tensor& source, const Tensor& source_lengths,
                            const Tensor& decoder_input, TransformerAttention* looks) const {
  const InModule here(op.where);
  check_input(op, source, source_lengths);
  check_decoder_input(op, source, decoder_input);
  const Tensor mask = padding_mask(source, source_lengths);
  const Tensor memory = encode(op, source, mask, looks ? &looks->encoder : nullptr);
  Tensor x = embed(op, target_embedding, target_positions, decoder_input, 0);
  for (const DecoderLayer& layer : decoder_layers) x = layer(x, layer.cross_attn.project(memory), mask, nullptr, looks);
  if (looks) looks->memory = memory, looks->result = normed(x);
  return logits(x);
}

Decoder Transformer::decoder(const Tensor& source, const Tensor& source_lengths, Loc loc) const {
  struct State {
    std::vector<nn::KeyValueCache> past, memory;  // layer by layer
    Tensor mask;                                  // (R, 1, S)
    TransformerAttention looks;                   // of the last layer and step
    int64_t length = 0;
  };
  const Op op{"Transformer", loc};
  check_input(op, source, source_lengths);
  const NoGrad no_grad;
  const nn::EvalMode eval;
  const auto state = std::make_shared<State>();
  state->past.resize(decoder_layers.size());
  state->mask = padding_mask(source, source_lengths);
  const Tensor memory = encode(op, source, state->mask);
  for (const DecoderLayer& layer : decoder_layers) state->memory.push_back(layer.cross_attn.project(memory));

  const auto step = [this, state, op](const Tensor& tokens) {
    const NoGrad records_nothing;
    const nn::EvalMode drops_nothing;
    Tensor x = embed(op, target_embedding, target_positions, tokens.unsqueeze(1), state->length++);
    state->looks = {};
    for (size_t i = 0; i < decoder_layers.size(); ++i) {
      TransformerAttention* looks = i + 1 == decoder_layers.size() ? &state->looks : nullptr;
      x = decoder_layers[i](x, state->memory[i], state->mask, &state->past[i], looks);
    }
    return logits(x).squeeze(1);
  };
  const auto select = [state](const Tensor& rows) {
    for (auto* caches : {&state->past, &state->memory})
      for (nn::KeyValueCache& cache : *caches)
        cache = {index_select(cache.keys, 0, rows), index_select(cache.values, 0, rows)};
    if (state->mask.defined()) state->mask = index_select(state->mask, 0, rows);
  };
  const auto alignment = [state] { return state->looks.cross.front().mean(1).squeeze(1); };
  return {lengths_of(source, source_lengths), step, select, alignment};
}

}  // namespace heed::models

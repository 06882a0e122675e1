// The encoder-decoder Transformer: Vaswani et al. 2017.
//
// Sizes: B batch, S source time, T target time, C channels, H heads, V vocabulary.
#pragma once

#include <optional>
#include <vector>

#include <heed/models/decoder.h>
#include <heed/nn/attention.h>
#include <heed/nn/dropout.h>
#include <heed/nn/embedding.h>
#include <heed/nn/linear.h>
#include <heed/nn/norm.h>

namespace heed::models {

/// The defaults are the paper's base model.
struct TransformerConfig {
  /// V of the two languages.
  int64_t source_vocabulary = 37000;
  int64_t target_vocabulary = 37000;
  int64_t context = 512;           ///< the longest sentence, source or target
  int64_t layers = 6;              ///< of the encoder, and of the decoder
  int64_t heads = 8;               ///< must divide channels
  int64_t channels = 512;          ///< C
  int64_t feedforward = 2048;      ///< width inside each layer
  double dropout = 0.1;            ///< of embeddings, attention weights and what each sublayer adds
  bool pre_norm = false;           ///< x + f(norm(x)) and a norm at the end; else norm(x + f(x)) as in the paper
  bool learned_positions = false;  ///< else sinusoidal
  bool tied_output = true;         ///< the output layer is the table of target embeddings; else `output`
  bool shared_embedding = false;   ///< both languages use one table; the vocabularies must be equal
};

/// What every layer of a Transformer is made of: sublayers whose results are added to what they read.
struct Residual {
  nn::LayerNorm norm;   ///< of what the sublayer reads, or of the sum
  nn::Dropout dropout;  ///< of what the sublayer adds
  bool pre_norm;        ///< which of the two

  Residual(nn::Scope s, const TransformerConfig& config);
  /// x (B, T, C), sublayer (B, T, C) -> (B, T, C)
  template <class Sublayer>
  Tensor operator()(const Tensor& x, const Sublayer& sublayer, Loc loc = Loc::current()) const {
    const Op op{"Residual", loc};
    return pre_norm ? x + dropout(sublayer(norm(x))) : norm(x + dropout(sublayer(x)));
  }
};

/// linear2(relu(linear1 x))
struct FeedForward {
  ModuleName name;
  nn::Linear linear1, linear2;  ///< C -> feedforward -> C
  nn::Dropout dropout;          ///< of what linear2 reads

  FeedForward(nn::Scope s, const TransformerConfig& config);
  /// (B, T, C) -> (B, T, C)
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
};

/// What passes through a Transformer on the way to its logits.
struct TransformerStates {
  Tensor encoder;  ///< (B, S, C)
  Tensor decoder;  ///< (B, T, C): as the output layer reads it
};

/// One layer of the encoder: tokens look at each other, then each by itself.
struct EncoderLayer {
  ModuleName name;
  /// The two sublayers, and what adds each to what it reads.
  nn::MultiHeadAttention self_attn;
  Residual norm1;
  FeedForward feedforward;
  Residual norm2;

  EncoderLayer(nn::Scope s, const TransformerConfig& config);
  /// x (B, S, C), mask (B, 1, S) or undefined -> (B, S, C)
  Tensor operator()(const Tensor& x, const Tensor& mask, Loc loc = Loc::current()) const;
};

/// What a DecoderLayer remembers between the steps of a translation.
struct DecoderCache {
  nn::KeyValueCache written, source;  ///< keys and values of the target so far, and of the source
};

/// One layer of the decoder: tokens look back at each other, then at the source, then each by itself.
struct DecoderLayer {
  ModuleName name;
  /// The three sublayers, and what adds each to what it reads.
  nn::MultiHeadAttention self_attn;
  Residual norm1;
  nn::MultiHeadAttention cross_attn;
  Residual norm2;
  FeedForward feedforward;
  Residual norm3;

  DecoderLayer(nn::Scope s, const TransformerConfig& config);
  /// x (B, T, C) reads `memory` (B, S, C), the encoder's result, where mask (B, 1, S) allows -> (B, T, C).
  /// With a cache, x follows the steps in it, and joins them.
  Tensor operator()(const Tensor& x, const Tensor& memory, const Tensor& mask, DecoderCache* cache = nullptr,
                    Loc loc = Loc::current()) const;
};

/// As in the paper, the projections of the attentions and the output layer have no bias.
/// Weights are drawn in the order of their names, first as every module's defaults (learned positions from
/// N(0, 1 / C)), then again: embeddings, which are multiplied by sqrt(C) where they enter, from N(0, 1 / C),
/// other matrices as in Glorot and Bengio 2010. Biases start at 0.
struct Transformer {
  ModuleName name;
  TransformerConfig config;                                 ///< as given
  nn::Embedding source_embedding;                           ///< (source V, C)
  nn::Embedding target_embedding;                           ///< (target V, C); source_embedding itself if shared
  Tensor source_positions;                                  ///< (context, C): trained, or sinusoidal and constant
  Tensor target_positions;                                  ///< (context, C)
  nn::Dropout dropout;                                      ///< of the embedded tokens
  std::vector<EncoderLayer> encoder_layers;                 ///< named "encoder.layers.0", ...
  std::vector<DecoderLayer> decoder_layers;                 ///< named "decoder.layers.0", ...
  std::optional<nn::LayerNorm> encoder_norm, decoder_norm;  ///< with pre_norm
  std::optional<nn::Linear> output;                         ///< C -> target V, if not tied

  /// Throws ValueError for a size below 1, heads that do not divide channels, dropout outside [0, 1], or a
  /// shared embedding of unequal vocabularies.
  Transformer(nn::Scope s, const TransformerConfig& config);

  /// Teacher forcing: source (B, S) i64; source_lengths (B) i64 in [1, S], undefined for all S; decoder_input
  /// (B, T) i64, the target shifted right behind a begin token -> logits (B, T, V). What stands behind a
  /// source's length has no effect. Throws ShapeError for shapes that do not fit or exceed the context,
  /// ValueError for a length, IndexError for a token out of range.
  Tensor operator()(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                    Loc loc = Loc::current()) const;

  /// What the layers make of it on the way to those logits. Where the heads look, WatchAttention sees:
  /// "encoder.layers.0.self_attn" (B, H, S, S), "decoder.layers.0.self_attn" (B, H, T, T), lower triangular, and
  /// "decoder.layers.0.cross_attn" (B, H, T, S).
  TransformerStates states(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                           Loc loc = Loc::current()) const;

  /// Reads the source sentences and is ready to write: for translate(). Its alignment is the mean over heads
  /// of the last layer's cross attention. Records no gradient. The model must outlive it.
  Decoder decoder(const Tensor& source, const Tensor& source_lengths, Loc loc = Loc::current()) const;

 private:
  void check_input(const Op& op, const Tensor& source, const Tensor& source_lengths) const;
  Tensor embed(const Op& op, const nn::Embedding& table, const Tensor& positions, const Tensor& tokens,
               int64_t start) const;
  Tensor encode(const Op& op, const Tensor& source, const Tensor& mask) const;
  Tensor logits(const Tensor& x) const;
};

}  // namespace heed::models

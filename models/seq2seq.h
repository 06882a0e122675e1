// The RNN encoder-decoder: Sutskever et al. 2014 and Cho et al. 2014, where one vector carries the whole
// sentence, and Bahdanau et al. 2014, where the decoder looks back at every word.
//
// Sizes: B batch, S source time, T target time, E embedding, H hidden, D width of the encoder's states (2H
// with attention, else H), V vocabulary.
#pragma once

#include <optional>
#include <vector>

#include <heed/autograd/ops.h>
#include <heed/models/decoder.h>
#include <heed/nn/attention.h>
#include <heed/nn/dropout.h>
#include <heed/nn/embedding.h>
#include <heed/nn/linear.h>
#include <heed/nn/rnn.h>

namespace heed::models {

/// Sizes and kind of a Seq2Seq.
struct Seq2SeqConfig {
  /// V of the two languages.
  int64_t source_vocabulary = 4000;
  int64_t target_vocabulary = 4000;
  int64_t embedding = 128;        ///< E
  int64_t hidden = 256;           ///< of encoder, decoder and attention
  nn::Cell cell = nn::Cell::gru;  ///< of encoder and decoder
  bool attention = true;          ///< additive, over a bidirectional encoder; else one fixed context vector
  double dropout = 0;             ///< of embeddings, and of what the output layer reads
};

/// What passes through a Seq2Seq on the way to its logits.
struct Seq2SeqStates {
  Tensor encoder;  ///< (B, S, D); 0 behind a source's length
  Tensor context;  ///< (B, T, D): what each step reads of the source; without attention always the last state
  Tensor decoder;  ///< (B, T, H): after each step
};

/// With attention                                          Without
///   states_s = bidirectional encoder(source)                states_s = encoder(source)
///   h_0      = tanh(bridge(backward state))                 h_0      = tanh(bridge(last state))
///   context_t = attention(h_{t-1}, states)                  context   = last state
///                  h_t      = decoder([embedding(y_{t-1}); context_t], h_{t-1})
///                  logits_t = output([h_t; context_t; embedding(y_{t-1})])
/// An LSTM's cell state is bridged in the same way by weights of its own.
struct Seq2Seq {
  ModuleName name;
  Seq2SeqConfig config;                            ///< as given
  nn::Embedding source_embedding;                  ///< (source V, E)
  nn::Embedding target_embedding;                  ///< (target V, E)
  nn::Recurrent encoder;                           ///< E -> H, both ways with attention
  nn::Linear bridge;                               ///< H -> H
  std::optional<nn::Linear> bridge_cell;           ///< H -> H, LSTM only
  std::optional<nn::AdditiveAttention> attention;  ///< of h_{t-1} over the states
  nn::RecurrentCell cell;                          ///< E + D -> H; its parameters are named "decoder"
  nn::Linear output;                               ///< H + D + E -> target V
  nn::Dropout dropout;                             ///< of embeddings, and of what `output` reads

  /// Throws ValueError for a size below 1 or dropout outside [0, 1].
  Seq2Seq(nn::Scope s, const Seq2SeqConfig& config);

  /// Teacher forcing: source (B, S) i64; source_lengths (B) i64 in [1, S], undefined for all S; decoder_input
  /// (B, T) i64, the target shifted right behind a begin token -> logits (B, T, V). What stands behind a
  /// source's length has no effect. Throws ShapeError for shapes that do not fit, ValueError for a length,
  /// IndexError for a token out of range.
  Tensor operator()(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                    Loc loc = Loc::current()) const;

  /// The hidden states on the way to those logits. Where each step looks, WatchAttention sees: "attention", (B, T, S).
  Seq2SeqStates states(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                       Loc loc = Loc::current()) const;

  /// Reads the source sentences and is ready to write: for translate(). Records no gradient. The model must
  /// outlive it.
  Decoder decoder(const Tensor& source, const Tensor& source_lengths, Loc loc = Loc::current()) const;

 private:
  /// All that the decoder needs of a batch of source sentences.
  struct Encoded {
    Tensor states;             // (B, S, D); 0 behind a source's length
    Tensor keys;               // (B, S, H): U states, with attention
    Tensor mask;               // (B, S), true below each length; undefined if all are S
    Tensor context;            // (B, D), without attention
    nn::RecurrentState first;  // (B, H)
  };
  Encoded encode(const Op& op, const Tensor& source, const Tensor& source_lengths) const;
  AttentiveInputs decoder_inputs(const Encoded& source, const Tensor& embedded) const;
  /// All of a teacher-forced pass but the output layer.
  struct Read {
    Encoded source;
    Tensor embedded, steps;  // (T, B, E); attentive_states, or without attention h_t of all steps, (T, B, H)
  };
  Read read(const Op& op, const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input) const;
  /// With attention: [h_t; context_t] of all steps, (T, B, H + D).
  Tensor attentive_states(const AttentiveInputs& in) const;
  /// [h_t; context_t; embedding] in parts (T, B, ...) -> logits (B, T, V)
  Tensor read_out(std::vector<Tensor> parts) const;
};

}  // namespace heed::models

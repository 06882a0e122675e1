// Writing with a trained model: sampling from a GPT, greedy and beam search for translators.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <heed/models/decoder.h>
#include <heed/models/gpt.h>

namespace heed::models {

/// How a GPT writes.
struct SampleOptions {
  int64_t tokens = 100;               ///< how many to write
  double temperature = 1;             ///< logits are divided by it; 0 takes the likeliest token and draws nothing
  std::optional<int64_t> top_k = {};  ///< only the k likeliest tokens, and any equal to the last of them
  std::optional<double> top_p = {};   ///< only the likeliest tokens whose probabilities reach p together, in (0, 1]
  std::optional<int64_t> vocabulary = {};  ///< only tokens below it: those that a tokenizer of fewer names
  int64_t keep = 0;  ///< tokens that stay in sight when the context is full; 0: as many as it holds
  /// Called with each new token, (B) i64, as it is written; false stops.
  std::function<bool(const Tensor& tokens)> on_token = {};
};

/// Continues `prompt` (B, T) i64, T >= 1: returns (B, T + tokens). Each token is computed from the cached
/// keys and values of those before it. When the context is full, the last `keep` tokens are read anew,
/// because positions are absolute. By default that is a whole pass for each further token, which always sees
/// the last `context` tokens; with keep = context / 2 it is one pass in context / 2 tokens, which then see
/// less. Draws as PyTorch's multinomial does, one exponential for each of (B, V) a token. Throws ValueError
/// for an option that makes no sense, ShapeError for an empty prompt, IndexError for a token that is not in
/// the vocabulary.
Tensor sample(const Gpt& gpt, const Tensor& prompt, const SampleOptions& options, Rng& rng, Loc loc = Loc::current());
/// Several texts at once, which share each pass over the weights: row i draws from rngs[i] alone and is the text that
/// its prompt alone and that generator give. A prompt (1, T) is read once and continued by all. Products of compressed
/// weights, and in f32 those of 16 rows or fewer, have the same bits for a row whatever stands beside it; where there
/// are more, as of prompts and once the context is full, a text may part from its own where two tokens are as good as
/// equal. Throws ValueError besides for none or another number of generators.
Tensor sample(const Gpt& gpt, const Tensor& prompt, const SampleOptions& options, std::span<Rng> rngs,
              Loc loc = Loc::current());

/// The distribution that `sample` draws from: logits (B, V) -> probabilities (B, V). top_k first, then
/// the temperature, then top_p of what is left; the likeliest token always stays. Throws ValueError for a row
/// whose largest logit is infinite or NaN.
Tensor sampling_probabilities(const Tensor& logits, const SampleOptions& options, Loc loc = Loc::current());

/// How a translator writes.
struct TranslateOptions {
  int64_t begin = 1;                      ///< the token that every target sentence starts with
  int64_t end = 2;                        ///< the token that ends it
  int64_t max_length = 100;               ///< most tokens to write, the end included
  std::vector<int64_t> max_lengths = {};  ///< the same for each sentence; none: max_length for all
  int64_t beam = 1;                       ///< sentences kept at each step; 1 is greedy
  /// alpha of Wu et al. 2016, eq. 14: finished sentences are ranked by log P / ((5 + length) / 6)^alpha, the
  /// end included in the length. 0 ranks by log P alone, which favours short sentences.
  double length_penalty = 0.6;
};

/// What translate() found for one sentence.
struct Translation {
  std::vector<int64_t> tokens;  ///< without begin and end
  double log_probability;       ///< in nats, of the end too
  double score;                 ///< log_probability by the length penalty
  bool finished;                ///< false: cut off at the most tokens
  Tensor alignment;  ///< (tokens, source length): where each token's step looked; undefined without attention
};

/// The best translation that beam search finds for each source sentence of `decoder`, all sentences at once.
/// A sentence that ends leaves its beam one narrower, as in Bahdanau et al.'s program, so a beam of 1 is
/// greedy search. A beam closes early once none of its open sentences can overtake the best one that ended.
/// Throws ValueError for an option that makes no sense.
std::vector<Translation> translate(Decoder decoder, const TranslateOptions& options = {}, Loc loc = Loc::current());

/// The same from a model (Seq2Seq or Transformer): source (B, S) i64, source_lengths (B) i64 in [1, S].
template <class Model>
std::vector<Translation> translate(const Model& model, const Tensor& source, const Tensor& source_lengths,
                                   const TranslateOptions& options = {}, Loc loc = Loc::current()) {
  return translate(model.decoder(source, source_lengths, loc), options, loc);
}

}  // namespace heed::models

// A translator: a model between two vocabularies, how it learns, and how well it does.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <heed/models/generate.h>
#include <heed/models/seq2seq.h>
#include <heed/models/transformer.h>
#include <heed/train/data/metrics.h>
#include <heed/train/data/pairs.h>
#include <heed/train/trainer.h>

namespace heed::train {

/// Kinds of translators, and their names; those of an RNN's cells, in the order of nn::Cell.
enum class Arch { rnn, attention, transformer };
const std::vector<std::string>& arch_names();
const std::vector<std::string>& cell_names();
/// The cell of one of cell_names(), or ValueError; and back.
nn::Cell cell_named(const std::string& name, Loc loc = Loc::current());
const std::string& name_of_cell(nn::Cell cell);

/// Any of them.
using TranslatorConfig = std::variant<models::Seq2SeqConfig, models::TransformerConfig>;
using TranslatorModel = std::variant<models::Seq2Seq, models::Transformer>;

/// The defaults suit some ten thousand short sentences.
struct TranslatorSizes {
  int64_t width = 128;       ///< of embeddings, hidden states and channels
  int64_t layers = 2;        ///< of a Transformer's encoder, and of its decoder
  int64_t heads = 4;         ///< of each layer
  double dropout = 0;        ///< as the models have it
  int64_t max_length = 250;  ///< tokens of the longest sentence; a translation may be twice as long
};
/// A configuration of those sizes.
TranslatorConfig translator_config(Arch arch, nn::Cell cell, int64_t source_vocabulary, int64_t target_vocabulary,
                                   const TranslatorSizes& sizes = {});

/// A model between two vocabularies.
class Translator {
 public:
  /// A new model, drawn from `seed`.
  Translator(SentenceTokens source, SentenceTokens target, const TranslatorConfig& config, uint64_t seed,
             Loc loc = Loc::current());
  /// The same of the default sizes, and with the words that occur in `pairs`, on each side at least `min_frequency`
  /// times.
  Translator(Arch arch, nn::Cell cell, std::span<const SentencePair> pairs, uint64_t seed, int64_t min_frequency = 1,
             Loc loc = Loc::current());
  Translator(const Translator&) = delete;
  Translator& operator=(const Translator&) = delete;

  /// The two vocabularies, the weights, and the model.
  const SentenceTokens& source_tokens() const { return source_tokens_; }
  const SentenceTokens& target_tokens() const { return target_tokens_; }
  const nn::Parameters& params() const { return params_; }
  nn::Parameters& params() { return params_; }
  const TranslatorModel& model() const { return model_; }

  /// Mean cross-entropy of the batch's targets, in nats a token.
  Tensor loss(const PairBatch& batch, double label_smoothing = 0, Loc loc = Loc::current()) const;
  /// Translations of sentences of at least one word each, in the same order; a beam of 1 is greedy.
  std::vector<models::Translation> translate(std::span<const std::string> sentences, int64_t beam = 1,
                                             const Tell& tell = {}, Loc loc = Loc::current()) const;
  /// The words of a translation of `sentence`. One that the model has no token for is the word that it looked at most,
  /// if it has attention.
  std::string text(const models::Translation& translation, const std::string& sentence, Loc loc = Loc::current()) const;
  /// A drawing of where each token of a translation looked, for a terminal. Throws ValueError without attention.
  std::string draw(const std::string& sentence, const models::Translation& translation, Loc loc = Loc::current()) const;
  /// How well the sources of `pairs` are translated; a beam of 1 is greedy.
  TranslationScores score(std::span<const SentencePair> pairs, int64_t beam = 1, const Tell& tell = {},
                          Loc loc = Loc::current()) const;

 private:
  SentenceTokens source_tokens_, target_tokens_;
  nn::Parameters params_;
  TranslatorModel model_;
};

/// Ten evaluations in a run.
inline int64_t default_evaluate_every(int64_t steps) { return std::max<int64_t>(1, steps / 10); }

/// How learn_pairs runs.
struct PairTraining {
  int64_t steps = 3000;                            ///< updates
  int64_t batch = 64;                              ///< pairs in each
  double lr = 2e-3;                                ///< after a warm-up; it ends at 1/50 of that
  double label_smoothing = 0;                      ///< of a translator's loss in training
  uint64_t seed = 1337;                            ///< of the order of the pairs
  bool resume = false;                             ///< go on from the directory's training.safetensors
  bool quiet = false;                              ///< no progress line
  TrainerOptions trainer = {.evaluate_every = 0};  ///< the rest; evaluate_every 0: ten times, see above
  Evaluation score = {};                           ///< see Work
  std::function<void(Moment&)> on_step = {};       ///< see Work
};

/// Minimises loss(batch) over the batches of `train`, by Adam with gradients clipped at norm 1. On the way the mean
/// loss of a token ("val_loss") is taken of a fixed part of `held_out`, at the end of all. See Work for the
/// rest. Throws ValueError for an option that makes no sense.
TrainingReport learn_pairs(nn::Parameters& params, const std::function<Tensor(const PairBatch&)>& loss,
                           const PairSet& train, const PairSet& held_out, const PairTraining& options,
                           const std::function<void(const std::filesystem::path&)>& save = {},
                           const std::function<std::string()>& sample = {}, const std::function<Tensor()>& picture = {},
                           Loc loc = Loc::current());
/// A translator learns split.train; samples are translations of the first sentences held out, and where the words of
/// the first looked.
TrainingReport learn_pairs(Translator& translator, const PairSplit& split, const PairTraining& options,
                           const std::function<void(const std::filesystem::path&)>& save = {},
                           Loc loc = Loc::current());

}  // namespace heed::train

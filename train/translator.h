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
#include <heed/tensor/random.h>
#include <heed/train/data/metrics.h>
#include <heed/train/data/pairs.h>
#include <heed/train/trainer.h>

namespace heed::train {

enum class Arch { rnn, attention, transformer };
const std::vector<std::string>& arch_names();
const std::vector<std::string>& cell_names();
/// The cell of a name's index in cell_names(), and the name of one of those cells.
nn::Cell cell_at(size_t index);
const std::string& name_of_cell(nn::Cell cell);

using TranslatorConfig = std::variant<models::Seq2SeqConfig, models::TransformerConfig>;
using TranslatorModel = std::variant<models::Seq2Seq, models::Transformer>;

/// Sizes for some ten thousand short sentences: all architectures are equally wide.
TranslatorConfig default_config(Arch arch, nn::Cell cell, int64_t source_vocabulary, int64_t target_vocabulary);

class Translator {
 public:
  /// A new model, drawn from `seed`.
  Translator(Words source_words, Words target_words, const TranslatorConfig& config, uint64_t seed);
  /// The same with default_config, and with the words that occur in `pairs`, on each side at least `min_frequency`
  /// times.
  Translator(Arch arch, nn::Cell cell, std::span<const SentencePair> pairs, uint64_t seed, int64_t min_frequency = 1);
  Translator(const Translator&) = delete;
  Translator& operator=(const Translator&) = delete;

  const Words& source_words() const { return source_words_; }
  const Words& target_words() const { return target_words_; }
  const nn::Parameters& params() const { return params_; }
  nn::Parameters& params() { return params_; }
  const TranslatorModel& model() const { return model_; }

  /// Mean cross-entropy of the batch's targets, in nats a word.
  Tensor loss(const PairBatch& batch, double label_smoothing = 0) const;
  /// Translations of sentences of at least one word each, in the same order; a beam of 1 is greedy.
  std::vector<models::Translation> translate(std::span<const std::string> sentences, int64_t beam = 1) const;
  /// The words of a translation.
  std::string text(const models::Translation& translation) const { return target_words_.decode(translation.tokens); }
  /// How well the sources of `pairs` are translated, greedily.
  TranslationScores score(std::span<const SentencePair> pairs) const;

 private:
  Words source_words_, target_words_;
  Rng rng_;
  nn::Parameters params_;
  TranslatorModel model_;
};

/// Five evaluations in a run.
inline int64_t default_evaluate_every(int64_t steps) { return std::max<int64_t>(1, steps / 5); }

struct PairTraining {
  int64_t steps = 3000;                            ///< updates
  int64_t batch = 64;                              ///< pairs in each
  double lr = 2e-3;                                ///< after a warm-up; it ends at 1/50 of that
  uint64_t seed = 1337;                            ///< of the order of the pairs
  bool resume = false;                             ///< go on from the directory's training.safetensors
  bool quiet = false;                              ///< no progress line
  TrainerOptions trainer = {.evaluate_every = 0};  ///< the rest; evaluate_every 0: five times, see above
};

/// Minimises loss(batch) over the batches of `train`, by Adam with gradients clipped at norm 1. On the way the mean
/// loss of a word ("val_loss") is taken of a fixed part of `held_out`, at the end of all. See Work for the
/// rest.
TrainingReport learn_pairs(nn::Parameters& params, const std::function<Tensor(const PairBatch&)>& loss,
                           const PairSet& train, const PairSet& held_out, const PairTraining& options,
                           const std::function<void(const std::filesystem::path&)>& save = {},
                           const std::function<std::string()>& sample = {},
                           const std::function<Tensor()>& picture = {});
/// A translator learns split.train; samples are translations of the first sentences held out.
TrainingReport learn_pairs(Translator& translator, const PairSplit& split, const PairTraining& options,
                           const std::function<void(const std::filesystem::path&)>& save = {});

}  // namespace heed::train

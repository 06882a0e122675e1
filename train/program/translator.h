// A translator of any architecture with its vocabularies, as a directory keeps them.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "models/generate.h"
#include "models/seq2seq.h"
#include "models/transformer.h"
#include "tensor/random.h"
#include "train/data/pairs.h"
#include "train/page.h"
#include "train/program/config.h"

namespace heed::train::program {

enum class Arch { rnn, attention, transformer };
const std::vector<std::string>& arch_names();
const std::vector<std::string>& cell_names();
/// The cell of a name's index in cell_names().
nn::Cell cell_at(size_t index);

using ModelConfig = std::variant<models::Seq2SeqConfig, models::TransformerConfig>;
/// The sizes that training uses: all architectures are equally wide.
ModelConfig default_config(Arch arch, nn::Cell cell, int64_t source_vocabulary, int64_t target_vocabulary);

/// How a translator is trained.
struct TranslatorTraining {
  std::string pairs;     ///< the file; empty: sentences from the grammar
  int64_t pair_count = 0;  ///< of the training split, to notice a change
  Arch arch = Arch::attention;
  nn::Cell cell = nn::Cell::gru;
  int64_t steps = 0;
  uint64_t seed = 1337;
};

class Translator {
 public:
  /// A new model, drawn from training.seed.
  Translator(const TranslatorTraining& training, Words source_words, Words target_words, const ModelConfig& config);
  /// A new model as the directory's config.json describes it. Throws FileError if it does not.
  static std::unique_ptr<Translator> from_config(const std::filesystem::path& directory);
  /// The trained model. Throws FileError if the directory does not hold a translator, or its files do not fit together.
  static std::unique_ptr<Translator> load(const std::filesystem::path& directory);
  void save(const std::filesystem::path& directory) const;

  const TranslatorTraining& training() const { return training_; }
  const Words& source_words() const { return source_words_; }
  const Words& target_words() const { return target_words_; }
  const nn::Parameters& params() const { return params_; }

  /// Mean cross-entropy of the batch's targets, in nats a word.
  Tensor loss(const PairBatch& batch, double label_smoothing = 0) const;
  /// Translations of sentences of at least one word each, in the same order.
  std::vector<models::Translation> translate(std::span<const std::string> sentences, int64_t beam) const;
  /// Where the model looked as it wrote this translation, and how. Throws ValueError for a model without attention.
  PageExample page_example(const std::string& sentence, const models::Translation& translation) const;
  /// How the model wrote this translation.
  PageLane page_lane(const std::string& sentence, const models::Translation& translation) const;
  /// What the model is, in a line.
  std::string about() const;
  /// The words of a translation.
  std::string text(const models::Translation& translation) const { return target_words_.decode(translation.tokens); }

 private:
  TranslatorTraining training_;
  Words source_words_, target_words_;
  Rng rng_;
  nn::Parameters params_;
  std::variant<models::Seq2Seq, models::Transformer> model_;
};

}  // namespace heed::train::program

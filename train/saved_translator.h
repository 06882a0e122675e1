// A translator as a directory keeps it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <heed/train/run_rules.h>
#include <heed/train/translator.h>

namespace heed::train {

/// How a translator is trained. What older directories lack has the value here.
struct TranslatorTraining {
  std::string pairs;        ///< the file, of which a folder keeps the name; empty: sentences from the grammar
  std::string valid_pairs;  ///< a file of those to validate with; empty: a share of `pairs`
  int64_t pair_count = 0;   ///< of the training split, to notice a change
  std::string pairs_hash;   ///< of all pairs, for the same
  /// As the options of `heed seq2seq train` have it.
  Arch arch = Arch::attention;
  nn::Cell cell = nn::Cell::gru;
  int64_t steps = 0;
  uint64_t seed = 1337;
  int64_t batch = 64;
  double lr = 2e-3;
  double label_smoothing = 0;
  int64_t max_length = 250;  ///< tokens of a sentence
  int64_t average = 1;       ///< see TrainerOptions
  RunRules rules = {};       ///< the rest
};

/// A translator that knows how it was trained.
class SavedTranslator : public Translator {
 public:
  /// A new model, drawn from training.seed.
  SavedTranslator(const TranslatorTraining& training, SentenceTokens source, SentenceTokens target,
                  const TranslatorConfig& config, Loc loc = Loc::current());
  /// A new model as the directory's config.json describes it. Throws FileError if it does not.
  static std::unique_ptr<SavedTranslator> from_config(const std::filesystem::path& directory, Loc loc = Loc::current());
  /// Writes config.json and model.safetensors into a directory, which is made if it is not there. Throws FileError.
  void save(const std::filesystem::path& directory, Loc loc = Loc::current()) const;

  /// How it was trained.
  const TranslatorTraining& training() const { return training_; }
  TranslatorTraining& training() { return training_; }

 private:
  TranslatorTraining training_;
};

/// The trained model that `heed seq2seq train` or SavedTranslator::save wrote. Throws FileError if the directory does
/// not hold a translator, or its files do not fit together.
std::unique_ptr<SavedTranslator> load_translator(const std::filesystem::path& directory, Loc loc = Loc::current());

}  // namespace heed::train

// What the files of `heed gpt` share.
#pragma once

#include <string>
#include <vector>

#include <heed/models/gpt.h>
#include <heed/train/data/corpus.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/trainer.h>

namespace heed::train::program {

/// Throws UsageError if a directory of ids has another tokenizer beside them than this one, which `option` has brought.
void check_made_by(const Op& op, const std::string& directory, const Tokenizer& tokenizer, const char* option);

/// The validation part of a corpus, in windows side by side.
struct HeldOut {
  std::vector<TokenBatch> windows;  ///< (B, context), and a last one of the rest
  double bits_per_nat;  ///< nats a token as bits a byte of the text: losses over different vocabularies compare

  HeldOut(const Corpus& corpus, int64_t context);
};

/// Mean cross-entropy over windows: val_loss, nats a token, and bits_per_byte. Both are read when it is measured.
Evaluation validation(const models::Gpt& gpt, const std::vector<TokenBatch>& windows, double bits_per_nat);

/// A loaded model, its matrices kept as --weights says. Throws UsageError if they are not f32, unless that says "f32".
models::Gpt with_weights(const SavedGpt& saved, const std::string& weights, const std::string& directory);

/// What the model writes from a line break on, the same of the same weights and seed. Half a character is U+FFFD.
std::string sample_text(const models::Gpt& gpt, const Tokenizer& tokenizer, uint64_t seed);

}  // namespace heed::train::program

// One model of each kind, a few thousand numbers each, saved as training saves them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>

namespace heed::tests {

/// Writes them below `parent`; returns the names of their folders.
inline std::vector<std::string> save_small_models(const std::filesystem::path& parent) {
  using namespace train;
  const auto make = [&](const std::string& name) {
    std::filesystem::create_directory(parent / name);
    return parent / name;
  };
  const auto chars = train::Chars::from_text("to heed");
  Rng rng(1);
  nn::Parameters params(rng);
  const models::GptConfig gpt{.vocabulary = chars.size(), .context = 4, .layers = 1, .heads = 2, .channels = 4};
  const models::Gpt model(params, gpt);
  save_gpt(make("gpt"), params, gpt, chars, {});

  const auto words = train::Words::from_sentences(std::vector<std::string>{"the cat sleeps"});
  const int64_t V = words.size();
  const models::Seq2SeqConfig rnn{.source_vocabulary = V, .target_vocabulary = V, .embedding = 3, .hidden = 4};
  SavedTranslator({.pair_count = 1}, words, words, rnn).save(make("attention"));
  const models::TransformerConfig transformer{.source_vocabulary = V,
                                              .target_vocabulary = V,
                                              .context = 4,
                                              .layers = 1,
                                              .heads = 2,
                                              .channels = 4,
                                              .feedforward = 8};
  SavedTranslator({.pair_count = 1, .arch = train::Arch::transformer}, words, words, transformer)
      .save(make("transformer"));
  return {"gpt", "attention", "transformer"};
}

}  // namespace heed::tests

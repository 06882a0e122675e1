// One model of each kind, a few thousand numbers each, saved as training saves them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <heed/nn/linear.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/train/optimizer.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>
#include "../gpt_families.h"

namespace heed::tests {

/// A run of the smallest kind: six numbers of a layer of which only the optimiser knows more.
struct SmallRun {
  nn::Parameters params{1};
  nn::Linear layer{params, 2, 2};
  train::AdamW optimizer{params};
  train::Optimizers optimizers{optimizer};
};

/// Cuts a folder's weights in two shards with an index.
inline void shard(const std::filesystem::path& folder) {
  const NamedTensors all = load_safetensors(folder / "model.safetensors").tensors;
  const auto half = all.begin() + std::ssize(all) / 2;
  save_safetensors(folder / "a.safetensors", {all.begin(), half});
  save_safetensors(folder / "b.safetensors", {half, all.end()});
  std::string map;
  for (auto one = all.begin(); one != all.end(); ++one)
    map += fmt::format(R"({}"{}": "{}.safetensors")", map.empty() ? "" : ", ", one->first, one < half ? 'a' : 'b');
  write_file(folder / "model.safetensors.index.json", fmt::format(R"({{"weight_map": {{{}}}}})", map));
  std::filesystem::remove(folder / "model.safetensors");
}

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

  std::vector<std::string> names = {"gpt", "attention", "transformer"};
  for (auto [name, config] : gpt_families()) {
    config.vocabulary = chars.size();
    nn::Parameters weights(1);
    const models::Gpt one(weights, config);
    save_gpt(make(name), weights, config, chars, {});
    names.push_back(name);
  }
  shard(parent / "gpt2");

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
  const auto pieces = SentenceTokens::pieces(std::vector<std::string>{"the cat sleeps"}, 260);
  models::Seq2SeqConfig of_pieces = rnn;
  of_pieces.source_vocabulary = of_pieces.target_vocabulary = pieces.size();
  SavedTranslator({.pair_count = 1}, pieces, pieces, of_pieces).save(make("pieces"));
  names.push_back("pieces");
  return names;
}

}  // namespace heed::tests

#include <numeric>

#include <heed/train/data/pairs.h>
#include "fuzz.h"

using namespace heed;

// The same way as training goes: the file, words, a split, vocabularies, batches.
void heed::tests::fuzz(std::string_view bytes) {
  take_or_refuse([&] {
    const std::vector<train::SentencePair> raw = train::read_pairs(write("pairs.tsv", bytes));
    for (const auto& [source, target] : raw) require(!source.empty() && !target.empty(), "no side of a pair is empty");
    const std::vector<train::SentencePair> pairs = train::tokenize(raw);
    for (const auto& pair : pairs)
      require(train::tokenize(pair.target).size() >= pair.target.size(), "words are not lost in a second pass");
    const train::PairSplit split = train::split_pairs(pairs, 0.3, 1);
    require(split.train.size() + split.held_out.size() == pairs.size(), "a split keeps every pair");

    std::vector<std::string> sources, targets;
    for (const auto& pair : pairs) sources.push_back(pair.source), targets.push_back(pair.target);
    const auto source_words = train::Words::from_sentences(sources),
               target_words = train::Words::from_sentences(targets);
    const train::PairSet set(pairs, source_words, target_words);
    const auto pieces = train::SentenceTokens::pieces(targets, 300);
    for (const auto& pair : pairs)
      require(pieces.decode(pieces.encode(pair.source)) == pair.source, "pieces of words give a sentence back");
    Rng rng(1);
    int64_t seen = 0;
    for (const auto& rows : set.epoch(3, rng)) {
      const train::PairBatch batch = set.batch(rows);
      seen += batch.source.size(0);
      for (const int64_t id : batch.source.to_vector<int64_t>())
        require(id >= 0 && id < source_words.size(), "word ids are in range");
      for (const int64_t id : batch.targets.to_vector<int64_t>())
        require(id >= -1 && id < target_words.size(), "targets are in range");
    }
    require(seen == set.size(), "an epoch has every pair once");
  });
}

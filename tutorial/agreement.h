// The task of lesson 3: which number and gender must a verb have, that may stand far behind its subject?
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "translation.h"

namespace lesson {

using namespace heed;
using namespace heed::train;

constexpr int64_t kBucket = 4;
constexpr int64_t kFarthest = 20;  // words between subject and verb

/// What stands before the main verb, and what the verb must agree with.
struct Prefix {
  std::vector<int64_t> words;
  int64_t label;     // number and French gender of the subject: 0 to 3
  int64_t distance;  // words between the subject and the verb
};

/// `count` sentences for each four words of distance.
inline std::vector<ParsedPair> sentences(int64_t count, Split split, Rng& rng) {
  std::vector<ParsedPair> result;
  for (int64_t low = 0; low < kFarthest; low += kBucket)
    for (ParsedPair& p : Grammar::parsed_pairs(count,
                                               {.min_words = low + 3,
                                               .max_words = low + 20,
                                               .max_depth = 3,
                                               .min_distance = low,
                                               .max_distance = low + kBucket - 1,
                                               .split = split},
                                               rng))
      result.push_back(std::move(p));
  return result;
}

inline std::vector<Prefix> prefixes(const std::vector<ParsedPair>& parsed, const Words& words) {
  std::vector<Prefix> result;
  for (const ParsedPair& p : parsed) {
    std::vector<int64_t> ids = words.encode(p.pair.source);
    ids.resize(size_t(p.parse.verb));
    result.push_back({ids, 2 * int64_t(p.parse.number) + int64_t(p.parse.gender), p.parse.distance});
  }
  return result;
}

/// What always guessing the commonest class would score (%).
inline double commonest(const std::vector<Prefix>& all) {
  std::array<double, 4> counts{};
  for (const Prefix& p : all) ++counts[size_t(p.label)];
  return 100 * *std::max_element(counts.begin(), counts.end()) / double(all.size());
}

struct Batch {
  Tensor words, lengths, labels;
};

inline Batch batch_of(const std::vector<Prefix>& all, const std::vector<int64_t>& rows) {
  int64_t longest = 0, i = 0;
  for (const int64_t r : rows) longest = std::max(longest, std::ssize(all[size_t(r)].words));
  std::vector<int64_t> words(rows.size() * size_t(longest), Words::kPad), lengths, labels;
  for (const int64_t r : rows) {
    std::copy(all[size_t(r)].words.begin(), all[size_t(r)].words.end(), words.begin() + longest * i++);
    lengths.push_back(std::ssize(all[size_t(r)].words)), labels.push_back(all[size_t(r)].label);
  }
  const int64_t B = std::ssize(rows);
  return {from_vector(words, {B, longest}), from_vector(lengths, {B}), from_vector(labels, {B})};
}

/// By distance: how often a network is right (%), and how strongly its answer depends on the subject's
/// embedding.
struct Measured {
  Series right, reach;
};

template <class Reader>
Measured measure(const Reader& reader, const std::vector<Prefix>& test, const std::string& name) {
  Measured m{{name, {}, {}}, {name, {}, {}}};
  for (int64_t low = 0; low < kFarthest; low += kBucket) {
    std::vector<int64_t> rows;
    for (int64_t i = 0; i < std::ssize(test); ++i)
      if (test[size_t(i)].distance / kBucket == low / kBucket) rows.push_back(i);
    const Batch b = batch_of(test, rows);
    const Tensor embedded = reader.embedding(b.words).detach().set_requires_grad();
    const Tensor logits = reader(embedded, b.lengths);
    const double right = 100 * eq(logits.argmax(-1), b.labels).to(f32).mean().item<double>();
    logits.select(1, 0).sum().backward();
    double sum = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      const Prefix& p = test[size_t(rows[i])];
      const Tensor g = embedded.grad()[int64_t(i)][std::ssize(p.words) - p.distance - 1];
      sum += std::sqrt((g * g).sum().item<double>());
    }
    m.right.x.push_back(double(low) + 1.5), m.right.y.push_back(right);
    m.reach.x.push_back(double(low) + 1.5), m.reach.y.push_back(std::max(1e-12, sum / double(rows.size())));
  }
  return m;
}

}  // namespace lesson

#include <heed/train/data/metrics.h>

#include <algorithm>
#include <cmath>
#include <map>

#include <heed/train/data/tokenizer/words.h>

namespace heed::train {

namespace {

constexpr size_t kOrders = 4;

using Counts = std::map<std::vector<std::string>, int64_t>;

/// How often each run of `n` words occurs.
Counts ngrams(const std::vector<std::string>& words, size_t n) {
  Counts counts;
  for (size_t i = 0; i + n <= words.size(); ++i) ++counts[{words.begin() + i, words.begin() + i + n}];
  return counts;
}

void check_counts(size_t candidates, size_t references, const Op& op) {
  if (candidates != references)
    fail<ValueError>(op, "there are {} candidates and {} references; need one for each", candidates, references);
}

/// What corpus BLEU is computed from.
struct Totals {
  int64_t matched[kOrders] = {}, all[kOrders] = {};
  int64_t candidate_words = 0, reference_words = 0;

  void add(const std::string& candidate, const std::vector<std::string>& references) {
    const auto said = split_words(candidate);
    std::vector<std::vector<std::string>> wanted;
    for (const std::string& reference : references) wanted.push_back(split_words(reference));
    const auto distance = [&](const auto& words) {
      return std::pair(std::abs(std::ssize(words) - std::ssize(said)), words.size());
    };
    candidate_words += std::ssize(said);
    reference_words += std::ssize(
        *std::min_element(wanted.begin(), wanted.end(), [&](auto& a, auto& b) { return distance(a) < distance(b); }));
    for (size_t n = 1; n <= kOrders; ++n) {
      Counts limit;
      for (const auto& words : wanted)
        for (const auto& [gram, count] : ngrams(words, n)) limit[gram] = std::max(limit[gram], count);
      for (const auto& [gram, count] : ngrams(said, n)) {
        all[n - 1] += count;
        if (const auto found = limit.find(gram); found != limit.end()) matched[n - 1] += std::min(count, found->second);
      }
    }
  }

  BleuScore score() const {
    BleuScore s{.candidate_words = candidate_words, .reference_words = reference_words};
    if (candidate_words == 0) return s;
    const double ratio = static_cast<double>(reference_words) / static_cast<double>(candidate_words);
    s.brevity_penalty = ratio > 1 ? std::exp(1 - ratio) : 1;
    double log_sum = 0;
    int64_t orders = 0;
    for (size_t n = 0; n < kOrders; ++n) {
      if (all[n] == 0) continue;
      s.precisions[n] = static_cast<double>(matched[n]) / static_cast<double>(all[n]);
      log_sum += std::log(s.precisions[n]);  // -inf for 0, and so BLEU 0
      ++orders;
    }
    s.bleu = 100 * s.brevity_penalty * std::exp(log_sum / static_cast<double>(orders));
    return s;
  }
};

}  // namespace

BleuScore bleu(std::span<const std::string> candidates, std::span<const std::vector<std::string>> references, Loc loc) {
  const Op op{"bleu", loc};
  check_counts(candidates.size(), references.size(), op);
  Totals totals;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (references[i].empty()) fail<ValueError>(op, "candidate {} has no reference; need at least one", i);
    totals.add(candidates[i], references[i]);
  }
  return totals.score();
}

BleuScore bleu(std::span<const std::string> candidates, std::span<const std::string> references, Loc loc) {
  check_counts(candidates.size(), references.size(), {"bleu", loc});
  Totals totals;
  for (size_t i = 0; i < candidates.size(); ++i) totals.add(candidates[i], {references[i]});
  return totals.score();
}

double exact_match(std::span<const std::string> candidates, std::span<const std::string> references, Loc loc) {
  check_counts(candidates.size(), references.size(), {"exact_match", loc});
  if (candidates.empty()) return 0;
  int64_t equal = 0;
  for (size_t i = 0; i < candidates.size(); ++i) equal += candidates[i] == references[i];
  return static_cast<double>(equal) / static_cast<double>(candidates.size());
}

std::vector<LengthRow> by_length(std::span<const std::string> sources, std::span<const std::string> candidates,
                                 std::span<const std::string> references, int64_t width, Loc loc) {
  const Op op{"by_length", loc};
  check_counts(candidates.size(), references.size(), op);
  if (sources.size() != candidates.size())
    fail<ValueError>(op, "there are {} sources and {} candidates; need one for each", sources.size(),
                     candidates.size());
  if (width < 1) fail<ValueError>(op, "width is {}; need at least 1", width);
  std::map<int64_t, std::pair<std::vector<std::string>, std::vector<std::string>>> buckets;
  for (size_t i = 0; i < sources.size(); ++i) {
    const int64_t words = std::max<int64_t>(1, std::ssize(split_words(sources[i])));
    auto& [said, wanted] = buckets[(words - 1) / width];
    said.push_back(candidates[i]);
    wanted.push_back(references[i]);
  }
  std::vector<LengthRow> rows;
  for (const auto& [bucket, both] : buckets) {
    const auto& [said, wanted] = both;
    rows.push_back({.from = bucket * width + 1,
                    .to = (bucket + 1) * width,
                    .count = std::ssize(said),
                    .exact_match = exact_match(said, wanted, loc),
                    .bleu = bleu(said, wanted, loc).bleu});
  }
  return rows;
}

TranslationScores score_translations(std::span<const std::string> sources, std::span<const std::string> candidates,
                                     std::span<const std::string> references, int64_t width, Loc loc) {
  return {.exact_match = exact_match(candidates, references, loc),
          .bleu = bleu(candidates, references, loc).bleu,
          .rows = by_length(sources, candidates, references, width, loc)};
}

std::string format_scores(const TranslationScores& scores) {
  std::string table = "source words  sentences  exact match   BLEU\n";
  for (const LengthRow& row : scores.rows)
    table += fmt::format("{:>5} - {:<4}  {:>9}  {:>10.1f}%  {:>5.1f}\n", row.from, row.to, row.count,
                         100 * row.exact_match, row.bleu);
  table += fmt::format("{:>12}  {:>9}  {:>10.1f}%  {:>5.1f}\n", "all", "", 100 * scores.exact_match, scores.bleu);
  return table;
}

}  // namespace heed::train

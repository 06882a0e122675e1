#include <heed/train/data/metrics.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <string_view>

#include <heed/tensor/io/utf8.h>
#include <heed/train/data/tokenizer/words.h>

namespace heed::train {

namespace {

constexpr size_t kWordOrders = 4, kCharOrders = 6;
constexpr double kBeta2 = 4;  // chrF2: recall counts beta = 2 times as much as precision

void check_counts(const Op& op, std::span<const std::string> candidates, const References& references) {
  if (candidates.size() != references.size())
    fail<ValueError>(op, "there are {} candidates and {} references; need one for each", candidates.size(),
                     references.size());
  for (size_t i = 0; i < references.size(); ++i)
    if (references[i].empty()) fail<ValueError>(op, "candidate {} has no reference; need at least one", i);
}

/// How often each run of n items occurs.
template <class Items>
std::map<Items, int64_t> ngrams(const Items& items, size_t n) {
  std::map<Items, int64_t> counts;
  for (size_t i = 0; i + n <= items.size(); ++i) ++counts[Items(items.begin() + i, items.begin() + i + n)];
  return counts;
}

/// Unicode's white space, and what Python takes for such besides.
bool is_blank(char32_t c) { return class_of(c) == CharClass::space || (c >= 0x1C && c <= 0x1F); }

// --- BLEU ------------------------------------------------------------------------------------------------------------

void replace(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size()) text.replace(at, what.size(), by);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_point(char c) { return c == '.' || c == ','; }

/// Two neighbours that `wanted` takes get blanks around the one that is a mark; like a regular expression, it goes on
/// behind both.
template <class Wanted>
std::string set_apart(const std::string& line, bool mark_first, Wanted wanted) {
  std::string apart;
  for (size_t i = 0; i < line.size(); ++i) {
    if (i + 1 == line.size() || !wanted(line[i], line[i + 1])) {
      apart += line[i];
    } else if (mark_first) {
      apart += {' ', line[i], ' ', line[++i]};
    } else {
      apart += {line[i], ' ', line[i + 1], ' '};
      ++i;
    }
  }
  return apart;
}

/// The words of mteval-v13a: punctuation apart, but for apostrophes, hyphens, and points and commas within numbers.
std::vector<std::string> words_13a(std::string line) {
  constexpr std::pair<const char*, const char*> kEntities[] = {{"<skipped>", ""}, {"-\n", ""},   {"&quot;", "\""},
                                                               {"&amp;", "&"},    {"&lt;", "<"}, {"&gt;", ">"}};
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  for (const auto& [entity, text] : kEntities) replace(line, entity, text);
  std::string spaced = " ";
  for (const char c : line) {
    const bool mark =
        c > ' ' && c <= '~' && !std::isalnum(static_cast<unsigned char>(c)) && c != '\'' && c != '-' && !is_point(c);
    if (mark) spaced += {' ', c, ' '};
    else spaced += c;
  }
  spaced += ' ';
  spaced = set_apart(spaced, false, [](char a, char b) { return !is_digit(a) && is_point(b); });
  spaced = set_apart(spaced, true, [](char a, char b) { return is_point(a) && !is_digit(b); });
  spaced = set_apart(spaced, false, [](char a, char b) { return is_digit(a) && b == '-'; });
  std::vector<std::string> words(1);
  for (size_t i = 0; i < spaced.size();) {
    const size_t start = i;
    if (!is_blank(next_code_point(spaced, i))) words.back() += spaced.substr(start, i - start);
    else if (!words.back().empty()) words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

}  // namespace

References one_each(std::span<const std::string> references) {
  References all;
  for (const std::string& reference : references) all.push_back({reference});
  return all;
}

BleuScore bleu(std::span<const std::string> candidates, const References& references, Loc loc) {
  check_counts({"bleu", loc}, candidates, references);
  std::array<int64_t, kWordOrders> matched = {}, all = {};
  BleuScore s;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto said = words_13a(candidates[i]);
    std::vector<std::vector<std::string>> wanted;
    for (const std::string& reference : references[i]) wanted.push_back(words_13a(reference));
    const auto distance = [&](const auto& words) {
      return std::pair(std::abs(std::ssize(words) - std::ssize(said)), words.size());
    };
    s.candidate_words += std::ssize(said);
    s.reference_words += std::ssize(*std::ranges::min_element(wanted, {}, distance));
    for (size_t n = 1; n <= kWordOrders; ++n) {
      std::map<std::vector<std::string>, int64_t> limit;
      for (const auto& words : wanted)
        for (const auto& [gram, count] : ngrams(words, n)) limit[gram] = std::max(limit[gram], count);
      for (const auto& [gram, count] : ngrams(said, n)) {
        all[n - 1] += count;
        if (const auto found = limit.find(gram); found != limit.end()) matched[n - 1] += std::min(count, found->second);
      }
    }
  }
  if (s.candidate_words == 0) return s;
  const double ratio = static_cast<double>(s.reference_words) / static_cast<double>(s.candidate_words);
  s.brevity_penalty = ratio > 1 ? std::exp(1 - ratio) : 1;
  if (matched.front() == 0) return s;
  double log_sum = 0, smoothed = 1;
  for (size_t n = 0; n < kWordOrders; ++n) {
    if (all[n] == 0) return s;
    s.precisions[n] = (matched[n] ? static_cast<double>(matched[n]) : (smoothed /= 2)) / static_cast<double>(all[n]);
    log_sum += std::log(s.precisions[n]);
  }
  s.bleu = 100 * s.brevity_penalty * std::exp(log_sum / kWordOrders);
  return s;
}

std::string bleu_signature(const References& references) {
  const auto unequal = [](const auto& a, const auto& b) { return a.size() != b.size(); };
  const bool varies = std::adjacent_find(references.begin(), references.end(), unequal) != references.end();
  const std::string count = varies ? "var" : std::to_string(references.empty() ? 1 : references.front().size());
  return "nrefs:" + count + "|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0";
}

// --- chrF ------------------------------------------------------------------------------------------------------------

namespace {

std::u32string without_spaces(std::string_view text) {
  std::u32string characters = decode_utf8(text);
  std::erase_if(characters, is_blank);
  return characters;
}

/// N-grams of each order: said, wanted, and both.
struct CharCounts {
  std::array<int64_t, kCharOrders> said = {}, wanted = {}, both = {};

  void add(const CharCounts& other) {
    for (size_t n = 0; n < kCharOrders; ++n)
      said[n] += other.said[n], wanted[n] += other.wanted[n], both[n] += other.both[n];
  }
  /// Of the mean precision and recall of the orders that both sides have.
  double f_score() const {
    double precision = 0, recall = 0, orders = 0;
    for (size_t n = 0; n < kCharOrders; ++n) {
      if (said[n] == 0 || wanted[n] == 0) continue;
      precision += static_cast<double>(both[n]) / static_cast<double>(said[n]);
      recall += static_cast<double>(both[n]) / static_cast<double>(wanted[n]);
      ++orders;
    }
    if (precision + recall == 0) return 0;
    return 100 * (1 + kBeta2) * precision * recall / (kBeta2 * precision + recall) / orders;
  }
};

CharCounts compare(const std::u32string& said, const std::u32string& wanted) {
  CharCounts counts;
  for (size_t n = 1; n <= kCharOrders; ++n) {
    const auto theirs = ngrams(wanted, n);
    for (const auto& [gram, count] : ngrams(said, n)) {
      if (!theirs.empty()) counts.said[n - 1] += count;
      if (const auto found = theirs.find(gram); found != theirs.end())
        counts.both[n - 1] += std::min(count, found->second);
    }
    for (const auto& [gram, count] : theirs) counts.wanted[n - 1] += count;
  }
  return counts;
}

}  // namespace

double chrf(std::span<const std::string> candidates, const References& references, Loc loc) {
  check_counts({"chrf", loc}, candidates, references);
  CharCounts all;
  for (size_t i = 0; i < candidates.size(); ++i) {
    std::vector<CharCounts> counts;
    for (const std::string& reference : references[i])
      counts.push_back(compare(without_spaces(candidates[i]), without_spaces(reference)));
    all.add(*std::ranges::max_element(counts, {}, &CharCounts::f_score));
  }
  return all.f_score();
}

// --- all together ----------------------------------------------------------------------------------------------------

double exact_match(std::span<const std::string> candidates, const References& references, Loc loc) {
  check_counts({"exact_match", loc}, candidates, references);
  if (candidates.empty()) return 0;
  int64_t equal = 0;
  for (size_t i = 0; i < candidates.size(); ++i)
    equal += std::find(references[i].begin(), references[i].end(), candidates[i]) != references[i].end();
  return static_cast<double>(equal) / static_cast<double>(candidates.size());
}

std::vector<LengthRow> by_length(std::span<const std::string> sources, std::span<const std::string> candidates,
                                 const References& references, int64_t width, Loc loc) {
  const Op op{"by_length", loc};
  check_counts(op, candidates, references);
  if (sources.size() != candidates.size())
    fail<ValueError>(op, "there are {} sources and {} candidates; need one for each", sources.size(),
                     candidates.size());
  if (width < 1) fail<ValueError>(op, "width is {}; need at least 1", width);
  std::map<int64_t, std::pair<std::vector<std::string>, References>> buckets;
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
                    .exact_match = exact_match(said, wanted),
                    .bleu = bleu(said, wanted).bleu});
  }
  return rows;
}

TranslationScores score_translations(std::span<const SentencePair> pairs, std::span<const std::string> candidates,
                                     int64_t width, Loc loc) {
  const Op op{"score_translations", loc};
  std::vector<std::string> sources, said, targets;
  References references;
  std::map<std::string_view, size_t> place;
  for (size_t i = 0; i < pairs.size(); ++i) {
    targets.push_back(pairs[i].target);
    const auto [found, is_new] = place.emplace(pairs[i].source, sources.size());
    if (is_new) {
      sources.push_back(pairs[i].source);
      references.emplace_back();
      if (i < candidates.size()) said.push_back(candidates[i]);
    }
    references[found->second].push_back(pairs[i].target);
  }
  const References alone = one_each(targets);
  return {.exact_match = exact_match(said, references),
          .bleu = bleu(said, references).bleu,
          .chrf = chrf(said, references),
          .rows = by_length(sources, said, references, width),
          .pairs = std::ssize(pairs),
          .exact_match_of_one = exact_match(candidates, alone),
          .bleu_of_one = bleu(candidates, alone).bleu,
          .signature = bleu_signature(references)};
}

std::string format_scores(const TranslationScores& scores) {
  std::string table = "source words  sentences  exact match   BLEU\n";
  const auto add = [&](const std::string& what, int64_t count, double exact, double points) {
    table += fmt::format("{:>12}  {:>9}  {:>10.1f}%  {:>5.1f}\n", what, count, 100 * exact, points);
  };
  int64_t sentences = 0;
  for (const LengthRow& row : scores.rows) {
    add(fmt::format("{:>5} - {:<4}", row.from, row.to), row.count, row.exact_match, row.bleu);
    sentences += row.count;
  }
  add("all", sentences, scores.exact_match, scores.bleu);
  if (sentences != scores.pairs) add("pair by pair", scores.pairs, scores.exact_match_of_one, scores.bleu_of_one);
  return table + fmt::format("chrF2 {:.1f}; BLEU is {}\n", scores.chrf, scores.signature);
}

}  // namespace heed::train

// How good translations are: BLEU and exact match, whole and by source length.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <heed/tensor/error.h>

namespace heed::train {

struct BleuScore {
  double bleu = 0;             ///< 0 to 100
  double precisions[4] = {};   ///< of 1-grams to 4-grams, 0 to 1
  double brevity_penalty = 0;  ///< 1 if the candidates are at least as long as the references
  int64_t candidate_words = 0, reference_words = 0;
};

/// Corpus BLEU-4 (Papineni et al. 2002) of sentences whose words are separated by spaces: 100 times the
/// brevity penalty times the geometric mean of the clipped n-gram precisions, all counted over the whole
/// corpus. Not smoothed: a precision of 0 makes BLEU 0. An order of which the candidates hold no n-gram at
/// all is left out of the mean, so that a corpus of three-word sentences can score. An empty corpus, or one
/// without words, has BLEU 0. Throws ValueError if the counts differ.
BleuScore bleu(std::span<const std::string> candidates, std::span<const std::string> references,
               Loc loc = Loc::current());

/// The same with several references for each candidate: n-grams are clipped by the reference that has most of
/// them, and the brevity penalty takes the reference closest in length (the shorter of two equally close).
/// Throws ValueError also if a candidate has none.
BleuScore bleu(std::span<const std::string> candidates, std::span<const std::vector<std::string>> references,
               Loc loc = Loc::current());

/// The share, 0 to 1, of candidates that equal their reference; 0 if there are none. Throws ValueError if the
/// counts differ.
double exact_match(std::span<const std::string> candidates, std::span<const std::string> references,
                   Loc loc = Loc::current());

/// One row of the table of Bahdanau et al. 2014, figure 2.
struct LengthRow {
  int64_t from = 0, to = 0;  ///< words in the source, both ends included
  int64_t count = 0;
  double exact_match = 0;  ///< 0 to 1
  double bleu = 0;         ///< 0 to 100
};

/// Scores by the length of the source, in buckets of `width` words (1 to width, width + 1 to 2 width, ...),
/// without the buckets that are empty. Throws ValueError if the counts differ or width is less than 1.
std::vector<LengthRow> by_length(std::span<const std::string> sources, std::span<const std::string> candidates,
                                 std::span<const std::string> references, int64_t width, Loc loc = Loc::current());

struct TranslationScores {
  double exact_match = 0;       ///< 0 to 1
  double bleu = 0;              ///< 0 to 100
  std::vector<LengthRow> rows;  ///< by the length of the source
};

/// All of these at once, in buckets of `width` words. Throws ValueError as by_length does.
TranslationScores score_translations(std::span<const std::string> sources, std::span<const std::string> candidates,
                                     std::span<const std::string> references, int64_t width = 5,
                                     Loc loc = Loc::current());

/// A table for people: a row for each length, and one for all. Lines end in "\n".
std::string format_scores(const TranslationScores& scores);

}  // namespace heed::train

// How good translations are: BLEU, chrF and exact match, whole and by source length.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <heed/tensor/error.h>
#include <heed/train/data/grammar/grammar.h>

namespace heed::train {

/// For each sentence all translations that are right.
using References = std::vector<std::vector<std::string>>;
/// One for each sentence.
References one_each(std::span<const std::string> references);

/// BLEU, and what it is made of.
struct BleuScore {
  double bleu = 0;                                   ///< 0 to 100
  double precisions[4] = {};                         ///< of 1-grams to 4-grams, 0 to 1
  double brevity_penalty = 0;                        ///< 1 if the candidates are at least as long as the references
  int64_t candidate_words = 0, reference_words = 0;  ///< of the whole corpus
};

/// Corpus BLEU-4 (Papineni et al. 2002), as sacrebleu's corpus_bleu: 100 times the brevity penalty times the geometric
/// mean of the clipped n-gram precisions, all counted over the whole corpus. Words are what mteval-v13a takes for
/// such. N-grams are clipped by the reference that has most of them, and the brevity penalty takes the reference
/// closest in length (the shorter of two equally close). The first precision that is 0 counts as half a match, the
/// next as a quarter, ...; but BLEU is 0 without any match, or any 4-gram.
/// Throws ValueError if the counts differ, or a candidate has no reference.
BleuScore bleu(std::span<const std::string> candidates, const References& references, Loc loc = Loc::current());
/// What sacrebleu says of how it was counted, to be printed beside the number.
std::string bleu_signature(const References& references);

/// Corpus chrF2 (Popovic 2015), as sacrebleu's corpus_chrf: 0 to 100, the F-score, in which recall counts twice, of
/// 1-grams to 6-grams of characters, spaces left out; of several references the one that gives the sentence most.
/// Throws as bleu does.
double chrf(std::span<const std::string> candidates, const References& references, Loc loc = Loc::current());

/// The share, 0 to 1, of candidates that equal one of their references; 0 if there are none. Throws as bleu does.
double exact_match(std::span<const std::string> candidates, const References& references, Loc loc = Loc::current());

/// One row of the table of Bahdanau et al. 2014, figure 2.
struct LengthRow {
  int64_t from = 0, to = 0;  ///< words in the source, both ends included
  int64_t count = 0;         ///< sentences of that length
  double exact_match = 0;    ///< 0 to 1
  double bleu = 0;           ///< 0 to 100
};

/// Scores by the length of the source, in buckets of `width` words (1 to width, width + 1 to 2 width, ...),
/// without the buckets that are empty. Throws ValueError as bleu does, or if width is less than 1.
std::vector<LengthRow> by_length(std::span<const std::string> sources, std::span<const std::string> candidates,
                                 const References& references, int64_t width, Loc loc = Loc::current());

/// Scores of the distinct sources, whose references are the targets of all pairs that they stand in.
struct TranslationScores {
  double exact_match = 0;         ///< 0 to 1
  double bleu = 0, chrf = 0;      ///< 0 to 100
  std::vector<LengthRow> rows;    ///< by the length of the source
  int64_t pairs = 0;              ///< with several references also those of every pair by itself:
  double exact_match_of_one = 0;  ///< 0 to 1
  double bleu_of_one = 0;         ///< 0 to 100
  std::string signature;          ///< of BLEU
};

/// All of these at once, of a candidate for each pair, in buckets of `width` words. A source that stands in several
/// pairs is judged by its first candidate. Throws ValueError as by_length does.
TranslationScores score_translations(std::span<const SentencePair> pairs, std::span<const std::string> candidates,
                                     int64_t width = 5, Loc loc = Loc::current());

/// A table for people: a row for each length, one for all, and how it was counted. Lines end in "\n".
std::string format_scores(const TranslationScores& scores);

}  // namespace heed::train

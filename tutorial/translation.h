// What the lessons that translate share: their task, and their curves.
#pragma once

#include <string>
#include <vector>

#include "lesson.h"

namespace lesson {

/// The grammar's sentences: 40,000 to learn from and 1,000 others to be judged by. With --quick 4,000 and
/// 200, of at most eight words.
heed::train::PairSplit task(const Lesson& l);

/// Loss by step; a point is the mean of `width` steps.
heed::train::Series loss_series(const std::string& name, const std::vector<double>& losses,
                                int64_t width = 25);
heed::train::LineChart loss_chart(const std::string& title, const std::vector<heed::train::Series>& series);

/// Exact match, in percent, by words in the source (the middle of each row's range).
heed::train::Series exact_series(const std::string& name, const heed::train::TranslationScores& scores);
/// BLEU by words in the source.
heed::train::Series bleu_series(const std::string& name, const heed::train::TranslationScores& scores);
heed::train::LineChart length_chart(const std::string& title, const std::string& y_label,
                                    const std::vector<heed::train::Series>& series);

/// Exact match and BLEU by words in the source, as a table of the page; `columns` are named scores, side by
/// side.
std::vector<std::vector<std::string>> score_table(
    const std::vector<std::pair<std::string, const heed::train::TranslationScores*>>& columns);
/// The series as a table of the page, whose points are buckets of `width`.
std::vector<std::vector<std::string>> bucket_table(const std::vector<heed::train::Series>& rows,
                                                   int64_t width, const std::string& format);

/// The series as rows of numbers; their points are buckets of `width` from 0 on.
void print_table(const std::string& title, const std::vector<heed::train::Series>& rows, int64_t width,
                 const std::string& format);

/// Leaves a page in which the translator runs and its attention can be moved; one without attention is shown
/// at work.
void leave_page(Lesson& l, const heed::train::Translator& translator, const std::string& sentence);

/// Each source, its translation, and the right one where that is another.
void show_translations(const heed::train::Translator& translator,
                       const std::vector<heed::train::SentencePair>& pairs);

}  // namespace lesson

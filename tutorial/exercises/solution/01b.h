// Exercise 1b: how many words of a translation are right
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "exercise.h"

/// The clipped precision of single words, the first of BLEU's four numbers: a word counts as often as the
/// right sentence has it, and no more.
inline double precision(const std::vector<std::string>& candidate, const std::vector<std::string>& right) {
  double matches = 0;
  const std::set<std::string> words(candidate.begin(), candidate.end());
  for (const std::string& w : words)
    matches += double(std::min(std::count(candidate.begin(), candidate.end(), w),
                               std::count(right.begin(), right.end(), w)));
  return matches / double(candidate.size());
}

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
  throw exercise::Hole(
      "precision = sum over words w of min(count of w in candidate, count of w in right) / words in "
      "candidate");
}

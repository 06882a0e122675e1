// Models of equal size, for lesson 14.
#pragma once

#include <cstdlib>

#include "lesson.h"

namespace lesson {

/// The width inside the MLP that brings the model closest to a number of parameters.
inline heed::models::GptConfig of_size(heed::models::GptConfig c, int64_t parameters) {
  const auto off = [&](int64_t hidden) {
    c.hidden = hidden;
    return std::abs(heed::models::parameter_count(c) - parameters);
  };
  int64_t best = 4;
  for (int64_t hidden = 4; hidden <= 8 * c.channels; hidden += 4)
    if (off(hidden) < off(best)) best = hidden;
  c.hidden = best;
  return c;
}

}  // namespace lesson

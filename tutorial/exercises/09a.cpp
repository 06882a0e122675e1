// Tests what is written in 09a.h.
#include "09a.h"

const exercise::Exercise exercise_09a(
    "9a", "where a word stands, in sines and cosines", [](exercise::Check& check) {
      const Tensor right = nn::sinusoidal_positions(50, 8, f64);
      std::vector<double> yours;
      for (int64_t t = 0; t < 50; ++t)
        for (int64_t column = 0; column < 8; ++column) yours.push_back(position(t, column, 8));
      check.equal("50 words, 8 wide", from_vector(yours, {50, 8}), right, 1e-9);
    });

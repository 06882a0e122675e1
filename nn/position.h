// Where a token stands, added to what it is.
#pragma once

#include <heed/nn/scope.h>

namespace heed::nn {

/// sin(t / 10000^(2i / width)) in column 2i and the cosine in column 2i + 1 of row t: (length, width).
/// Vaswani et al. 2017, section 3.5. An odd width ends on a sine.
Tensor sinusoidal_positions(int64_t length, int64_t width, DType dtype = f32, Loc loc = Loc::current());

/// x + sinusoidal positions; nothing is trained and no length is the last.
struct SinusoidalPosition {
  /// x (..., T, width) whose first step stands at `start` -> the same shape.
  Tensor operator()(const Tensor& x, int64_t start = 0, Loc loc = Loc::current()) const;
};

/// x + a trained vector for each position. Drawn from N(0, 1).
struct LearnedPosition {
  ModuleName name;
  Tensor weight;  ///< (length, width)

  LearnedPosition(Scope s, int64_t length, int64_t width);
  /// x (..., T, width) whose first step stands at `start` -> the same shape.
  /// Throws ShapeError if start + T > length.
  Tensor operator()(const Tensor& x, int64_t start = 0, Loc loc = Loc::current()) const;
};

}  // namespace heed::nn

// Functions of two numbers, element by element, that are more than a processor's instruction.
#pragma once

#include <heed/tensor/tensor.h>

namespace heed::kernels {

enum class Binary {
  remainder,     ///< what is left of a by b, with b's sign unless it is 0; exact
  floor_divide,  ///< how often b goes into a, rounded down
  pow,           ///< a^b
};

/// f(a, b), contiguous; of equal shapes, f32 or f64. What comes of zeros, infinities and NaN is as of std::fmod and
/// std::pow. The power of f32 is within 0.55 units of its last place.
Tensor binary(Binary f, const Tensor& a, const Tensor& b);

/// |x|^p in f64, of f32, to some 13 digits.
Tensor powers(const Tensor& x, double p);

}  // namespace heed::kernels

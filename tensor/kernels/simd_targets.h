// What every SIMD kernel begins with, before Highway: the instruction sets to compile for, and a name for its two
// number types.
#pragma once

#include <type_traits>

#ifndef HWY_DISABLED_TARGETS
#if defined(__x86_64__) || defined(__i386__)
// AVX-512 (AVX3), AVX2, SSE4, and plain code. Those above and between would add compile time and little speed.
#define HWY_DISABLED_TARGETS (0xFFLL | HWY_SSSE3)
#elif defined(__aarch64__)
// NEON alone: the kernels keep vectors in structs and arrays, which those of unknown size do not allow.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif
#endif

namespace heed::kernels {

/// A function template's two instances. Highway exports no templates, but functions that return these:
/// `auto rows() { return Both{row<float>, row<double>}; }`, called as HWY_DYNAMIC_DISPATCH(rows)().get<T>()(...).
template <class F32, class F64>
struct Both {
  F32 f32;
  F64 f64;

  template <class Real>
  auto get() const {
    if constexpr (std::is_same_v<Real, float>) return f32;
    else return f64;
  }
};

template <class F32, class F64>
Both(F32, F64) -> Both<F32, F64>;

/// The instances of a function template that other files call.
#define HEED_FOR_BOTH(function)                       \
  template decltype(function<float>) function<float>; \
  template decltype(function<double>) function<double>;

}  // namespace heed::kernels

// Numbers of 16 bits, as files hold them: IEEE 754's half precision, and bf16, the first half of an f32.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace heed {

/// Rounded to nearest, ties to even; beyond 65504 infinity.
inline uint16_t to_f16(float x) {
  const auto sign = static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16 & 0x8000);
  const float magnitude = std::abs(x);
  if (!(magnitude < 65520)) return sign | (std::isnan(x) ? 0x7e00 : 0x7c00);
  if (magnitude < 0x1p-14f) return sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24f));
  const uint32_t bits = std::bit_cast<uint32_t>(magnitude) - (112u << 23);  // with the exponent's other bias
  return sign | static_cast<uint16_t>((bits + 0xfff + (bits >> 13 & 1)) >> 13);
}

/// Exactly.
inline float from_f16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, mantissa = half & 0x3ff;
  const int exponent = half >> 10 & 0x1f;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13);  // infinity, NaN
  if (exponent == 0) {                                                                    // mantissa * 2^-24
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | static_cast<uint32_t>(exponent + 112) << 23 | mantissa << 13);
}

/// Rounded to nearest, ties to even.
inline uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16 | 0x40);  // rounding could make it infinity
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Exactly.
inline float from_bf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

}  // namespace heed

#include <heed/tensor/kernels/random.h>

#include <bit>
#include <cmath>
#include <numbers>

// Plain loops, compiled once for each instruction set and chosen at run time. Products and sums are fused
// exactly where std::fma says so: this file is compiled with -ffp-contract=off.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "heed/tensor/kernels/random.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

inline uint32_t twisted(uint32_t word, uint32_t next, uint32_t ahead) {
  const uint32_t y = (word & 0x80000000u) | (next & 0x7fffffffu);
  return ahead ^ (y >> 1) ^ (-(next & 1u) & 0x9908b0dfu);
}

void MtTwist(uint32_t* words) {
  for (int i = 0; i < 227; ++i) words[i] = twisted(words[i], words[i + 1], words[i + 397]);
  for (int i = 227; i < 623; ++i) words[i] = twisted(words[i], words[i + 1], words[i - 227]);
  words[623] = twisted(words[623], words[0], words[396]);
}

void MtTemper(const uint32_t* words, uint32_t* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = mt_tempered(words[i]);
}

void UniformF32(const uint32_t* words, float* out, int64_t n, float from, float range) {
  for (int64_t i = 0; i < n; ++i) {
    const float u = static_cast<float>(static_cast<int32_t>(words[i] & 0xffffffu)) * 0x1p-24f;
    out[i] = std::fma(u, range, from);
  }
}

inline uint64_t bits53(const uint32_t* words) { return (static_cast<uint64_t>(words[0] & 0x1fffffu) << 32) | words[1]; }

void UniformF64(const uint32_t* words, double* out, int64_t n, double from, double range) {
  for (int64_t i = 0; i < n; ++i) {
    const double u = static_cast<double>(static_cast<int64_t>(bits53(words + 2 * i))) * 0x1p-53;
    out[i] = std::fma(u, range, from);
  }
}

void Below(const uint32_t* words, bool* out, int64_t n, int64_t bound) {
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<int64_t>(bits53(words + 2 * i)) < bound;
}

// Choices by bits, as branches would keep the loop from becoming vector code.
inline uint32_t all_if(bool condition) { return -static_cast<uint32_t>(condition); }

// Cephes' logf: x = 2^e m with m in [sqrt(1/2), sqrt(2)), then a polynomial in m - 1. For normal x > 0.
inline float log_f32(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  float e = static_cast<float>(static_cast<int32_t>(bits >> 23) - 126);
  float m = std::bit_cast<float>((bits & 0x007fffffu) | 0x3f000000u);
  const uint32_t low = all_if(m < 0.707106781186547524f);
  e -= std::bit_cast<float>(low & std::bit_cast<uint32_t>(1.0f));
  m = (m - 1) + std::bit_cast<float>(low & std::bit_cast<uint32_t>(m));
  const float z = m * m;
  float y = 7.0376836292e-2f;
  y = std::fma(y, m, -1.1514610310e-1f);
  y = std::fma(y, m, 1.1676998740e-1f);
  y = std::fma(y, m, -1.2420140846e-1f);
  y = std::fma(y, m, 1.4249322787e-1f);
  y = std::fma(y, m, -1.6668057665e-1f);
  y = std::fma(y, m, 2.0000714765e-1f);
  y = std::fma(y, m, -2.4999993993e-1f);
  y = std::fma(y, m, 3.3333331174e-1f);
  y = std::fma(y * m, z, e * -2.12194440e-4f);  // log 2 in two parts: this one is what
  y = std::fma(z, -0.5f, y);
  return std::fma(e, 0.693359375f, m + y);  // this one, of few bits, leaves
}

struct SinCos {
  float sin, cos;
};
// Cephes' sinf and cosf for x >= 0: x minus a multiple of pi/4 in three parts, then two polynomials, chosen
// and signed by the octant.
inline SinCos sin_cos_f32(float x) {
  const int32_t octant = (static_cast<int32_t>(x * 1.27323954473516f) + 1) & ~1;
  const float k = static_cast<float>(octant);
  x = std::fma(k, -0.78515625f, x);
  x = std::fma(k, -2.4187564849853515625e-4f, x);
  x = std::fma(k, -3.77489497744594108e-8f, x);
  const float z = x * x;
  float c = 2.443315711809948e-5f;
  c = std::fma(c, z, -1.388731625493765e-3f);
  c = std::fma(c, z, 4.166664568298827e-2f);
  c = std::fma(c * z, z, z * -0.5f) + 1;
  float s = -1.9515295891e-4f;
  s = std::fma(s, z, 8.3321608736e-3f);
  s = std::fma(s, z, -1.6666654611e-1f);
  s = std::fma(s * z, x, x);
  const uint32_t swap = all_if((octant & 2) != 0);
  const auto c_bits = std::bit_cast<uint32_t>(c), s_bits = std::bit_cast<uint32_t>(s);
  const auto sin_sign = static_cast<uint32_t>(octant & 4) << 29;
  const auto cos_sign = static_cast<uint32_t>(~(octant - 2) & 4) << 29;
  return {std::bit_cast<float>(((c_bits & swap) | (s_bits & ~swap)) ^ sin_sign),
          std::bit_cast<float>(((s_bits & swap) | (c_bits & ~swap)) ^ cos_sign)};
}

void BoxMuller(float* data, int64_t blocks, float mean, float std) {
  for (int64_t block = 0; block < blocks; ++block, data += 16) {
    for (int j = 0; j < 8; ++j) {
      const float radius = std::sqrt(-2.0f * log_f32(1.0f - data[j]));
      const SinCos t = sin_cos_f32(2 * std::numbers::pi_v<float> * data[j + 8]);
      data[j] = std::fma(radius * t.cos, std, mean);
      data[j + 8] = std::fma(radius * t.sin, std, mean);
    }
  }
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(MtTwist);
HWY_EXPORT(MtTemper);
HWY_EXPORT(UniformF32);
HWY_EXPORT(UniformF64);
HWY_EXPORT(Below);
HWY_EXPORT(BoxMuller);

void mt_twist(uint32_t* words) { HWY_DYNAMIC_DISPATCH(MtTwist)(words); }
void mt_temper(const uint32_t* words, uint32_t* out, int64_t n) { HWY_DYNAMIC_DISPATCH(MtTemper)(words, out, n); }
void uniform_of_words(const uint32_t* words, float* out, int64_t n, float from, float to) {
  HWY_DYNAMIC_DISPATCH(UniformF32)(words, out, n, from, to - from);
}
void uniform_of_words(const uint32_t* words, double* out, int64_t n, double from, double to) {
  HWY_DYNAMIC_DISPATCH(UniformF64)(words, out, n, from, to - from);
}
void below_of_words(const uint32_t* words, bool* out, int64_t n, double p) {
  // k 2^-53 < p for a whole k just when k < ceil(p 2^53), and the scaling by a power of two is exact.
  HWY_DYNAMIC_DISPATCH(Below)(words, out, n, static_cast<int64_t>(std::ceil(p * 0x1p53)));
}
void box_muller(float* data, int64_t blocks, float mean, float std) {
  HWY_DYNAMIC_DISPATCH(BoxMuller)(data, blocks, mean, std);
}

void box_muller(double* data, int64_t blocks, double mean, double std) {
  for (int64_t block = 0; block < blocks; ++block, data += 16) {
    for (int j = 0; j < 8; ++j) {
      const double radius = std::sqrt(-2 * std::log(1 - data[j]));
      const double theta = 2 * std::numbers::pi * data[j + 8];
      data[j] = std::fma(radius * std::cos(theta), std, mean);
      data[j + 8] = std::fma(radius * std::sin(theta), std, mean);
    }
  }
}

}  // namespace heed::kernels
#endif

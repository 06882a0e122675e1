// The loops under Rng, on arrays of random words. Same results on every machine: where PyTorch fuses a
// multiply and an add, so do these, in hardware or without.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// Replaces the 624 words of an MT19937 by the next 624 (Matsumoto and Nishimura 1998).
void mt_twist(uint32_t* words);
/// A word as MT19937 gives it out, from a word of its state.
inline uint32_t mt_tempered(uint32_t word) {
  word ^= word >> 11;
  word ^= (word << 7) & 0x9d2c5680u;
  word ^= (word << 15) & 0xefc60000u;
  return word ^ (word >> 18);
}
/// The same for n words.
void mt_temper(const uint32_t* words, uint32_t* out, int64_t n);

/// from + u (to - from), u in [0, 1): the low 24 bits of one word (float), the low 53 of two, high word first
/// (double).
void uniform_of_words(const uint32_t* words, float* out, int64_t n, float from, float to);
void uniform_of_words(const uint32_t* words, double* out, int64_t n, double from, double to);

/// u < p for the u of a double, exactly.
void below_of_words(const uint32_t* words, bool* out, int64_t n, double p);

/// Blocks of 16 uniforms to 16 normals in place: elements j and j + 8 by Box and Muller. The float version
/// has the accuracy (1e-6) and the bits of PyTorch on x86: Cephes' logf, sinf and cosf. The double version
/// uses the C library's.
void box_muller(float* data, int64_t blocks, float mean, float std);
void box_muller(double* data, int64_t blocks, double mean, double std);

}  // namespace heed::kernels

// The instruction sets that SIMD kernels are compiled for; to be included before Highway.
#pragma once

#ifndef HWY_DISABLED_TARGETS
#if defined(__x86_64__) || defined(__i386__)
// AVX-512 (AVX3), AVX2, SSE4, and plain code. Those above and between would add compile time and little speed.
#define HWY_DISABLED_TARGETS (0xFFLL | HWY_SSSE3)
#elif defined(__aarch64__)
// NEON alone: the kernels keep vectors in structs and arrays, which those of unknown size do not allow.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif
#endif

// The instruction sets that SIMD kernels are compiled for; to be included before Highway.
#pragma once

// On x86: AVX-512 (AVX3), AVX2, SSE4, and plain code. Those above and between would add compile time and little speed.
#if (defined(__x86_64__) || defined(__i386__)) && !defined(HWY_DISABLED_TARGETS)
#define HWY_DISABLED_TARGETS (0xFFLL | HWY_SSSE3)
#endif

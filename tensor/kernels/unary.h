// Element-by-element functions of one array and their gradients, on contiguous memory.
//
// T: float or double. f32 results are within 2e-6 of the exact value, relative to it (sin and cos: to 1; gelu: to 1e-6 where
// it is smaller; sigmoid and what is built on it: 0 where they are no normal number). f64 is as exact as std::.
// NaN gives NaN; infinities give the limit. y may be x, and dx may be g or the other input; other overlaps are not allowed.
// An element's result depends on its value alone, not on its place in the array.
#pragma once

#include <cstdint>

namespace heed::kernels {

template <class T>
void exp(const T* x, T* y, int64_t n);
template <class T>
void log(const T* x, T* y, int64_t n);
template <class T>
void sqrt(const T* x, T* y, int64_t n);
template <class T>
void rsqrt(const T* x, T* y, int64_t n);
template <class T>
void sin(const T* x, T* y, int64_t n);
template <class T>
void cos(const T* x, T* y, int64_t n);
template <class T>
void tanh(const T* x, T* y, int64_t n);
template <class T>
void erf(const T* x, T* y, int64_t n);
/// 1 / (1 + e^-x)
template <class T>
void sigmoid(const T* x, T* y, int64_t n);
/// log(1 + e^x)
template <class T>
void softplus(const T* x, T* y, int64_t n);
/// x sigmoid(x)
template <class T>
void silu(const T* x, T* y, int64_t n);
/// x Phi(x), Phi the normal distribution function
template <class T>
void gelu(const T* x, T* y, int64_t n);
/// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
template <class T>
void gelu_tanh(const T* x, T* y, int64_t n);

// dx = g f'(x)
template <class T>
void gelu_backward(const T* g, const T* x, T* dx, int64_t n);
template <class T>
void gelu_tanh_backward(const T* g, const T* x, T* dx, int64_t n);

}  // namespace heed::kernels

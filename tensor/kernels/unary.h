// Element-by-element functions and their gradients, each in one pass over contiguous memory.
//
// T: float or double. f32 results are within 2e-6 of the exact value, relative to it (sin and cos: to 1; gelu: to 1e-6
// where it is smaller; sigmoid and what is built on it: 0 where they are no normal number). f64 is as exact as std::.
// NaN gives NaN; infinities give the limit. y may be x, and dx may be g or the other input; other overlaps are not
// allowed. An element's result depends on its value alone, not on its place in the array.
#pragma once

#include <cstdint>

namespace heed::kernels {

enum class Unary {
  exp,
  log,
  log1p,  ///< log(1 + x)
  expm1,  ///< e^x - 1
  sqrt,
  rsqrt,
  floor,
  ceil,
  round,  ///< halves to even
  sin,
  cos,
  tanh,
  erf,
  sigmoid,    ///< 1 / (1 + e^-x)
  softplus,   ///< log(1 + e^x)
  silu,       ///< x sigmoid(x)
  relu2,      ///< x^2, but 0 below 0
  gelu,       ///< x Phi(x), Phi the normal distribution function
  gelu_tanh,  ///< x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
};

/// y = f(x)
template <class T>
void unary(Unary f, const T* x, T* y, int64_t n);

/// dx = g f'(x), of silu, relu2 and the two forms of gelu.
template <class T>
void unary_backward(Unary f, const T* g, const T* x, T* dx, int64_t n);

/// x (rows, n) += bias (n)
template <class T>
void add_bias(T* x, const T* bias, int64_t rows, int64_t n);

/// y (n) = sum over the rows of x (rows, n): a bias's gradient. Runs of at most 256 rows add up in T, then the runs,
/// which are cut by the sizes alone: the same bits at any number of threads.
template <class T>
void sum_rows(const T* x, T* y, int64_t rows, int64_t n);

/// y = keep ? x * scale : 0: dropout, and its own gradient.
template <class T>
void dropout(const T* x, const bool* keep, T scale, T* y, int64_t n);

/// Of logits x, targets t, and p, which is t or that weighted: y = p softplus(-x) + (1 - t) softplus(x); if g is not
/// null, its gradient y = g ((1 - t) s - p (1 - s)) with s = sigmoid(x).
template <class T>
void binary_cross_entropy(const T* x, const T* t, const T* p, const T* g, T* y, int64_t n);

}  // namespace heed::kernels

// Small steps between the big products, each in one pass over memory; and rows by index. T: float or double.
// Outputs may be one of the inputs; other overlaps are not allowed.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// y = a + b
template <class T> void add(const T* a, const T* b, T* y, int64_t n);

/// x (rows, n) += bias (n)
template <class T> void add_bias(T* x, const T* bias, int64_t rows, int64_t n);

/// u (rows, n) += bias (n), then y = gelu(u), by the erf form or the tanh form: u is kept for backward.
template <class T> void bias_gelu(T* u, const T* bias, T* y, int64_t rows, int64_t n, bool tanh_form);
/// du = g gelu'(u); dbias (n) = sum over the rows of du, as sum_rows. dbias may be null.
template <class T> void bias_gelu_backward(const T* g, const T* u, T* du, T* dbias, int64_t rows, int64_t n, bool tanh_form);

/// y = keep ? x * scale : 0: dropout, and its own gradient.
template <class T> void dropout(const T* x, const bool* keep, T scale, T* y, int64_t n);

/// y (n, C) = rows of weight (V, C) by index (n), each in [0, V): the caller has checked.
template <class T> void gather_rows(const T* weight, const int64_t* index, T* y, int64_t n, int64_t C);
/// dweight (V, C) at row index[i] += g (n, C) at row i, in the order of i at any number of threads.
template <class T> void scatter_add_rows(const T* g, const int64_t* index, T* dweight, int64_t n, int64_t C);

}  // namespace heed::kernels

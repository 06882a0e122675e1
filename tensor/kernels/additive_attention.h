// Additive attention (Bahdanau et al. 2014) on raw strided arrays, fused over source positions.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// B batch, T queries (1 in a decoder that feeds back its context), S source positions, A width of the
/// projected queries and keys, D width of a value.
struct AdditiveShape {
  int64_t B, T, S, A, D;
};

/// A (B, rows, width) array: element strides of the first two dimensions, 1 for the last.
template <class Element>
struct Rows {
  Element* data;
  int64_t batch, row;
};

/// Which source positions may be attended to. Null: all.
struct SourceMask {
  const int64_t* lengths = nullptr;  // (B): positions below the row's length
  const bool* allowed = nullptr;     // (B, T, S) by these strides, 0 broadcasts; last stride 1
  int64_t batch = 0, query = 0;
};

/// score_s = score . tanh(query + key_s); weights (B, T, S) = softmax over allowed s; context (B, T, D) =
/// sum_s weight_s value_s. query (B, T, A) and keys (B, S, A) come projected; score (A) is the vector v of
/// the paper. weights are contiguous. A query that sees no position has weights 0 and context 0.
template <class Real>
void additive_attention(const AdditiveShape& shape, Rows<const Real> query, Rows<const Real> keys, const Real* score,
                        Rows<const Real> values, const SourceMask& mask, Real* weights, Rows<Real> context);

/// Where the gradients go. dquery is overwritten; the others are added to, so that decoder steps can share
/// them. Null data: not wanted.
template <class Real>
struct AdditiveGradients {
  Rows<Real> dquery{};     // (B, T, A)
  Rows<Real> dkeys{};      // (B, S, A)
  Real* dscore = nullptr;  // (A)
  Rows<Real> dvalues{};    // (B, S, D)
};

/// The gradients of additive_attention, given dcontext (B, T, D) and, unless null, dweights (B, T, S).
/// The tanh is computed anew. The sums do not depend on the thread count.
template <class Real>
void additive_attention_backward(const AdditiveShape& shape, Rows<const Real> query, Rows<const Real> keys,
                                 const Real* score, Rows<const Real> values, const Real* weights,
                                 Rows<const Real> dcontext, const Real* dweights,
                                 const AdditiveGradients<Real>& gradients);

}  // namespace heed::kernels

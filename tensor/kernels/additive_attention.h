// Additive attention (Bahdanau et al. 2014) on raw strided arrays, fused over source positions.
#pragma once

#include <heed/tensor/kernels/views.h>

namespace heed::kernels {

/// B batch, T queries (1 in a decoder that feeds back its context), S source positions, A width of the
/// projected queries and keys, D width of a value. A Strided is (B, rows) by strides and behind them a dense row; the
/// mask, if any, (B, T) and behind them S: where the query may attend to.
struct AdditiveShape {
  int64_t B, T, S, A, D;
};

/// weights (B, T, S) are contiguous.
template <class Real>
struct AdditiveForward {
  AdditiveShape shape;
  Strided<const Real, 2> query, keys;  // (B, T, A) and (B, S, A), projected
  const Real* score;                   // (A): the vector v of the paper
  Strided<const Real, 2> values;
  Strided<const bool, 2> mask;
  Real* weights;
  Strided<Real, 2> context;
};

/// score_s = score . tanh(query + key_s); weights (B, T, S) = softmax over allowed s; context (B, T, D) =
/// sum_s weight_s value_s. A query that sees no position has weights 0 and context 0.
template <class Real>
void additive_attention(const AdditiveForward<Real>& call);

/// Where the gradients go. dquery is overwritten; the others are added to, so that decoder steps can share
/// them. Null data: not wanted.
template <class Real>
struct AdditiveGradients {
  Strided<Real, 2> dquery{};   // (B, T, A)
  Strided<Real, 2> dkeys{};    // (B, S, A)
  Real* dscore = nullptr;      // (A)
  Strided<Real, 2> dvalues{};  // (B, S, D)
};

template <class Real>
struct AdditiveBackward {
  AdditiveShape shape;
  Strided<const Real, 2> query, keys;
  const Real* score;
  Strided<const Real, 2> values;
  const Real* weights;
  Strided<const Real, 2> dcontext;
  AdditiveGradients<Real> to;
};

/// The gradients of additive_attention. The tanh is computed anew. The sums do not depend on the thread count.
template <class Real>
void additive_attention_backward(const AdditiveBackward<Real>& call);

}  // namespace heed::kernels

// Scaled dot-product attention on raw strided arrays: softmax(scale q k^T + mask) v without a (T, S) array.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// B batch, H heads, T queries, S keys, D width of a query and a key, Dv width of a value.
struct AttentionShape {
  int64_t B, H, T, S, D, Dv;
};

/// A (B, H, rows, width) array: element strides of the first three dimensions, 1 for the last.
/// So q, k and v may lie inside one packed (B, T, 3C) array, and the output may be (B, T, H, Dv).
template <class Element>
struct Heads {
  Element* data;
  int64_t batch, head, row;
};

/// A (B, H, T, S) array where any dimension may be broadcast by stride 0. Null: there is none.
template <class Element>
struct AttentionMask {
  Element* data = nullptr;
  int64_t batch = 0, head = 0, query = 0, key = 0;
};

/// What the scores pass through on their way to weights. Masks combine: a key must be seen through each.
template <class Real>
struct AttentionOptions {
  Real scale = 1;                     // of q k^T
  bool causal = false;                // query i sees the keys j <= i + offset only
  int64_t offset = 0;                 // of causal: the keys that came before query 0, as with a cache
  AttentionMask<const bool> allowed;  // true: the query may attend to the key
  AttentionMask<const Real> bias;     // added to the scaled scores; -inf hides a key
  const bool* keep = nullptr;         // dropout: (B, H, T, S), false drops the weight
  Real keep_scale = 1;                // of kept weights: 1 / (1 - p)
};

/// out (B, H, T, Dv) = softmax over keys(scale q k^T, masked, plus bias), with dropout, times v.
/// lse (B, H, T) gets the log of each softmax denominator, for the backward pass; null if unwanted.
/// A query that sees no key has output 0 and lse -inf. out must not overlap the inputs.
template <class Real>
void attention(const AttentionShape& shape, Heads<const Real> q, Heads<const Real> k, Heads<const Real> v,
               const AttentionOptions<Real>& options, Heads<Real> out, Real* lse);

/// What attention's backward pass reads: the forward's inputs, options and results, and the output's
/// gradient.
template <class Real>
struct AttentionSaved {
  Heads<const Real> q, k, v, out, dout;
  const Real* lse;  // (B, H, T)
};

/// Overwrites dq, dk, dv with the gradients. If dbias.data is given (zeroed by the caller, with bias's
/// strides) adds the bias's gradient there, summed over broadcast dimensions. Probabilities are computed anew
/// from lse, block by block. A query that sees no key receives and passes on no gradient. Same thread count:
/// same bits.
template <class Real>
void attention_backward(const AttentionShape& shape, const AttentionSaved<Real>& saved,
                        const AttentionOptions<Real>& options, Heads<Real> dq, Heads<Real> dk, Heads<Real> dv,
                        AttentionMask<Real> dbias = {});

/// The weights themselves, (B, H, T, S) contiguous, after dropout: for looking at, not for training.
template <class Real>
void attention_weights(const AttentionShape& shape, Heads<const Real> q, Heads<const Real> k,
                       const AttentionOptions<Real>& options, Real* weights);

}  // namespace heed::kernels

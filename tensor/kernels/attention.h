// Scaled dot-product attention on raw strided arrays: softmax(scale q k^T + mask) v without a (T, S) array.
#pragma once

#include <heed/tensor/kernels/views.h>

namespace heed::kernels {

/// B batch, H heads, T queries, S keys, D width of a query and a key, Dv width of a value. `group` heads of queries
/// read one head of keys and values, of which there are H / group (Ainslie et al. 2023).
/// q, k, v and the output are (B, H, rows) by strides with dense rows behind: they may lie inside one packed (B, T, 3C)
/// array, or be (B, T, H, Dv). Masks are (B, H, T, S) by strides.
struct AttentionShape {
  int64_t B, H, T, S, D, Dv, group = 1;
  int64_t kv_head(int64_t h) const { return h / group; }
};

/// What the scores pass through on their way to weights. Masks combine: a key must be seen through each.
template <class Real>
struct ScoreOptions {
  Real scale = 1;                  // of q k^T
  bool causal = false;             // query i sees the keys j <= i + offset only
  int64_t offset = 0;              // of causal: the keys that came before query 0, as with a cache
  int64_t window = 0;              // of causal: a query sees that many keys at most, the last; 0: all
  Real softcap = 0;                // scores become softcap tanh(score / softcap), before masks; 0: as they are
  Strided<const bool, 4> allowed;  // true: the query may attend to the key
  Strided<const Real, 4> bias;     // added to the scaled scores; -inf hides a key
  const bool* keep = nullptr;      // dropout: (B, H, T, S), false drops the weight
  Real keep_scale = 1;             // of kept weights: 1 / (1 - p)
};

/// out (B, H, T, Dv) = softmax over keys(scale q k^T, masked, plus bias), with dropout, times v.
/// norms (B, H, T, 2) gets what makes weights of each query's scores, exp(score - norms[0]) norms[1]: the largest score
/// and 1 over the sum, for the backward pass; null if unwanted. Their one number, log sum exp, would lose the sum's
/// digits beside a large score, as a mask of -1e9 makes it. A query that sees no key has output 0 and norms[1] = 0. out
/// must not overlap the inputs.
template <class Real>
void attention(const AttentionShape& shape, Strided<const Real, 3> q, Strided<const Real, 3> k,
               Strided<const Real, 3> v, const ScoreOptions<Real>& options, Strided<Real, 3> out, Real* norms);

/// What attention's backward pass reads: the forward's inputs, options and results, and the output's
/// gradient.
template <class Real>
struct AttentionSaved {
  Strided<const Real, 3> q, k, v, out, dout;
  const Real* norms;  // (B, H, T, 2)
};

/// Overwrites dq, dk, dv with the gradients. If dbias.data is given (zeroed by the caller, with bias's
/// strides) adds the bias's gradient there, summed over broadcast dimensions. Probabilities are computed anew
/// from norms, block by block. A query that sees no key receives and passes on no gradient. Same thread count:
/// same bits.
template <class Real>
void attention_backward(const AttentionShape& shape, const AttentionSaved<Real>& saved,
                        const ScoreOptions<Real>& options, Strided<Real, 3> dq, Strided<Real, 3> dk,
                        Strided<Real, 3> dv, Strided<Real, 4> dbias = {});

}  // namespace heed::kernels

// The composed twin of every fused op: the same result from simpler recorded ops. It is the op's specification, the
// oracle of its tests, and what higher derivatives differentiate. Arguments as in ops.h, already checked.
#pragma once

#include <heed/autograd/ops.h>

namespace heed::reference {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
Tensor gelu(const Tensor& x, Gelu form);
Tensor silu(const Tensor& x);
Tensor relu2(const Tensor& x);
Tensor cumprod(const Tensor& x, int64_t axis);
Tensor softmax(const Tensor& x, int64_t axis);
Tensor log_softmax(const Tensor& x, int64_t axis);
/// x less its largest along the axis, if that is finite: softmax is the same, and loses no digits to what all share.
Tensor from_top(const Tensor& x, int64_t axis);
Tensor reduced(const Tensor& losses, Reduction reduction);
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options);
/// positive: the target, or that times what a positive one weighs.
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, const Tensor& positive);
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);
Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps);
/// x (..., S, D) with 0 in the rows that a mask (..., T, S), boolean, hides from every query, so that nothing comes out
/// of them, not even NaN. Without such a mask x itself.
Tensor seen_rows(const Tensor& x, const Tensor& mask);
/// The weights: softmax(q k^T * scale + mask), zeros for a query that may attend to nothing, with dropout's `keep` mask
/// (boolean (..., T, S), or undefined) applied.
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options, const Tensor& keep);
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                                    const Tensor& keep);
Tensor packed_self_attention(const Tensor& qkv, int64_t heads, const AttentionOptions& options, const Tensor& keep);

Tensor recurrent(Cell cell, const Tensor& gates, const Tensor& w_hh, const Tensor& b_hh, const Tensor& h0,
                 const Tensor& c0, const RecurrentSteps& steps);
/// The weights: softmax_s(score . tanh(query + key_s)), zeros for a query that may attend to nothing.
Tensor additive_weights(const Tensor& query, const Tensor& keys, const Tensor& score, const Tensor& mask);
/// Step by step.
Tensor attentive_decoder(Cell cell, const AttentiveInputs& in);

}  // namespace heed::reference

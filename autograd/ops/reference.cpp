#include <heed/autograd/ops/reference.h>

#include <cmath>

namespace heed::reference {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor y = matmul(x, weight.mT());
  return bias.defined() ? y + bias : y;
}

Tensor gelu(const Tensor& x, Gelu form) {
  if (form == Gelu::erf) return x * 0.5 * (1 + erf(x * M_SQRT1_2));
  return x * 0.5 * (1 + tanh((x + x * x * x * 0.044715) * std::sqrt(2 / M_PI)));
}

Tensor softmax(const Tensor& x, int64_t axis) { return exp(reference::log_softmax(x, axis)); }

Tensor log_softmax(const Tensor& x, int64_t axis) { return x - logsumexp(x, axis, true); }

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  const int64_t V = logits.size(-1);
  const Tensor flat = targets.reshape({targets.numel()}).contiguous();
  const Tensor keep = ne(flat, options.ignore_index);
  const double n = keep.sum().item<double>();
  if (n == 0) return (logits * 0).sum();
  const Tensor log_p = reference::log_softmax(logits.reshape({-1, V}), -1);
  const Tensor safe = masked_fill(flat, logical_not(keep), 0);
  const Tensor chosen = gather(log_p, 1, safe.unsqueeze(1)).squeeze(1);
  const double e = options.label_smoothing;
  const Tensor loss = chosen * -(1 - e) + (e > 0 ? log_p.sum(1) * (-e / static_cast<double>(V)) : zeros_like(chosen));
  return masked_fill(loss, logical_not(keep), 0).sum() * (1 / n);
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const Tensor centred = x - x.mean(-1, true);
  Tensor y = centred * rsqrt((centred * centred).mean(-1, true) + eps);
  if (weight.defined()) y = y * weight;
  return bias.defined() ? y + bias : y;
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  const Tensor y = x * rsqrt((x * x).mean(-1, true) + eps);
  return weight.defined() ? y * weight : y;
}

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options, const Tensor& keep) {
  const int64_t T = q.size(-2), S = k.size(-2);
  Tensor scores = matmul(q, k.mT()) * options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  Tensor hidden = zeros({T, S}, boolean);  // true: may not attend
  if (options.causal) hidden = logical_not(tril(ones({T, S}, boolean), options.causal_offset));
  if (options.mask.defined() && options.mask.dtype() == boolean) hidden = logical_or(hidden, logical_not(options.mask));
  if (options.mask.defined() && options.mask.dtype() != boolean) scores = scores + options.mask;
  scores = masked_fill(scores, hidden, -INFINITY);
  // A row of -inf alone: exp(-inf - 0) = 0, where softmax would give NaN.
  const Tensor lse = logsumexp(scores, -1, true);
  Tensor weights = exp(scores - masked_fill(lse, eq(lse, -INFINITY), 0));
  if (keep.defined()) weights = masked_fill(weights, logical_not(keep), 0) * (1 / (1 - options.dropout));
  return weights;
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                                    const Tensor& keep) {
  return matmul(attention_weights(q, k, options, keep), v);
}

Tensor packed_self_attention(const Tensor& qkv, int64_t heads, const AttentionOptions& options, const Tensor& keep) {
  const int64_t B = qkv.size(0), T = qkv.size(1), C = qkv.size(2) / 3;
  const auto part = [&](int64_t i) {
    return qkv.narrow(2, i * C, C).reshape({B, T, heads, C / heads}).transpose(1, 2);
  };
  return reference::scaled_dot_product_attention(part(0), part(1), part(2), options, keep)
      .transpose(1, 2)
      .reshape({B, T, C});
}

}  // namespace heed::reference

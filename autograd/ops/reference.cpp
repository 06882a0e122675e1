#include <heed/autograd/ops/reference.h>

#include <cmath>

#include <heed/autograd/ops/arguments.h>

namespace heed::reference {

using autograd::times;

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor y = matmul(x, weight.mT());
  return bias.defined() ? y + bias : y;
}

Tensor gelu(const Tensor& x, Gelu form) {
  if (form == Gelu::erf) return x * 0.5 * (1 + erf(x * M_SQRT1_2));
  return x * sigmoid((x + x * x * x * 0.044715) * (2 * std::sqrt(2 / M_PI)));  // (1 + tanh u) / 2 = sigmoid(2 u)
}

Tensor silu(const Tensor& x) { return x * sigmoid(x); }

Tensor relu2(const Tensor& x) { return relu(x) * relu(x); }

Tensor softmax(const Tensor& x, int64_t axis) { return exp(reference::log_softmax(x, axis)); }

Tensor log_softmax(const Tensor& x, int64_t axis) {
  const Tensor s = from_top(x, axis);
  return s - logsumexp(s, axis, true);
}

Tensor from_top(const Tensor& x, int64_t axis) {
  if (x.numel() == 0) return x;
  const Tensor top = x.detach().max(axis, true);
  return x - masked_fill(top, logical_not(isfinite(top)), 0);
}

Tensor cumprod(const Tensor& x, int64_t axis) {
  // Of the last `done` elements up to each.
  Tensor y = x.to(f64);
  for (int64_t done = 1, n = x.size(axis); done < n; done *= 2)
    y = cat({y.narrow(axis, 0, done), y.narrow(axis, done, n - done) * y.narrow(axis, 0, n - done)}, axis);
  return y.to(x.dtype());
}

Tensor reduced(const Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::none: return losses;
    case Reduction::sum: return losses.sum();
    case Reduction::batch_mean: return losses.sum() / losses.size(0);
    default: return losses.mean();
  }
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  const auto& [weight, ignore_index, reduction, e] = options;
  const double V = static_cast<double>(logits.size(-1));
  const Tensor log_p = reference::log_softmax(logits, -1);
  if (is_floating(targets.dtype())) {
    const Tensor smoothed = targets * (1 - e) + e / V;
    return reduced(-times(weight.defined() ? smoothed * weight : smoothed, log_p).sum(-1), reduction);
  }
  const Tensor chosen = nll_loss(log_p, targets, {weight, ignore_index, reduction});
  if (e == 0) return chosen;
  // The share e / V of every class: as if each in turn were the target, divided by the same number of rows.
  const Tensor skipped = eq(targets, ignore_index);
  const Tensor all = -(weight.defined() ? times(weight, log_p) : log_p).sum(-1), losses = masked_fill(all, skipped, 0);
  if (reduction != Reduction::mean) return chosen * (1 - e) + reduced(losses, reduction) * (e / V);
  const double rows =
      weight.defined()
          ? -nll_loss(weight.expand(log_p.shape()).detach(), targets, {{}, ignore_index, Reduction::sum}).item<double>()
          : static_cast<double>(targets.numel() - skipped.sum().item<int64_t>());
  return chosen * (1 - e) + losses.sum() * (rows == 0 ? 0 : e / V / rows);
}

Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, const Tensor& positive) {
  // -log s = log(1 + e^-x) and -log(1 - s) = log(1 + e^x), neither of which cancels where the other is large.
  return times(positive, softplus(-x)) + times(1 - target, softplus(x));
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

Tensor seen_rows(const Tensor& x, const Tensor& mask) {
  if (!mask.defined() || mask.dtype() != boolean) return x;
  return masked_fill(x, logical_not(mask.rank() > 1 ? mask.any(-2) : mask).unsqueeze(-1), 0);
}

namespace {

/// k or v with a head for each of q's: of grouped queries, each repeated.
Tensor heads_for(const Tensor& q, const Tensor& k) {
  if (q.rank() < 4 || q.size(-3) <= k.size(-3) || k.size(-3) <= 1) return k;
  Shape shape = k.unsqueeze(-3).shape();
  shape[shape.rank() - 3] = q.size(-3) / k.size(-3);
  return k.unsqueeze(-3).expand(shape).flatten(-4, -3);
}

}  // namespace

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options, const Tensor& keep) {
  const int64_t T = q.size(-2), S = k.size(-2), c = options.causal_offset;
  Tensor scores = matmul(q, seen_rows(heads_for(q, k), options.mask).mT()) *
                  options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  Tensor hidden = zeros({T, S}, boolean);  // true: may not attend
  if (options.causal) hidden = logical_not(tril(ones({T, S}, boolean), c));
  if (options.window)
    hidden = logical_or(hidden, tril(ones({T, S}, boolean), c - std::min(*options.window, kFarthestKey)));
  if (options.softcap > 0) scores = tanh(scores / options.softcap) * options.softcap;
  if (options.mask.defined() && options.mask.dtype() == boolean) hidden = logical_or(hidden, logical_not(options.mask));
  if (options.mask.defined() && options.mask.dtype() != boolean) scores = scores + options.mask;
  scores = from_top(masked_fill(scores, hidden, -INFINITY), -1);
  // A row of -inf alone: exp(-inf - 0) = 0, where softmax would give NaN.
  const Tensor lse = logsumexp(scores, -1, true);
  Tensor weights = exp(scores - masked_fill(lse, eq(lse, -INFINITY), 0));
  if (keep.defined()) weights = masked_fill(weights, logical_not(keep), 0) * (1 / (1 - options.dropout));
  return weights;
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                                    const Tensor& keep) {
  return matmul(attention_weights(q, k, options, keep), seen_rows(heads_for(q, v), options.mask));
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

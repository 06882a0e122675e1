// Losses: cross_entropy over its kernel, the others from simpler ops.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/cross_entropy.h>

namespace heed {

using namespace autograd;
using kernels::contiguous;

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options, Loc loc) {
  const Op op{"cross_entropy", loc};
  check_floating(op, logits, "logits");
  check_dtype(op, targets, i64, "targets");
  check_rank_at_least(op, logits, 1, "logits");
  const Rows rows(logits);
  Shape expected = logits.shape();
  expected.erase(expected.rank() - 1);
  if (!(targets.shape() == expected))
    fail<ShapeError>(op, "targets have shape {} and logits {}; need targets of shape {}", targets.shape(),
                     logits.shape(), expected);
  if (!(options.label_smoothing >= 0 && options.label_smoothing < 1))
    fail<ValueError>(op, "label_smoothing {}; need 0 <= label_smoothing < 1", options.label_smoothing);

  const Tensor x = contiguous(logits), t = contiguous(targets);
  int64_t kept = 0;
  for (int64_t i = 0; i < rows.count; ++i) {
    const int64_t target = t.data<int64_t>()[i];
    if (target == options.ignore_index) continue;
    if (target < 0 || target >= rows.size)
      fail<IndexError>(op, "target {} at {} is out of range; need 0 <= target < {}, or {} to skip", target, i,
                       rows.size, options.ignore_index);
    ++kept;
  }
  const kernels::CrossEntropy shape{rows.count, rows.size, options.ignore_index, options.label_smoothing};
  const Tensor losses = empty({rows.count}, x.dtype()), lse = empty({rows.count}, f64);
  Tensor y = zeros({}, x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() {
    kernels::cross_entropy(shape, x.data<T>(), t.data<int64_t>(), losses.mutable_data<T>(), lse.mutable_data<double>());
    double total = 0;
    for (int64_t i = 0; i < rows.count; ++i) total += static_cast<double>(losses.data<T>()[i]);
    if (kept > 0) *y.mutable_data<T>() = static_cast<T>(total / static_cast<double>(kept));
  });
  return fused(
      op, y, {logits},
      [x, t, lse, shape, kept](const Tensor& g, Needs) -> Gradients {
        const Tensor dx = empty_like(x);
        dispatch_floating(x.dtype(), [&]<class T>() {
          const double scale = kept > 0 ? g.item<double>() / static_cast<double>(kept) : 0.0;
          kernels::cross_entropy_backward(shape, x.data<T>(), t.data<int64_t>(), lse.data<double>(),
                                          static_cast<T>(scale), dx.mutable_data<T>());
        });
        return {dx};
      },
      [targets, options](Inputs in) { return reference::cross_entropy(in[0], targets, options); });
}

Tensor nll_loss(const Tensor& log_p, const Tensor& targets, int64_t ignore_index, Loc loc) {
  const Op op{"nll_loss", loc};
  check_floating(op, log_p, "log_probabilities");
  check_dtype(op, targets, i64, "targets");
  check_rank_at_least(op, log_p, 1, "log_probabilities");
  Shape expected = log_p.shape();
  expected.erase(expected.rank() - 1);
  if (!(targets.shape() == expected))
    fail<ShapeError>(op, "targets have shape {} and log_probabilities {}; need targets of shape {}", targets.shape(),
                     log_p.shape(), expected);
  const Tensor skipped = eq(targets, static_cast<double>(ignore_index));
  const Tensor index = masked_fill(targets, skipped, 0);
  const int64_t V = log_p.size(-1);
  for (const int64_t t : index.to_vector<int64_t>())
    if (t < 0 || t >= V)
      fail<IndexError>(op, "target {} is out of range; need 0 <= target < {}, or {} to skip", t, V, ignore_index);
  const int64_t kept = targets.numel() - skipped.sum().item<int64_t>();
  const Tensor chosen = gather(log_p, -1, index.unsqueeze(-1), loc).squeeze(-1);
  return masked_fill(chosen, skipped, 0).sum() * (kept > 0 ? -1 / static_cast<double>(kept) : 0.0);
}

Tensor mse_loss(const Tensor& x, const Tensor& target, Loc loc) {
  const Op op{"mse_loss", loc};
  check_same_dtype(op, x, target);
  check_floating(op, x);
  check_same_shape(op, x, target);
  const Tensor d = sub(x, target, loc);
  return (d * d).mean();
}

Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, Loc loc) {
  const Op op{"binary_cross_entropy_with_logits", loc};
  check_same_dtype(op, x, target);
  check_floating(op, x);
  check_same_shape(op, x, target);
  // -t log s - (1 - t) log(1 - s) = log(1 + e^x) - t x
  return (softplus(x, loc) - x * target).mean();
}

}  // namespace heed

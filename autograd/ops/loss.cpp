// Losses: cross_entropy over its kernel, the others from simpler ops.
#include <algorithm>
#include <cmath>

#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/autograd/ops/slope.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/elementwise.h>
#include <heed/tensor/kernels/softmax.h>
#include <heed/tensor/kernels/unary.h>

namespace heed {

using namespace autograd;
using kernels::contiguous;

namespace {

Tensor reduced(const Op& op, const Tensor& losses, Reduction reduction) {
  if (reduction == Reduction::batch_mean) check_rank_at_least(op, losses, 1, "the input of batch_mean");
  return reference::reduced(losses, reduction);
}

void check_pair(const Op& op, const Tensor& x, const Tensor& target) {
  check_same_dtype(op, x, target);
  check_floating(op, x);
  check_same_shape(op, x, target);
}

/// A class for each row of x (..., V).
void check_targets(const Op& op, const Tensor& targets, const Tensor& x, const char* name) {
  check_dtype(op, targets, i64, "targets");
  const Shape expected = leading(x.shape(), 1);
  if (!(targets.shape() == expected))
    fail<ShapeError>(op, "targets have shape {} and {} {}; need targets of shape {}: classes lie along the last axis",
                     targets.shape(), name, x.shape(), expected);
}

void check_weight(const Op& op, const Tensor& weight, const char* name, const Tensor& x) {
  if (!weight.defined()) return;
  check_same_dtype(op, x, weight);
  if (!(broadcast_shapes(op, x.shape(), weight.shape()) == x.shape()))
    fail<ShapeError>(op, "{} has shape {}; need one that broadcasts to {}", name, weight.shape(), x.shape());
}

Tensor log_at_least_minus_100(const Tensor& x) { return clamp(log(x), -100, INFINITY); }

/// r^2 / 2 of a difference r within delta, delta (|r| - delta / 2) beyond; over `unit`.
Tensor huber(const Op& op, const Tensor& x, const Tensor& target, double delta, double unit) {
  const auto loss = [=](auto u, auto t) {
    using T = decltype(u);
    const T r = u - t, c = std::clamp(r, T(-delta), T(delta));
    return c / T(unit) * (r - c / 2);
  };
  const auto gradient = [=](const Tensor& from, const Tensor& to) {
    const auto slope = [=](auto r) {
      return std::clamp(r, decltype(r)(-delta), decltype(r)(delta)) / decltype(r)(unit);
    };
    const auto bend = [=](const Tensor& r) { return le(abs(r), delta).to(r.dtype()) / unit; };
    return [=](const Tensor& g) { return times_slope(g, from - to, slope, bend); };
  };
  return record(op, kernels::map2(x, target, loss), {{x, gradient(x, target)}, {target, gradient(target, x)}});
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options, Loc loc) {
  const Op op{"cross_entropy", loc};
  check_floating(op, logits, "logits");
  check_defined(op, targets, "targets");
  check_rank_at_least(op, logits, options.reduction == Reduction::batch_mean ? 2 : 1, "logits");
  if (!(options.label_smoothing >= 0 && options.label_smoothing < 1))
    fail<ValueError>(op, "label_smoothing {}; need 0 <= label_smoothing < 1", options.label_smoothing);
  check_class_weight(op, options.weight, logits);
  if (is_floating(targets.dtype())) {
    if (!(logits.shape() == targets.shape()))
      fail<ShapeError>(op,
                       "targets are {} {} and logits {}; need i64 class indices, or probabilities of the logits' shape",
                       name_of(targets.dtype()), targets.shape(), logits.shape());
    check_same_dtype(op, logits, targets);
    if (options.ignore_index >= 0)
      fail<ValueError>(op, "ignore_index {} beside probabilities; need class indices, or the default {}",
                       options.ignore_index, kIgnoreIndex);
    return reference::cross_entropy(logits, targets, options);
  }
  check_targets(op, targets, logits, "logits");
  const Rows rows(logits);

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
  if (options.weight.defined() || options.reduction != Reduction::mean)
    return reference::cross_entropy(logits, targets, options);
  const kernels::CrossEntropy shape{rows.count, rows.size, options.ignore_index, options.label_smoothing};
  Tensor losses = empty({rows.count}, x.dtype()), norms = empty({rows.count, 2}, f64);
  Tensor y = zeros({}, x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() {
    kernels::cross_entropy(shape, x.data<T>(), t.data<int64_t>(), losses.mutable_data<T>(),
                           norms.mutable_data<double>());
    double total = 0;
    for (int64_t i = 0; i < rows.count; ++i) total += static_cast<double>(losses.data<T>()[i]);
    if (kept > 0) *y.mutable_data<T>() = static_cast<T>(total / static_cast<double>(kept));
  });
  return fused(
      op, y, {logits},
      [x, t, norms, shape, kept](const Tensor& g, Needs) -> Gradients {
        Tensor dx = empty_like(x);
        dispatch_floating(x.dtype(), [&]<class T>() {
          const double scale = kept > 0 ? g.item<double>() / static_cast<double>(kept) : 0.0;
          kernels::cross_entropy_backward(shape, x.data<T>(), t.data<int64_t>(), norms.data<double>(),
                                          static_cast<T>(scale), dx.mutable_data<T>());
        });
        return {dx};
      },
      [targets, options](Inputs in) { return reference::cross_entropy(in[0], targets, options); });
}

Tensor nll_loss(const Tensor& log_p, const Tensor& targets, const NllLossOptions& options, Loc loc) {
  const Op op{"nll_loss", loc};
  check_floating(op, log_p, "log_probabilities");
  check_rank_at_least(op, log_p, 1, "log_probabilities");
  check_targets(op, targets, log_p, "log_probabilities");
  check_class_weight(op, options.weight, log_p);
  const Tensor skipped = eq(targets, options.ignore_index);
  const Tensor index = masked_fill(targets, skipped, 0);
  const int64_t V = log_p.size(-1);
  for (const int64_t t : index.to_vector<int64_t>())
    if (t < 0 || t >= V)
      fail<IndexError>(op, "target {} is out of range; need 0 <= target < {}, or {} to skip", t, V,
                       options.ignore_index);
  const auto of_target = [&](const Tensor& x) {
    return masked_fill(gather(x, -1, index.unsqueeze(-1)).squeeze(-1), skipped, 0);
  };
  const Tensor weight = options.weight.defined() ? of_target(options.weight.detach().expand(log_p.shape())) : Tensor();
  const Tensor chosen = of_target(log_p), losses = -(weight.defined() ? times(weight, chosen) : chosen);
  if (options.reduction != Reduction::mean) return reduced(op, losses, options.reduction);
  const double total = weight.defined() ? weight.sum().item<double>()
                                        : static_cast<double>(targets.numel() - skipped.sum().item<int64_t>());
  return losses.sum() * (total == 0 ? 0.0 : 1 / total);
}

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction, Loc loc) {
  const Op op{"mse_loss", loc};
  check_pair(op, x, target);
  const auto square = [](auto u, auto t) { return (u - t) * (u - t); };
  const auto gradient = [](const Tensor& from, const Tensor& to) {
    return [=](const Tensor& g) {
      return times_slope(
          g, from - to, [](auto r) { return r * 2; }, [](const Tensor& r) { return full_like(r, 2); });
    };
  };
  const Tensor losses =
      record(op, kernels::map2(x, target, square), {{x, gradient(x, target)}, {target, gradient(target, x)}});
  return reduced(op, losses, reduction);
}

Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction, Loc loc) {
  const Op op{"l1_loss", loc};
  check_pair(op, x, target);
  return reduced(op, abs(x - target), reduction);
}

Tensor huber_loss(const Tensor& x, const Tensor& target, Reduction reduction, double delta, Loc loc) {
  const Op op{"huber_loss", loc};
  check_pair(op, x, target);
  if (!(delta > 0)) fail<ValueError>(op, "delta is {}; need a number above 0", delta);
  return reduced(op, huber(op, x, target, delta, 1), reduction);
}

Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, Reduction reduction, double beta, Loc loc) {
  const Op op{"smooth_l1_loss", loc};
  if (!(beta >= 0)) fail<ValueError>(op, "beta is {}; need a number of at least 0", beta);
  if (beta == 0) return l1_loss(x, target, reduction);
  check_pair(op, x, target);
  return reduced(op, huber(op, x, target, beta, beta), reduction);
}

Tensor kl_div(const Tensor& log_q, const Tensor& p, Reduction reduction, bool log_target, Loc loc) {
  const Op op{"kl_div", loc};
  check_pair(op, log_q, p);
  if (log_target) return reduced(op, times(exp(p), p - log_q), reduction);
  return reduced(op, times(p, log(masked_fill(p, eq(p, 0), 1)) - log_q), reduction);
}

Tensor binary_cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight, Reduction reduction, Loc loc) {
  const Op op{"binary_cross_entropy", loc};
  check_pair(op, x, target);
  check_weight(op, weight, "weight", x);
  if (!logical_and(ge(x, 0), le(x, 1)).all().item<bool>())
    fail<ValueError>(op, "a probability outside [0, 1] in x; need probabilities, or binary_cross_entropy_with_logits");
  const auto loss = [](auto u, auto t) {
    using T = decltype(u);
    return -t * std::max(std::log(u), T(-100)) - (1 - t) * std::max(std::log1p(-u), T(-100));
  };
  const Tensor losses = record(
      op, kernels::map2(x, target, loss),
      {{x, [x, target](const Tensor& g) { return g * (x - target) / maximum(x * (1 - x), 1e-12); }},
       {target, [x](const Tensor& g) { return g * (log_at_least_minus_100(1 - x) - log_at_least_minus_100(x)); }}});
  return reduced(op, weight.defined() ? times(weight, losses) : losses, reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, const BinaryCrossEntropyOptions& options,
                                        Loc loc) {
  const Op op{"binary_cross_entropy_with_logits", loc};
  const auto& [weight, reduction, pos_weight] = options;
  check_pair(op, x, target);
  check_weight(op, weight, "weight", x);
  check_weight(op, pos_weight, "pos_weight", x);
  const Tensor positive = pos_weight.defined() ? pos_weight * target : target;
  const auto run = [v = contiguous(x), t = contiguous(target), p = contiguous(positive)](const Tensor& g, Tensor y) {
    dispatch_floating(y.dtype(), [&]<class T>() {
      kernels::binary_cross_entropy(v.data<T>(), t.data<T>(), p.data<T>(), data_or_null<T>(g), y.mutable_data<T>(),
                                    y.numel());
    });
    return y;
  };
  const Tensor losses = fused(
      op, run({}, empty(x.shape(), x.dtype())), {x, target, positive},
      [run, v = x.detach()](const Tensor& g, Needs needs) -> Gradients {
        const Tensor dt = needs[1] ? -times(g, softplus(v)) : Tensor();
        const Tensor dp = needs[2] ? times(g, softplus(-v)) : Tensor();
        const Tensor room = needs[0] ? room_for_gradient(g) : Tensor();
        return {needs[0] ? run(contiguous(g), room) : Tensor(), dt, dp};
      },
      [](Inputs in) { return reference::binary_cross_entropy_with_logits(in[0], in[1], in[2]); });
  return reduced(op, weight.defined() ? times(weight, losses) : losses, reduction);
}

}  // namespace heed

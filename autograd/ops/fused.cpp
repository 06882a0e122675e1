// Ops whose forward and backward are kernels; each names its composed twin.
#include <cmath>

#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/cross_entropy.h>
#include <heed/tensor/kernels/fused.h>
#include <heed/tensor/kernels/norm.h>
#include <heed/tensor/kernels/softmax.h>
#include <heed/tensor/kernels/unary.h>
#include <heed/tensor/random.h>

namespace heed {

using namespace autograd;
using kernels::contiguous;

namespace {

/// x as rows of its last axis: how many, and how long.
struct Rows {
  int64_t count, size;
  explicit Rows(const Tensor& x) : count(1), size(x.rank() ? x.shape().back() : 1) {
    for (int i = 0; i + 1 < x.rank(); ++i) count *= x.shape()[i];
  }
};

template <class T>
const T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}
template <class T>
T* mutable_or_null(const Tensor& x) {
  return x.defined() ? x.mutable_data<T>() : nullptr;
}

/// An optional (C) parameter of a norm: contiguous, or undefined.
Tensor check_scale(const Op& op, const Tensor& x, const Tensor& p, const char* name) {
  if (!p.defined()) return {};
  check_same_dtype(op, x, p);
  if (!(p.shape() == Shape{x.size(-1)}))
    fail<ShapeError>(op, "the {} has shape {}; need ({}), the input's last axis", name, p.shape(), x.size(-1));
  return contiguous(p);
}

using RowKernel32 = void (*)(const float*, float*, int64_t, int64_t);
using RowKernel64 = void (*)(const double*, double*, int64_t, int64_t);
using RowBackward32 = void (*)(const float*, const float*, float*, int64_t, int64_t);
using RowBackward64 = void (*)(const double*, const double*, double*, int64_t, int64_t);

/// softmax or log_softmax along any axis: kernels see it as the last.
Tensor along_rows(const Op& op, const Tensor& x0, int64_t axis0, RowKernel32 f, RowKernel64 d, RowBackward32 fb,
                  RowBackward64 db, Twin twin) {
  check_floating(op, x0);
  const int axis = normalize_axis(op, axis0, x0.rank());
  if (axis != x0.rank() - 1) {
    const Tensor turned = x0.transpose(axis, -1, op.where);
    return along_rows(op, turned, -1, f, d, fb, db, std::move(twin)).transpose(axis, -1, op.where);
  }
  const Tensor x = contiguous(x0);
  const Rows rows(x);
  const Tensor y = empty_like(x);
  if (x.dtype() == f64) d(x.data<double>(), y.mutable_data<double>(), rows.count, rows.size);
  else f(x.data<float>(), y.mutable_data<float>(), rows.count, rows.size);
  return fused(
      op, y, {x0},
      [y, rows, fb, db](const Tensor& g0, Needs) -> Gradients {
        const Tensor dx = room_for_gradient(g0), g = contiguous(g0);
        if (y.dtype() == f64) db(g.data<double>(), y.data<double>(), dx.mutable_data<double>(), rows.count, rows.size);
        else fb(g.data<float>(), y.data<float>(), dx.mutable_data<float>(), rows.count, rows.size);
        return {dx};
      },
      std::move(twin));
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t axis, Loc loc) {
  return along_rows({"softmax", loc}, x, axis, kernels::softmax<float>, kernels::softmax<double>,
                    kernels::softmax_backward<float>, kernels::softmax_backward<double>,
                    [](Inputs in) { return reference::softmax(in[0], -1); });
}

Tensor log_softmax(const Tensor& x, int64_t axis, Loc loc) {
  return along_rows({"log_softmax", loc}, x, axis, kernels::log_softmax<float>, kernels::log_softmax<double>,
                    kernels::log_softmax_backward<float>, kernels::log_softmax_backward<double>,
                    [](Inputs in) { return reference::log_softmax(in[0], -1); });
}

Tensor gelu(const Tensor& x0, Gelu form, Loc loc) {
  const Op op{"gelu", loc};
  check_floating(op, x0);
  const Tensor x = contiguous(x0);
  const auto forward = [x, form] {
    const Tensor y = empty_like(x);
    dispatch_floating(x.dtype(), [&]<class T>() {
      (form == Gelu::erf ? kernels::gelu<T> : kernels::gelu_tanh<T>)(x.data<T>(), y.mutable_data<T>(), x.numel());
    });
    return y;
  };
  return fused(
      op, forward(), {x0},
      [x, form](const Tensor& g0, Needs) -> Gradients {
        const Tensor dx = room_for_gradient(g0), g = contiguous(g0);
        dispatch_floating(x.dtype(), [&]<class T>() {
          const auto backward = form == Gelu::erf ? kernels::gelu_backward<T> : kernels::gelu_tanh_backward<T>;
          backward(g.data<T>(), x.data<T>(), dx.mutable_data<T>(), x.numel());
        });
        return {dx};
      },
      [form](Inputs in) { return reference::gelu(in[0], form); }, forward);
}

Tensor layer_norm(const Tensor& x0, const Tensor& weight, const Tensor& bias, double eps, Loc loc) {
  const Op op{"layer_norm", loc};
  check_floating(op, x0);
  check_rank_at_least(op, x0, 1);
  const Tensor x = contiguous(x0), w = check_scale(op, x0, weight, "weight"), b = check_scale(op, x0, bias, "bias"),
               y = empty_like(x);
  const Rows rows(x);
  const Tensor mean = empty({rows.count}, x.dtype()), rstd = empty({rows.count}, x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() {
    kernels::layer_norm(x.data<T>(), data_or_null<T>(w), data_or_null<T>(b), eps, y.mutable_data<T>(),
                        mean.mutable_data<T>(), rstd.mutable_data<T>(), rows.count, rows.size);
  });
  return fused(
      op, y, {x0, weight, bias},
      [x, w, mean, rstd, rows](const Tensor& g0, Needs needs) -> Gradients {
        const Tensor dx = room_for_gradient(g0), g = contiguous(g0);
        const Tensor dw = needs[1] ? empty({rows.size}, x.dtype()) : Tensor(),
                     db = needs[2] ? empty({rows.size}, x.dtype()) : Tensor();
        dispatch_floating(x.dtype(), [&]<class T>() {
          kernels::layer_norm_backward(g.data<T>(), x.data<T>(), data_or_null<T>(w), mean.data<T>(), rstd.data<T>(),
                                       dx.mutable_data<T>(), mutable_or_null<T>(dw), mutable_or_null<T>(db), rows.count,
                                       rows.size);
        });
        return {dx, dw, db};
      },
      [eps](Inputs in) { return reference::layer_norm(in[0], in[1], in[2], eps); });
}

Tensor rms_norm(const Tensor& x0, const Tensor& weight, double eps, Loc loc) {
  const Op op{"rms_norm", loc};
  check_floating(op, x0);
  check_rank_at_least(op, x0, 1);
  const Tensor x = contiguous(x0), w = check_scale(op, x0, weight, "weight"), y = empty_like(x);
  const Rows rows(x);
  const Tensor rrms = empty({rows.count}, x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() {
    kernels::rms_norm(x.data<T>(), data_or_null<T>(w), eps, y.mutable_data<T>(), rrms.mutable_data<T>(), rows.count,
                      rows.size);
  });
  return fused(
      op, y, {x0, weight},
      [x, w, rrms, rows](const Tensor& g0, Needs needs) -> Gradients {
        const Tensor dx = room_for_gradient(g0), g = contiguous(g0),
                     dw = needs[1] ? empty({rows.size}, x.dtype()) : Tensor();
        dispatch_floating(x.dtype(), [&]<class T>() {
          kernels::rms_norm_backward(g.data<T>(), x.data<T>(), data_or_null<T>(w), rrms.data<T>(), dx.mutable_data<T>(),
                                     mutable_or_null<T>(dw), rows.count, rows.size);
        });
        return {dx, dw};
      },
      [eps](Inputs in) { return reference::rms_norm(in[0], in[1], eps); });
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options, Loc loc) {
  const Op op{"cross_entropy", loc};
  check_floating(op, logits, "logits");
  check_defined(op, targets, "targets");
  check_rank_at_least(op, logits, 1, "logits");
  if (!(options.label_smoothing >= 0 && options.label_smoothing < 1))
    fail<ValueError>(op, "label_smoothing {}; need 0 <= label_smoothing < 1", options.label_smoothing);
  check_class_weight(op, options.weight, logits);
  if (is_floating(targets.dtype())) {
    check_same_dtype(op, logits, targets);
    check_same_shape(op, logits, targets);
    if (options.ignore_index >= 0)
      fail<ValueError>(op, "ignore_index {} beside probabilities; need class indices, or the default {}",
                       options.ignore_index, kIgnoreIndex);
    return reference::cross_entropy(logits, targets, options);
  }
  check_dtype(op, targets, i64, "targets");
  const Rows rows(logits);
  Shape expected = logits.shape();
  expected.erase(expected.rank() - 1);
  if (!(targets.shape() == expected))
    fail<ShapeError>(op, "targets have shape {} and logits {}; need targets of shape {}", targets.shape(),
                     logits.shape(), expected);

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

// --- dropout ------------------------------------------------------------------------------------------------------------------

namespace {

/// x * scale where keep holds, else 0: dropout with its draw made, and its own gradient.
Tensor keep_scaled(const Op& op, const Tensor& x0, const Tensor& keep, double scale) {
  const Tensor x = contiguous(x0), y = empty_like(x);
  dispatch_floating(x.dtype(), [&]<class T>() {
    kernels::dropout(x.data<T>(), keep.data<bool>(), static_cast<T>(scale), y.mutable_data<T>(), x.numel());
  });
  return record(op, y, {{x0, [op, keep, scale](const Tensor& g) { return keep_scaled(op, g, keep, scale); }}});
}

}  // namespace

Tensor dropout(const Tensor& x, double p, Rng& rng, Loc loc) {
  const Op op{"dropout", loc};
  check_floating(op, x);
  if (!(p >= 0 && p <= 1)) fail<ValueError>(op, "probability {}; need 0 <= p <= 1", p);
  if (p == 0) return x;
  if (p == 1) return mul(x, 0, loc);
  const Tensor keep = empty(x.shape(), boolean);
  rng.bernoulli(keep.mutable_data<bool>(), x.numel(), 1 - p);
  return keep_scaled(op, x, keep, 1 / (1 - p));
}

}  // namespace heed

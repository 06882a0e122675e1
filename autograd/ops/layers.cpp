// Activations of MLPs, dropout, softmax and the norms: kernels, each with its composed twin where it is fused.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/norm.h>
#include <heed/tensor/kernels/softmax.h>
#include <heed/tensor/kernels/unary.h>
#include <heed/tensor/random.h>

namespace heed {

using namespace autograd;
using kernels::contiguous;

namespace {

/// The op of an activation f whose forward, made again in backward, and gradient are one pass each.
Tensor activation(const Op& op, kernels::Unary f, const Tensor& x0, Twin twin) {
  check_floating(op, x0);
  const Tensor x = contiguous(x0);
  const auto forward = [x, f] {
    Tensor y = empty_like(x);
    dispatch_floating(x.dtype(), [&]<class T>() { kernels::unary(f, x.data<T>(), y.mutable_data<T>(), x.numel()); });
    return y;
  };
  return fused(
      op, forward(), {x0},
      [x, f](const Tensor& g0, Needs) -> Gradients {
        Tensor dx = room_for_gradient(g0);
        const Tensor g = contiguous(g0);
        dispatch_floating(x.dtype(), [&]<class T>() {
          kernels::unary_backward(f, g.data<T>(), x.data<T>(), dx.mutable_data<T>(), x.numel());
        });
        return {dx};
      },
      std::move(twin), forward);
}

}  // namespace

Tensor gelu(const Tensor& x, Gelu form, Loc loc) {
  return activation({"gelu", loc}, form == Gelu::erf ? kernels::Unary::gelu : kernels::Unary::gelu_tanh, x,
                    [form](Inputs in) { return reference::gelu(in[0], form); });
}

Tensor silu(const Tensor& x, Loc loc) {
  return activation({"silu", loc}, kernels::Unary::silu, x, [](Inputs in) { return reference::silu(in[0]); });
}

Tensor relu2(const Tensor& x, Loc loc) {
  return activation({"relu2", loc}, kernels::Unary::relu2, x, [](Inputs in) { return reference::relu2(in[0]); });
}

namespace {

/// x * scale where keep holds, else 0: dropout with its draw made, and its own gradient.
Tensor keep_scaled(const Op& op, const Tensor& x0, const Tensor& keep, double scale) {
  const Tensor x = contiguous(x0);
  Tensor y = empty_like(x);
  dispatch_floating(x.dtype(), [&]<class T>() {
    kernels::dropout(x.data<T>(), keep.data<bool>(), static_cast<T>(scale), y.mutable_data<T>(), x.numel());
  });
  return record(op, y, {{x0, [keep, scale](const Tensor& g) { return keep_scaled({"dropout"}, g, keep, scale); }}});
}

}  // namespace

Tensor dropout(const Tensor& x, double p, Rng& rng, Loc loc) {
  const Op op{"dropout", loc};
  check_floating(op, x);
  if (!(p >= 0 && p <= 1)) fail<ValueError>(op, "probability {}; need 0 <= p <= 1", p);
  if (p == 0) return x;
  if (p == 1) return keep_scaled(op, x, zeros(x.shape(), boolean), 0);
  Tensor keep = empty(x.shape(), boolean);
  rng.bernoulli(keep.mutable_data<bool>(), x.numel(), 1 - p);
  return keep_scaled(op, x, keep, 1 / (1 - p));
}

namespace {

using kernels::SoftmaxForm;

/// softmax or its logarithm along any axis: kernels see it as the last.
Tensor along_rows(const Op& op, SoftmaxForm form, const Tensor& x0, int64_t axis0, Twin twin) {
  check_floating(op, x0);
  const int axis = axis_of(op, axis0, x0);
  if (axis < x0.rank() - 1)
    return along_rows(op, form, x0.transpose(axis, -1), -1, std::move(twin)).transpose(axis, -1);
  const Tensor x = contiguous(x0);
  const Rows rows(x);
  Tensor y = empty_like(x);
  dispatch_floating(
      x.dtype(), [&]<class T>() { kernels::softmax(form, x.data<T>(), y.mutable_data<T>(), rows.count, rows.size); });
  return fused(
      op, y, {x0},
      [y, rows, form](const Tensor& g0, Needs) -> Gradients {
        Tensor dx = room_for_gradient(g0);
        const Tensor g = contiguous(g0);
        dispatch_floating(y.dtype(), [&]<class T>() {
          kernels::softmax_backward(form, g.data<T>(), y.data<T>(), dx.mutable_data<T>(), rows.count, rows.size);
        });
        return {dx};
      },
      std::move(twin));
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t axis, Loc loc) {
  return along_rows({"softmax", loc}, SoftmaxForm::plain, x, axis,
                    [](Inputs in) { return reference::softmax(in[0], -1); });
}

Tensor log_softmax(const Tensor& x, int64_t axis, Loc loc) {
  return along_rows({"log_softmax", loc}, SoftmaxForm::log, x, axis,
                    [](Inputs in) { return reference::log_softmax(in[0], -1); });
}

namespace {

/// An optional (C) parameter of a norm: contiguous, or undefined.
Tensor check_scale(const Op& op, const Tensor& x, const Tensor& p, const char* name) {
  if (!p.defined()) return {};
  check_same_dtype(op, x, p);
  if (!(p.shape() == Shape{x.size(-1)}))
    fail<ShapeError>(op, "the {} has shape {}; need ({}), the input's last axis", name, p.shape(), x.size(-1));
  return contiguous(p);
}

/// A layer norm or, not centered, an RMS norm.
Tensor norm(const Op& op, const Tensor& x0, const Tensor& weight, const Tensor& bias, double eps, bool centered,
            Twin twin) {
  check_floating(op, x0);
  check_rank_at_least(op, x0, 1);
  const Tensor x = contiguous(x0), w = check_scale(op, x0, weight, "weight"), b = check_scale(op, x0, bias, "bias");
  const Rows rows(x);
  Tensor y = empty_like(x), rstd = empty({rows.count}, x.dtype()), mean = centered ? empty_like(rstd) : Tensor();
  dispatch_floating(x.dtype(), [&]<class T>() {
    kernels::norm(x.data<T>(), data_or_null<T>(w), data_or_null<T>(b), eps, y.mutable_data<T>(),
                  mutable_or_null<T>(mean), rstd.mutable_data<T>(), rows.count, rows.size);
  });
  return fused(
      op, y, {x0, weight, bias},
      [x, w, mean, rstd, rows](const Tensor& g0, Needs needs) -> Gradients {
        Tensor dx = room_for_gradient(g0);
        const Tensor g = contiguous(g0);
        Tensor dw = needs[1] ? empty({rows.size}, x.dtype()) : Tensor(),
               db = needs[2] ? empty({rows.size}, x.dtype()) : Tensor();
        dispatch_floating(x.dtype(), [&]<class T>() {
          kernels::norm_backward(g.data<T>(), x.data<T>(), data_or_null<T>(w), data_or_null<T>(mean), rstd.data<T>(),
                                 dx.mutable_data<T>(), mutable_or_null<T>(dw), mutable_or_null<T>(db), rows.count,
                                 rows.size);
        });
        return {dx, dw, db};
      },
      std::move(twin));
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, Loc loc) {
  return norm({"layer_norm", loc}, x, weight, bias, eps, true,
              [eps](Inputs in) { return reference::layer_norm(in[0], in[1], in[2], eps); });
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps, Loc loc) {
  return norm({"rms_norm", loc}, x, weight, {}, eps, false,
              [eps](Inputs in) { return reference::rms_norm(in[0], in[1], eps); });
}

}  // namespace heed

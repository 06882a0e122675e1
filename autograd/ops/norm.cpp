// layer_norm and rms_norm: kernels over rows, each with its composed twin.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/norm.h>

namespace heed {

using namespace autograd;
using kernels::contiguous;

namespace {

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

}  // namespace

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

}  // namespace heed

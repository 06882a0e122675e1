// softmax and log_softmax: kernels over rows, each with its composed twin.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/softmax.h>

namespace heed {

using namespace autograd;
using kernels::contiguous;

namespace {

using kernels::SoftmaxForm;

/// softmax or its logarithm along any axis: kernels see it as the last.
Tensor along_rows(const Op& op, SoftmaxForm form, const Tensor& x0, int64_t axis0, Twin twin) {
  check_floating(op, x0);
  const int axis = normalize_axis(op, axis0, x0.rank());
  if (axis != x0.rank() - 1) {
    const Tensor turned = x0.transpose(axis, -1, op.where);
    return along_rows(op, form, turned, -1, std::move(twin)).transpose(axis, -1, op.where);
  }
  const Tensor x = contiguous(x0);
  const Rows rows(x);
  const Tensor y = empty_like(x);
  dispatch_floating(
      x.dtype(), [&]<class T>() { kernels::softmax(form, x.data<T>(), y.mutable_data<T>(), rows.count, rows.size); });
  return fused(
      op, y, {x0},
      [y, rows, form](const Tensor& g0, Needs) -> Gradients {
        const Tensor dx = room_for_gradient(g0), g = contiguous(g0);
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

}  // namespace heed

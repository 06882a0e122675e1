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

}  // namespace heed

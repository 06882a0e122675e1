// gelu over its kernels, which remake its output where the graph is kept small.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/unary.h>

namespace heed {

using namespace autograd;
using kernels::contiguous;

Tensor gelu(const Tensor& x0, Gelu form, Loc loc) {
  const Op op{"gelu", loc};
  check_floating(op, x0);
  const Tensor x = contiguous(x0);
  const auto f = form == Gelu::erf ? kernels::Unary::gelu : kernels::Unary::gelu_tanh;
  const auto forward = [x, f] {
    const Tensor y = empty_like(x);
    dispatch_floating(x.dtype(), [&]<class T>() { kernels::unary(f, x.data<T>(), y.mutable_data<T>(), x.numel()); });
    return y;
  };
  return fused(
      op, forward(), {x0},
      [x, f](const Tensor& g0, Needs) -> Gradients {
        const Tensor dx = room_for_gradient(g0), g = contiguous(g0);
        dispatch_floating(x.dtype(), [&]<class T>() {
          kernels::gelu_backward(f, g.data<T>(), x.data<T>(), dx.mutable_data<T>(), x.numel());
        });
        return {dx};
      },
      [form](Inputs in) { return reference::gelu(in[0], form); }, forward);
}

}  // namespace heed

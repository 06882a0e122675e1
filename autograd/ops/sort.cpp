// Orders: each finds indices, and gathers the values by them, which is what their gradients undo.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/kernels/index.h>

namespace heed {

using namespace autograd;

std::pair<Tensor, Tensor> sort(const Tensor& x, int64_t axis, bool descending, Loc loc) {
  const Tensor order = argsort(x, axis, descending, loc);
  return {gather(x, axis, order, loc), order};
}

Tensor argsort(const Tensor& x, int64_t axis0, bool descending, Loc loc) {
  const Op op{"sort", loc};
  check_defined(op, x);
  const int axis = normalize_axis(op, axis0, x.rank());
  return kernels::order(x, axis, x.shape()[axis], descending);
}

std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t axis0, bool largest, Loc loc) {
  const Op op{"topk", loc};
  check_defined(op, x);
  const int axis = normalize_axis(op, axis0, x.rank());
  const int64_t n = x.shape()[axis];
  if (k < 0 || k > n) fail<ValueError>(op, "k {} of axis {} of {}; need 0 <= k <= {}", k, axis, x.shape(), n);
  const Tensor order = kernels::order(x, axis, k, largest);
  return {gather(x, axis, order, loc), order};
}

}  // namespace heed

// Dropout: one draw, the same for the output and its gradient.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/fused.h>
#include <heed/tensor/random.h>

namespace heed {

using namespace autograd;
using kernels::contiguous;

namespace {

/// x * scale where keep holds, else 0: dropout with its draw made, and its own gradient.
Tensor keep_scaled(const Op& op, const Tensor& x0, const Tensor& keep, double scale) {
  const Tensor x = contiguous(x0), y = empty_like(x);
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
  if (p == 1) return mul(x, 0, loc);
  const Tensor keep = empty(x.shape(), boolean);
  rng.bernoulli(keep.mutable_data<bool>(), x.numel(), 1 - p);
  return keep_scaled(op, x, keep, 1 / (1 - p));
}

}  // namespace heed

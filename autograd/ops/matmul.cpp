// Products.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/kernels/unary.h>

namespace heed {

using namespace autograd;

namespace {

void check_inner(const Op& op, const Tensor& a, const Tensor& b) {
  check_same_dtype(op, a, b);
  check_floating(op, a);
  check_rank_at_least(op, a, 1, "the first input");
  check_rank_at_least(op, b, 1, "the second input");
  const int64_t ka = a.shape().back(), kb = b.shape()[std::max(0, b.rank() - 2)];
  if (ka != kb)
    fail<ShapeError>(op, "inner dimensions differ: {} x {}; need a.shape[-1] == b.shape[-2]", a.shape(), b.shape());
}

/// Stacks of matrices with equal leading axes.
Tensor product(const Op& op, const Tensor& a, const Tensor& b) {
  return record(op, kernels::matmul(a, b),
                {{a, [b](const Tensor& g) { return matmul(g, b.mT()); }},
                 {b, [a](const Tensor& g) { return matmul(a.mT(), g); }}});
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, Loc loc) {
  const Op op{"matmul", loc};
  check_inner(op, a, b);
  if (a.rank() == 1) return matmul(a.unsqueeze(0), b).squeeze(b.rank() == 1 ? 0 : -2);
  if (b.rank() == 1) return matmul(a, b.unsqueeze(1)).squeeze(-1);
  if (b.rank() == 2 && a.rank() > 2) {  // one tall product instead of a stack
    const Shape shape = with_matrix(leading(a.shape(), 2), a.size(-2), b.size(1));
    return product(op, a.reshape({leading(a.shape(), 1).numel(), a.size(-1)}), b).reshape(shape);
  }
  const Shape la = leading(a.shape(), 2), lb = leading(b.shape(), 2);
  if (la == lb) return product(op, a, b);
  const Shape batch = broadcast_shapes(op, la, lb, "leading axes");
  return product(op, a.expand(with_matrix(batch, a.size(-2), a.size(-1))),
                 b.expand(with_matrix(batch, b.size(-2), b.size(-1))));
}

Tensor bmm(const Tensor& a, const Tensor& b, Loc loc) {
  const Op op{"bmm", loc};
  check_same_dtype(op, a, b);
  if (a.rank() != 3 || b.rank() != 3 || a.size(0) != b.size(0))
    fail<ShapeError>(op, "shapes {} and {}; need (B, m, k) and (B, k, n)", a.shape(), b.shape());
  check_inner(op, a, b);
  return matmul(a, b);
}

Tensor outer(const Tensor& a, const Tensor& b, Loc loc) {
  const Op op{"outer", loc};
  check_same_dtype(op, a, b);
  if (a.rank() != 1 || b.rank() != 1) fail<ShapeError>(op, "shapes {} and {}; need two vectors", a.shape(), b.shape());
  return a.unsqueeze(1) * b;
}

Tensor linear(const Tensor& x0, const Tensor& weight, const Tensor& bias, Loc loc) {
  const Op op{"linear", loc};
  check_same_dtype(op, x0, weight);
  check_floating(op, x0);
  check_rank_at_least(op, x0, 1);
  if (weight.rank() == 1 && (!bias.defined() || bias.rank() == 0))
    return linear(x0, weight.unsqueeze(0), as_vector(bias)).squeeze(-1);
  if (weight.rank() != 2 || weight.size(1) != x0.size(-1))
    fail<ShapeError>(op, "the weight {} does not fit the input {}; need (out, {})", weight.shape(), x0.shape(),
                     x0.size(-1));
  const int64_t in = weight.size(1), out = weight.size(0);
  if (bias.defined()) {
    check_same_dtype(op, x0, bias);
    if (!(bias.shape() == Shape{out})) fail<ShapeError>(op, "the bias has shape {}; need ({})", bias.shape(), out);
  }
  Shape shape = x0.shape();
  shape[shape.rank() - 1] = out;
  const int64_t rows = shape.numel() / std::max<int64_t>(1, out);
  const Tensor x = kernels::contiguous(x0), w = kernels::contiguous(weight),
               b = bias.defined() ? kernels::contiguous(bias) : bias;
  Tensor y = empty(shape, x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() {
    kernels::gemm<T>(false, true, rows, out, in, x.data<T>(), std::max<int64_t>(1, in), w.data<T>(),
                     std::max<int64_t>(1, in), T(0), y.mutable_data<T>(), std::max<int64_t>(1, out));
    if (b.defined()) kernels::add_bias(y.mutable_data<T>(), b.data<T>(), rows, out);
  });
  const auto backward = [saved = Saved(x0.is_contiguous() ? x0 : x), shape = x.shape(), w, rows, in, out](
                            const Tensor& g0, Needs needs) {
    const Tensor g = kernels::contiguous(g0);
    Gradients d(3);
    dispatch_floating(w.dtype(), [&]<class T>() {
      const int64_t ldx = std::max<int64_t>(1, in), ldg = std::max<int64_t>(1, out);
      if (needs[1]) {  // first, so that an x made anew is gone before dx comes
        const Tensor x_again = saved.get();
        d[1] = empty_like(w);
        kernels::gemm<T>(true, false, out, in, rows, g.data<T>(), ldg, x_again.data<T>(), ldx, T(0),
                         d[1].mutable_data<T>(), ldx);
      }
      if (needs[0]) {
        d[0] = empty(shape, w.dtype());
        kernels::gemm<T>(false, false, rows, in, out, g.data<T>(), ldg, w.data<T>(), ldx, T(0), d[0].mutable_data<T>(),
                         ldx);
      }
      if (needs[2]) {
        d[2] = empty({out}, g.dtype());
        kernels::sum_rows(g.data<T>(), d[2].mutable_data<T>(), rows, out);
      }
    });
    return d;
  };
  return fused(op, y, {x0, weight, bias}, backward, [](Inputs i) { return reference::linear(i[0], i[1], i[2]); });
}

}  // namespace heed

// Additive attention (Bahdanau et al. 2014) over the kernel that keeps no (T, S, A) array.
#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/additive_attention.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/view.h>

namespace heed {

using namespace autograd;

namespace {

using kernels::AdditiveShape;
using kernels::Readable;
using kernels::writable;

AdditiveShape check(const Op& op, const Tensor& query, const Tensor& keys, const Tensor& score, const Tensor& values,
                    const Tensor& mask) {
  check_floating(op, query, "query");
  check_dtype(op, keys, query.dtype(), "keys");
  check_dtype(op, score, query.dtype(), "score");
  check_dtype(op, values, query.dtype(), "values");
  if (query.rank() != 3) fail<ShapeError>(op, "query has shape {}; need (B, T, A)", query.shape());
  if (keys.rank() != 3) fail<ShapeError>(op, "keys have shape {}; need (B, S, A)", keys.shape());
  if (values.rank() != 3) fail<ShapeError>(op, "values have shape {}; need (B, S, D)", values.shape());
  const AdditiveShape shape{query.size(0), query.size(1), keys.size(1), query.size(2), values.size(2)};
  if (keys.size(0) != shape.B || keys.size(2) != shape.A)
    fail<ShapeError>(op, "query {} and keys {} do not fit; need equal B and A", query.shape(), keys.shape());
  if (values.size(0) != shape.B || values.size(1) != shape.S)
    fail<ShapeError>(op, "keys {} and values {} do not fit; need equal B and S", keys.shape(), values.shape());
  if (!(score.shape() == Shape{shape.A})) fail<ShapeError>(op, "score has shape {}; need ({})", score.shape(), shape.A);
  if (mask.defined()) {
    check_dtype(op, mask, boolean, "mask");
    check_mask_fits(op, mask, {shape.B, shape.T, shape.S});
  }
  return shape;
}

/// What forward and backward share.
struct Attention {
  AdditiveShape shape;
  Readable<2> query, keys;
  Tensor score;
  Readable<2> values, mask;
};

}  // namespace

Tensor additive_attention(const Tensor& query, const Tensor& keys, const Tensor& score, const Tensor& values,
                          const Tensor& mask, Loc loc) {
  const Op op{"additive_attention", loc};
  const AdditiveShape shape = check(op, query, keys, score, values, mask);
  const auto [B, T, S, A, D] = shape;
  const Attention a{shape,  query,
                    keys,   kernels::contiguous(score.detach()),
                    values, mask.defined() ? view::expand(op, mask, {B, T, S}) : mask};
  Tensor out = empty({B, T, D}, query.dtype()), weights = empty({B, T, S}, query.dtype());
  dispatch_floating(query.dtype(), [&]<class Real>() {
    kernels::additive_attention<Real>({a.shape, a.query.view<Real>(), a.keys.view<Real>(), a.score.data<Real>(),
                                       a.values.view<Real>(), a.mask.view<bool>(), weights.mutable_data<Real>(),
                                       writable<Real, 2>(out)});
  });

  const auto backward = [a, weights](const Tensor& g, Needs needs) {
    const AdditiveShape& s = a.shape;
    const Readable<2> dcontext(g);
    const auto wanted = [&](size_t input, const Shape& sizes) {
      return needs[input] ? zeros(sizes, g.dtype()) : Tensor();
    };
    const Tensor dquery = empty({s.B, s.T, s.A}, g.dtype());
    Tensor dkeys = wanted(1, {s.B, s.S, s.A}), dscore = wanted(2, {s.A}), dvalues = wanted(3, {s.B, s.S, s.D});
    dispatch_floating(g.dtype(), [&]<class Real>() {
      kernels::additive_attention_backward<Real>({a.shape,
                                                  a.query.view<Real>(),
                                                  a.keys.view<Real>(),
                                                  a.score.data<Real>(),
                                                  a.values.view<Real>(),
                                                  weights.data<Real>(),
                                                  dcontext.view<Real>(),
                                                  {writable<Real, 2>(dquery), writable<Real, 2>(dkeys),
                                                   mutable_or_null<Real>(dscore), writable<Real, 2>(dvalues)}});
    });
    return Gradients{dquery, dkeys, dscore, dvalues};
  };
  return fused(op, out, {query, keys, score, values}, backward, [mask](Inputs in) {
    return matmul(reference::additive_weights(in[0], in[1], in[2], mask), reference::seen_rows(in[3], mask));
  });
}

}  // namespace heed

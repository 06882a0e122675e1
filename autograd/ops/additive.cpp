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

/// x without history, its last axis dense.
Tensor dense_rows(const Tensor& x) {
  const int last = x.rank() - 1;
  return x.strides()[last] == 1 || x.shape()[last] <= 1 ? x.detach() : kernels::copy(x);
}

template <class T>
kernels::Rows<const T> rows(const Tensor& x) {
  return {x.data<T>(), x.strides()[0], x.strides()[1]};
}
template <class T>
kernels::Rows<T> mutable_rows(const Tensor& x) {
  if (!x.defined()) return {};
  return {x.mutable_data<T>(), x.strides()[0], x.strides()[1]};
}

/// What forward and backward share.
struct Attention {
  AdditiveShape shape;
  Tensor query, keys, score, values, mask;

  kernels::SourceMask source() const {
    if (!mask.defined()) return {};
    return {.allowed = mask.data<bool>(), .batch = mask.strides()[0], .query = mask.strides()[1]};
  }
};

}  // namespace

Tensor additive_attention(const Tensor& query, const Tensor& keys, const Tensor& score, const Tensor& values,
                          const Tensor& mask, Loc loc) {
  const Op op{"additive_attention", loc};
  const AdditiveShape shape = check(op, query, keys, score, values, mask);
  const auto [B, T, S, A, D] = shape;
  const Attention a{shape,
                    dense_rows(query),
                    dense_rows(keys),
                    dense_rows(score),
                    dense_rows(values),
                    mask.defined() ? dense_rows(view::expand(op, mask, {B, T, S})) : mask};
  const Tensor out = empty({B, T, D}, query.dtype()), weights = empty({B, T, S}, query.dtype());
  dispatch_floating(query.dtype(), [&]<class Real>() {
    kernels::additive_attention<Real>(a.shape, rows<Real>(a.query), rows<Real>(a.keys), a.score.data<Real>(),
                                      rows<Real>(a.values), a.source(), weights.mutable_data<Real>(),
                                      mutable_rows<Real>(out));
  });

  const auto backward = [a, weights](const Tensor& g0, Needs needs) {
    const Tensor g = dense_rows(g0);
    const auto wanted = [&](size_t input, const Tensor& x) {
      return needs[input] ? zeros(x.shape(), x.dtype()) : Tensor();
    };
    const Tensor dquery = empty(a.query.shape(), g.dtype());
    const Tensor dkeys = wanted(1, a.keys), dscore = wanted(2, a.score), dvalues = wanted(3, a.values);
    dispatch_floating(g.dtype(), [&]<class Real>() {
      kernels::additive_attention_backward<Real>(
          a.shape, rows<Real>(a.query), rows<Real>(a.keys), a.score.data<Real>(), rows<Real>(a.values),
          weights.data<Real>(), rows<Real>(g), nullptr,
          {mutable_rows<Real>(dquery), mutable_rows<Real>(dkeys),
           dscore.defined() ? dscore.mutable_data<Real>() : nullptr, mutable_rows<Real>(dvalues)});
    });
    return Gradients{dquery, dkeys, dscore, dvalues};
  };
  return fused(op, out, {query, keys, score, values}, backward,
               [mask](Inputs in) { return matmul(reference::additive_weights(in[0], in[1], in[2], mask), in[3]); });
}

}  // namespace heed

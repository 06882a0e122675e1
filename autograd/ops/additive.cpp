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

/// The packed result: the context, and behind it, if `pack`, the weights: (B, T, D) or (B, T, D + S).
Tensor attend(const Op& op, const Tensor& query, const Tensor& keys, const Tensor& score, const Tensor& values,
              const Tensor& mask, bool pack) {
  const AdditiveShape shape = check(op, query, keys, score, values, mask);
  const auto [B, T, S, A, D] = shape;
  const Attention a{shape,  query,
                    keys,   kernels::contiguous(score.detach()),
                    values, mask.defined() ? view::expand(op, mask, {B, T, S}) : mask};
  const Tensor out = empty({B, T, D + (pack ? S : 0)}, query.dtype(), op.where),
               weights = empty({B, T, S}, query.dtype());
  dispatch_floating(query.dtype(), [&]<class Real>() {
    kernels::additive_attention<Real>(a.shape, a.query.view<Real>(), a.keys.view<Real>(), a.score.data<Real>(),
                                      a.values.view<Real>(), a.mask.view<bool>(), weights.mutable_data<Real>(),
                                      writable<Real, 2>(out));
  });
  if (pack) kernels::copy_into(weights, view::narrow(op, out, 2, D, S));

  const auto backward = [a, weights, pack](const Tensor& g, Needs needs) {
    const AdditiveShape& s = a.shape;
    const Readable<2> dcontext(g);
    const auto wanted = [&](size_t input, const Shape& sizes) {
      return needs[input] ? zeros(sizes, g.dtype()) : Tensor();
    };
    const Tensor dquery = empty({s.B, s.T, s.A}, g.dtype());
    const Tensor dkeys = wanted(1, {s.B, s.S, s.A}), dscore = wanted(2, {s.A}), dvalues = wanted(3, {s.B, s.S, s.D});
    const Tensor dweights = pack ? kernels::copy(view::narrow({"additive_attention"}, g, 2, s.D, s.S)) : Tensor();
    dispatch_floating(g.dtype(), [&]<class Real>() {
      kernels::additive_attention_backward<Real>(
          a.shape, a.query.view<Real>(), a.keys.view<Real>(), a.score.data<Real>(), a.values.view<Real>(),
          weights.data<Real>(), dcontext.view<Real>(), pack ? dweights.data<Real>() : nullptr,
          {writable<Real, 2>(dquery), writable<Real, 2>(dkeys),
           dscore.defined() ? dscore.mutable_data<Real>() : nullptr, writable<Real, 2>(dvalues)});
    });
    return Gradients{dquery, dkeys, dscore, dvalues};
  };
  return fused(op, out, {query, keys, score, values}, backward, [mask, pack](Inputs in) {
    const Tensor alpha = reference::additive_weights(in[0], in[1], in[2], mask);
    const Tensor context = matmul(alpha, in[3]);
    return pack ? cat({context, alpha}, 2) : context;
  });
}

}  // namespace

Tensor additive_attention(const Tensor& query, const Tensor& keys, const Tensor& score, const Tensor& values,
                          const Tensor& mask, Loc loc) {
  return attend({"additive_attention", loc}, query, keys, score, values, mask, false);
}

std::pair<Tensor, Tensor> additive_attention_weights(const Tensor& query, const Tensor& keys, const Tensor& score,
                                                     const Tensor& values, const Tensor& mask, Loc loc) {
  const Tensor packed = attend({"additive_attention_weights", loc}, query, keys, score, values, mask, true);
  const int64_t D = values.size(2), S = values.size(1);
  return {packed.narrow(2, 0, D), packed.narrow(2, D, S)};
}

}  // namespace heed

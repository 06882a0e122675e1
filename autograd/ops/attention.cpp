// Scaled dot-product attention (Vaswani et al. 2017, eq. 1) over the kernel that keeps no (T, S) array.
#include <cmath>

#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/attention.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/random.h>
#include <heed/tensor/view.h>

namespace heed {

using namespace autograd;
using kernels::writable;

namespace {

using Heads = kernels::Readable<3>;                         // (B, H, rows) of width
using Mask = kernels::Readable<4, kernels::Tail::element>;  // (B, H, T, S)

/// One attention in the kernel's terms: what forward and backward share. Leading axes merge into B.
struct Attention {
  Heads q, k, v;
  Tensor out;
  AttentionOptions given;
  Tensor keep;  // (B, H, T, S), contiguous
  Mask allowed = {}, bias = {};
  Tensor norms = empty({q.size(0), q.size(1), q.size(2), 2}, q.dtype());

  kernels::AttentionShape shape() const {
    return {q.size(0), q.size(1), q.size(2), k.size(2), q.size(3), v.size(3), k.size(1) ? q.size(1) / k.size(1) : 1};
  }

  template <class T>
  kernels::ScoreOptions<T> options() const {
    kernels::ScoreOptions<T> o;
    o.scale = static_cast<T>(given.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(3)))));
    o.causal = given.causal;
    o.offset = given.causal_offset;
    o.window = std::min(given.window.value_or(0), kFarthestKey);
    o.softcap = static_cast<T>(given.softcap);
    o.allowed = allowed.view<bool>();
    o.bias = bias.view<T>();
    if (keep.defined()) o.keep = keep.data<bool>();
    o.keep_scale = static_cast<T>(1 / (1 - given.dropout));
    return o;
  }

  /// Of a product over all heads that is `width` wide, half of it where the mask is causal, or what its window leaves.
  void count(int64_t width) const {
    const int64_t S = k.size(2), keys = given.window ? std::min(2 * std::min(*given.window, S), S) : S;
    kernels::count_flops(q.size(0) * q.size(1) * q.size(2) * keys * width * (given.causal ? 1 : 2));
  }

  void forward() {
    count(q.size(3) + v.size(3));
    dispatch_floating(q.dtype(), [&]<class T>() {
      kernels::attention<T>(shape(), q.view<T>(), k.view<T>(), v.view<T>(), options<T>(), writable<T, 3>(out),
                            norms.mutable_data<T>());
    });
  }

  /// Writes dq, dk and dv; adds to dbias, if defined.
  void backward(const Tensor& g, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& dbias) const {
    count(3 * q.size(3) + 2 * v.size(3));
    const Heads y(out), dy(g);
    dispatch_floating(q.dtype(), [&]<class T>() {
      const kernels::AttentionSaved<T> saved{q.view<T>(), k.view<T>(),  v.view<T>(),
                                             y.view<T>(), dy.view<T>(), norms.data<T>()};
      kernels::attention_backward<T>(shape(), saved, options<T>(), writable<T, 3>(dq), writable<T, 3>(dk),
                                     writable<T, 3>(dv), writable<T, 4, kernels::Tail::element>(dbias));
    });
  }
};

/// Heads of keys and values that groups of q's heads share; 0 where q has as many, or one of them a single head that
/// broadcasts.
int64_t shared_heads(const Op& op, const Tensor& q, const Tensor& k, const Tensor& v) {
  if (q.rank() < 4 || k.rank() < 3 || v.rank() < 3) return 0;
  const int64_t heads = q.size(-3), shared = k.size(-3);
  if (shared != v.size(-3) || shared == heads || heads <= 1 || shared < 1) return 0;
  if (heads % shared != 0) fail<ShapeError>(op, "{} heads of q and {} of k and v; need a multiple", heads, shared);
  return shared;
}

struct Checked {
  Tensor q, k, v, mask;  // expanded to common leading axes; mask as given or expanded (floating)
  Shape weights;         // (..., T, S)
};

void check_options(const Op& op, const AttentionOptions& options) {
  if (options.window && (*options.window < 1 || !options.causal))
    fail<ValueError>(op, "a window of {} keys{}; need at least 1, and causal", *options.window,
                     options.causal ? "" : " that is not causal");
  if (options.causal_offset < -kFarthestKey || options.causal_offset > kFarthestKey)
    fail<ValueError>(op, "causal_offset {}; need at most 2^40 keys, before or after", options.causal_offset);
  if (!(options.softcap >= 0 && std::isfinite(options.softcap)))
    fail<ValueError>(op, "softcap {}; need a number above 0, or 0 for none", options.softcap);
  if (!(options.dropout >= 0 && options.dropout < 1))
    fail<ValueError>(op, "dropout {}; need 0 <= dropout < 1", options.dropout);
  if (options.dropout > 0 && !options.rng)
    fail<ValueError>(op, "dropout {} without a generator; need options.rng", options.dropout);
}

Checked check(const Op& op, const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  for (const auto& [x, name] : {std::pair(&q, "q"), {&k, "k"}, {&v, "v"}}) {
    check_floating(op, *x, name);
    check_same_dtype(op, q, *x);
    check_rank_at_least(op, *x, 2, name);
  }
  if (q.size(-1) != k.size(-1))
    fail<ShapeError>(op, "q {} and k {} differ in width; need q.shape[-1] == k.shape[-1]", q.shape(), k.shape());
  if (k.size(-2) != v.size(-2))
    fail<ShapeError>(op, "k {} and v {} differ in length; need k.shape[-2] == v.shape[-2]", k.shape(), v.shape());
  check_options(op, options);
  const int64_t shared = shared_heads(op, q, k, v);
  const auto leading_of = [&](const Tensor& x) {
    Shape shape = leading(x.shape(), 2);
    if (shared) shape[shape.rank() - 1] = 1;
    return shape;
  };
  const Shape batch = broadcast_shapes(op, broadcast_shapes(op, leading_of(q), leading_of(k), "leading axes"),
                                       leading_of(v), "leading axes");
  const auto expanded = [&](const Tensor& x) {
    Shape shape = with_matrix(batch, x.size(-2), x.size(-1));
    if (shared) shape[shape.rank() - 3] = x.size(-3);
    return x.shape() == shape ? x : x.expand(shape);
  };
  Checked c{expanded(q), expanded(k), expanded(v), options.mask, {}};
  c.weights = with_matrix(leading(c.q.shape(), 2), q.size(-2), k.size(-2));
  if (c.mask.defined()) {
    if (c.mask.dtype() == i64)
      fail<DTypeError>(op, "the mask is i64; need boolean, as mask != 0 is, or {} that is added to the scores",
                       name_of(q.dtype()));
    if (c.mask.dtype() != boolean) check_same_dtype(op, q, c.mask);
    check_mask_fits(op, c.mask, c.weights);
  }
  return c;
}

Tensor draw_keep(const Shape& weights, const AttentionOptions& options) {
  if (options.dropout == 0) return {};
  Tensor keep = empty(weights, boolean);
  options.rng->bernoulli(keep.mutable_data<bool>(), keep.numel(), 1 - options.dropout);
  return keep;
}

/// Where a mask's gradient is summed up: the mask's shape. But where the mask repeats along some leading axes, not
/// along all, no stride says so once they are merged: then it has them in full.
Shape with_room_to_add(const Shape& mask, const Shape& weights) {
  Shape room = mask;
  while (room.rank() < weights.rank()) room.insert(0, 1);
  bool repeats = false, varies = false;
  for (int i = 0; i < weights.rank() - 3; ++i)
    if (weights[i] > 1) (room[i] == 1 ? repeats : varies) = true;
  if (!repeats || !varies) return mask;
  for (int i = 0; i < weights.rank() - 3; ++i) room[i] = weights[i];
  return room;
}

Tensor attend(const Op& op, const Checked& c, const AttentionOptions& options, const Tensor& keep) {
  const Tensor out = empty(with_matrix(leading(c.q.shape(), 2), c.q.size(-2), c.v.size(-1)), c.q.dtype());
  Attention a{c.q, c.k, c.v, out, options, keep};
  const bool additive = c.mask.defined() && c.mask.dtype() != boolean;
  if (c.mask.defined()) (additive ? a.bias : a.allowed) = view::expand(op, c.mask, c.weights);
  a.forward();
  std::vector<Tensor> inputs{c.q, c.k, c.v};
  if (additive) inputs.push_back(c.mask);
  const auto backward = [a, additive, shapes = std::array{c.q.shape(), c.k.shape(), c.v.shape(), c.mask.shape()},
                         weights = c.weights](const Tensor& g, Needs needs) {
    Gradients d;
    for (size_t i = 0; i < 3; ++i) d.push_back(empty(shapes[i], a.q.dtype()));
    Tensor dmask, dbias;
    if (additive && needs[3]) {
      dmask = zeros(with_room_to_add(shapes[3], weights), a.q.dtype());
      dbias = view::expand({"attention"}, dmask, weights);
    }
    a.backward(g, d[0], d[1], d[2], dbias);
    if (additive) d.push_back(dmask.defined() ? sum_to(dmask, shapes[3]) : dmask);
    return d;
  };
  return fused(op, out, inputs, backward, [options, keep, additive, mask = c.mask](Inputs in) {
    AttentionOptions o = options;
    o.mask = additive ? in[3] : mask;
    return reference::scaled_dot_product_attention(in[0], in[1], in[2], o, keep);
  });
}

/// Third `i` of x (B, T, 3C) as (B, H, T, D).
Tensor packed_part(const Op& op, const Tensor& x, int64_t i, int64_t heads) {
  const int64_t C = x.size(2) / 3;
  const Tensor part = view::narrow(op, x, 2, i * C, C);
  return view::transpose(view::reshape(part, {x.size(0), x.size(1), heads, C / heads}), 1, 2);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                                    Loc loc) {
  const Op op{"scaled_dot_product_attention", loc};
  const Checked c = check(op, q, k, v, options);
  return attend(op, c, options, draw_keep(c.weights, options));
}

Tensor packed_self_attention(const Tensor& qkv, int64_t heads, const AttentionOptions& options, Loc loc) {
  const Op op{"packed_self_attention", loc};
  check_floating(op, qkv);
  if (qkv.rank() != 3 || heads < 1 || qkv.size(2) % 3 != 0 || (qkv.size(2) / 3) % heads != 0)
    fail<ShapeError>(
        op, "the input {} does not split into q, k and v of {} heads; need (B, T, 3 C) with C a multiple of {}",
        qkv.shape(), heads, heads);
  if (options.mask.defined()) fail<ValueError>(op, "a mask; need none (causal alone), or scaled_dot_product_attention");
  check_options(op, options);
  const int64_t B = qkv.size(0), T = qkv.size(1), C = qkv.size(2) / 3;
  const Tensor keep = draw_keep({B, heads, T, T}, options);
  const Tensor x = kernels::contiguous(qkv), out = empty({B, T, C}, x.dtype());
  const auto part = [heads](const Tensor& t, int64_t i) { return packed_part({"packed_self_attention"}, t, i, heads); };
  const auto as_output = [B, T, C, heads](const Tensor& t) {
    return view::transpose(view::reshape(t, {B, T, heads, C / heads}), 1, 2);
  };
  Attention a{part(x, 0), part(x, 1), part(x, 2), as_output(out), options, keep};
  a.forward();
  return fused(
      op, out, {qkv},
      [a, part, as_output, shape = x.shape()](const Tensor& g, Needs) -> Gradients {
        const Tensor dx = empty(shape, g.dtype());
        a.backward(as_output(kernels::contiguous(g)), part(dx, 0), part(dx, 1), part(dx, 2), {});
        return {dx};
      },
      [options, keep, heads](Inputs in) { return reference::packed_self_attention(in[0], heads, options, keep); });
}

}  // namespace heed

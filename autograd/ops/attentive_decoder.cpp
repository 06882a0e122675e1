// The recurrence of a decoder that looks back at its source before each step, over the kernels of one step: Bahdanau et
// al. 2014, appendix A.2.2.
#include <algorithm>
#include <span>
#include <tuple>
#include <utility>

#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/additive_attention.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/kernels/gemm.h>

namespace heed {

using namespace autograd;

namespace {

/// The order of fused's inputs.
enum Order : size_t { kGates, kContext, kHidden, kBias, kQuery, kScore, kKeys, kValues, kH0, kC0 };

std::vector<Tensor> inputs_of(const AttentiveInputs& in) {
  return {in.gates, in.w_context, in.w_hh, in.b_hh, in.w_query, in.score, in.keys, in.values, in.h0, in.c0};
}

AttentiveInputs from_inputs(std::span<const Tensor> x, const Tensor& mask) {
  return {x[kGates], x[kContext], x[kHidden], x[kBias], x[kQuery], x[kScore],
          x[kKeys],  x[kValues],  x[kH0],     x[kC0],   mask};
}

void check(const Op& op, Cell cell, const AttentiveInputs& in) {
  const auto [T, B, H] = check_recurrence(op, cell, in.gates, in.w_hh, in.c0);
  const int64_t GH = in.w_hh.size(0);
  for (const auto& [x, name, shape] :
       {std::tuple(&in.keys, "keys", "(B, S, A)"), {&in.values, "values", "(B, S, D)"}}) {
    check_dtype(op, *x, in.gates.dtype(), name);
    if (x->rank() != 3) fail<ShapeError>(op, "{} have shape {}; need {}", name, x->shape(), shape);
  }
  const int64_t S = in.keys.size(1), A = in.keys.size(2), D = in.values.size(2);
  const auto need = [&](const Tensor& x, const char* name, const Shape& shape) {
    check_shape(op, x, shape, in.gates.dtype(), name);
  };
  need(in.keys, "keys", {B, S, A});
  need(in.values, "values", {B, S, D});
  need(in.w_context, "w_context", {GH, D});
  need(in.b_hh, "b_hh", {GH});
  need(in.w_query, "w_query", {A, H});
  need(in.score, "score", {A});
  need(in.h0, "h0", {B, H});
  if (cell == Cell::lstm) need(in.c0, "c0", {B, H});
  if (in.mask.defined()) check_shape(op, in.mask, {B, S}, boolean, "mask");
}

/// Without history, as gemm reads a matrix: rows that are dense and apart.
Tensor dense_matrix(const Tensor& x) {
  const bool apart = x.strides()[1] == 1 && x.strides()[0] >= std::max<int64_t>(1, x.size(1));
  return apart ? x.detach() : kernels::copy(x);
}

/// What forward and backward share. Everything is time-major, so that the rows of all steps are one matrix.
struct Run {
  Cell cell;
  int64_t T, B, S, H, GH, A, D;
  kernels::Readable<1> w_context;
  Tensor w_hh, b_hh;
  kernels::Readable<1> w_query;
  Tensor score;
  kernels::Readable<2> keys, values;
  kernels::Readable<1> mask;
  Tensor states = {};   // (T + 1, B, H): h before each step, and after the last
  Tensor cells = {};    // (T + 1, B, H) of an LSTM
  Tensor queries = {};  // (T, B, A)
  Tensor weights = {};  // (T, B, S)
  Tensor out = {};      // (T, B, H + D)
  Tensor saved = {};    // (T, ...): the activations of each step

  kernels::RecurrentShape step_shape() const { return {1, B, H}; }
  kernels::AdditiveShape attention_shape() const { return {B, 1, S, A, D}; }
  kernels::Strided<const bool, 2> source_mask() const {
    const auto rows = mask.view<bool>();
    return {rows.data, {rows.strides[0], 0}};
  }

  /// Step t of a time-major array; null if there is none.
  template <class Real>
  Real* at(Tensor x, int64_t t) const {
    return x.defined() ? x.mutable_data<Real>() + t * x.strides()[0] : nullptr;
  }
  template <class Real>
  kernels::CellWeights<Real> cell_weights() const {
    return {w_hh.data<Real>(), b_hh.data<Real>()};
  }
  template <class Real>
  kernels::CellState<const Real> before(int64_t t) const {
    return {at<Real>(states, t), at<Real>(cells, t)};
  }
};

Run prepare(Cell cell, const AttentiveInputs& in, bool recorded) {
  Run run{.cell = cell,
          .T = in.gates.size(0),
          .B = in.gates.size(1),
          .S = in.keys.size(1),
          .H = in.w_hh.size(1),
          .GH = in.w_hh.size(0),
          .A = in.w_query.size(0),
          .D = in.values.size(2),
          .w_context = dense_matrix(in.w_context),
          .w_hh = kernels::contiguous(in.w_hh.detach()),
          .b_hh = kernels::contiguous(in.b_hh.detach()),
          .w_query = dense_matrix(in.w_query),
          .score = kernels::contiguous(in.score.detach()),
          .keys = in.keys,
          .values = in.values,
          .mask = in.mask};
  const DType dtype = in.gates.dtype();
  run.states = empty({run.T + 1, run.B, run.H}, dtype);
  kernels::copy_into(in.h0.detach(), run.states.narrow(0, 0, 1).squeeze(0));
  if (cell == Cell::lstm) {
    run.cells = empty({run.T + 1, run.B, run.H}, dtype);
    kernels::copy_into(in.c0.detach(), run.cells.narrow(0, 0, 1).squeeze(0));
  }
  run.queries = empty({run.T, run.B, run.A}, dtype);
  run.weights = empty({run.T, run.B, run.S}, dtype);
  run.out = empty({run.T, run.B, run.H + run.D}, dtype);
  if (recorded) run.saved = empty({run.T, kernels::recurrent_saved_size(cell, run.step_shape())}, dtype);
  return run;
}

template <class Real>
void forward(const Run& r, const Tensor& gates) {
  const auto [T, B, H, GH, A, D] = std::tuple(r.T, r.B, r.H, r.GH, r.A, r.D);
  Tensor with_context = empty({B, GH}, gates.dtype());
  Real* x = with_context.mutable_data<Real>();
  const auto w_query = r.w_query.view<Real>(), w_context = r.w_context.view<Real>();
  for (int64_t t = 0; t < T; ++t) {
    Real *query = r.at<Real>(r.queries, t), *out = r.at<Real>(r.out, t), *context = out + H;
    const Real* h = r.at<Real>(r.states, t);
    kernels::gemm<Real>(false, true, B, A, H, h, H, w_query.data, w_query.strides[0], 0, query, A);
    kernels::additive_attention<Real>({r.attention_shape(),
                                       {query, {A, A}},
                                       r.keys.view<Real>(),
                                       r.score.data<Real>(),
                                       r.values.view<Real>(),
                                       r.source_mask(),
                                       r.at<Real>(r.weights, t),
                                       {context, {H + D, H + D}}});
    std::copy_n(r.at<Real>(gates, t), B * GH, x);
    kernels::gemm<Real>(false, true, B, GH, D, context, H + D, w_context.data, w_context.strides[0], 1, x, GH);
    kernels::recurrent<Real>(r.cell, r.step_shape(), {x, {B * GH, GH}}, r.cell_weights<Real>(), r.before<Real>(t), {},
                             {out, {B * (H + D), H + D}}, {r.at<Real>(r.states, t + 1), r.at<Real>(r.cells, t + 1)},
                             r.at<Real>(r.saved, t));
  }
}

template <class Real>
Gradients backward(const Run& r, const Tensor& g, Needs needs) {
  const auto [T, B, H, GH, A, D] = std::tuple(r.T, r.B, r.H, r.GH, r.A, r.D);
  const DType dtype = g.dtype();
  Tensor dgates = empty({T, B, GH}, dtype), dqueries = empty({T, B, A}, dtype), dcontext = empty({B, D}, dtype);
  Tensor dw_hh = zeros(r.w_hh.shape(), dtype), db_hh = zeros({GH}, dtype);
  Tensor dscore = zeros({A}, dtype), dkeys = zeros({B, r.S, A}, dtype), dvalues = zeros({B, r.S, D}, dtype);
  const auto w_query = r.w_query.view<Real>(), w_context = r.w_context.view<Real>();
  // What step t + 1 and later want of the state after step t, and where step t leaves what it wants of the
  // one before.
  Tensor dh = zeros({B, H}, dtype), dh_before = empty({B, H}, dtype), dc, dc_before;
  if (r.cells.defined()) dc = zeros({B, H}, dtype), dc_before = empty({B, H}, dtype);

  for (int64_t t = T - 1; t >= 0; --t) {
    const Real* dout = g.data<Real>() + t * B * (H + D);
    Real *dgate = r.at<Real>(dgates, t), *dquery = r.at<Real>(dqueries, t), *dctx = dcontext.mutable_data<Real>();
    kernels::recurrent_backward<Real>(r.cell, r.step_shape(), r.cell_weights<Real>(), r.before<Real>(t), {},
                                      {r.at<Real>(r.states, t + 1), {B * H, H}}, r.at<Real>(r.saved, t),
                                      {dout, {B * (H + D), H + D}}, {dh.data<Real>(), r.at<Real>(dc, 0)},
                                      {{dgate, {B * GH, GH}},
                                       {dh_before.mutable_data<Real>(), r.at<Real>(dc_before, 0)},
                                       dw_hh.mutable_data<Real>(),
                                       db_hh.mutable_data<Real>(),
                                       true});
    for (int64_t b = 0; b < B; ++b) std::copy_n(dout + b * (H + D) + H, D, dctx + b * D);
    kernels::gemm<Real>(false, false, B, D, GH, dgate, GH, w_context.data, w_context.strides[0], 1, dctx, D);
    kernels::additive_attention_backward<Real>({r.attention_shape(),
                                                {r.at<Real>(r.queries, t), {A, A}},
                                                r.keys.view<Real>(),
                                                r.score.data<Real>(),
                                                r.values.view<Real>(),
                                                r.at<Real>(r.weights, t),
                                                {dctx, {D, D}},
                                                {{dquery, {A, A}},
                                                 kernels::writable<Real, 2>(dkeys),
                                                 dscore.mutable_data<Real>(),
                                                 kernels::writable<Real, 2>(dvalues)}});
    kernels::gemm<Real>(false, false, B, H, A, dquery, A, w_query.data, w_query.strides[0], 1,
                        dh_before.mutable_data<Real>(), H);
    std::swap(dh, dh_before);
    std::swap(dc, dc_before);
  }

  Tensor dw_context, dw_query;
  if (needs[kContext]) {
    dw_context = empty({GH, D}, dtype);
    kernels::gemm<Real>(true, false, GH, D, T * B, dgates.data<Real>(), GH, r.out.data<Real>() + H, H + D, 0,
                        dw_context.mutable_data<Real>(), D);
  }
  if (needs[kQuery]) {
    dw_query = empty({A, H}, dtype);
    kernels::gemm<Real>(true, false, A, H, T * B, dqueries.data<Real>(), A, r.states.data<Real>(), H, 0,
                        dw_query.mutable_data<Real>(), H);
  }
  return {dgates, dw_context, dw_hh, db_hh, dw_query, dscore, dkeys, dvalues, dh, dc};
}

}  // namespace

Tensor attentive_decoder(Cell cell, const AttentiveInputs& in, Loc loc) {
  const Op op{"attentive_decoder", loc};
  check(op, cell, in);
  if (in.gates.size(0) == 0) return reference::attentive_decoder(cell, in);
  const std::vector<Tensor> inputs = inputs_of(in);
  const bool recorded =
      grad_enabled() && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.requires_grad(); });
  const Run run = prepare(cell, in, recorded);
  dispatch_floating(run.out.dtype(), [&]<class Real> { forward<Real>(run, kernels::contiguous(in.gates.detach())); });
  return fused(
      op, run.out, inputs,
      [run](const Tensor& g, Needs needs) {
        return dispatch_floating(g.dtype(),
                                 [&]<class Real> { return backward<Real>(run, kernels::contiguous(g), needs); });
      },
      [cell, mask = in.mask](Inputs x) { return reference::attentive_decoder(cell, from_inputs(x, mask)); });
}

}  // namespace heed

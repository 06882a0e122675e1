// Whole sequences through one RNN, LSTM or GRU: the recurrent half of the cell, over the kernel that runs all steps.
#include <algorithm>

#include <heed/autograd/node.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/view.h>

namespace heed {

using namespace autograd;

namespace {

using kernels::Readable;
using kernels::RecurrentShape;
using kernels::writable;

RecurrentShape check(const Op& op, Cell cell, const Tensor& gates, const Tensor& w_hh, const Tensor& b_hh,
                     const Tensor& h0, const Tensor& c0, const RecurrentSteps& steps) {
  const auto [T, B, H] = check_recurrence(op, cell, gates, w_hh, c0);
  if (b_hh.defined()) check_shape(op, b_hh, {w_hh.size(0)}, gates.dtype(), "b_hh");
  if (h0.defined()) check_shape(op, h0, {B, H}, gates.dtype(), "h0");
  if (c0.defined()) check_shape(op, c0, {B, H}, gates.dtype(), "c0");
  if (steps.lengths.defined()) {
    check_shape(op, steps.lengths, {B}, i64, "lengths");
    for (const int64_t length : steps.lengths.to_vector<int64_t>())
      if (length < 0 || length > T) fail<ValueError>(op, "a length of {}; need 0 to {}", length, T);
  }
  return {T, B, H};
}

/// Everything that the kernel reads, dense where it must be, without history.
struct Run {
  Cell cell;
  RecurrentShape shape;
  bool reverse;
  Tensor w_hh, b_hh, h0, c0, lengths;

  kernels::StepOrder options() const { return {.reverse = reverse, .lengths = data_or_null<int64_t>(lengths)}; }
  template <class T>
  kernels::CellWeights<T> weights() const {
    return {data_or_null<T>(w_hh), data_or_null<T>(b_hh)};
  }
  template <class T>
  kernels::CellState<const T> first() const {
    return {data_or_null<T>(h0), data_or_null<T>(c0)};
  }
};

Tensor dense(const Tensor& x) { return x.defined() ? kernels::contiguous(x.detach()) : x; }

/// A part of the packed result or of its gradient: all h, then the last h, then the last c.
Tensor part(const Tensor& packed, int64_t index) { return view::select({"recurrent"}, packed, 0, index); }

/// Batch first: so lie the gradients of gates that lie so, and the product behind them needs no copy.
Gradients run_backward(const Run& run, bool batch_first, const Readable<2>& out, const Tensor& saved, const Tensor& g0,
                       Needs needs) {
  const Tensor g = kernels::contiguous(g0);
  const Readable<2> dout(g);
  const int64_t T = run.shape.T, B = run.shape.B, H = run.shape.H;
  const int64_t GH = run.w_hh.size(0);
  const DType dtype = g.dtype();
  const auto wanted = [&](size_t input, const Shape& shape) { return needs[input] ? empty(shape, dtype) : Tensor(); };
  const Tensor dgates = batch_first ? view::transpose(empty({B, T, GH}, dtype), 0, 1) : empty({T, B, GH}, dtype);
  Tensor dw = wanted(1, run.w_hh.shape()), db = wanted(2, {GH}), dh0 = wanted(3, {B, H}), dc0 = wanted(4, {B, H});
  dispatch_floating(dtype, [&]<class Real>() {
    kernels::CellState<const Real> dlast{part(g, T).data<Real>(), nullptr};
    if (run.cell == Cell::lstm) dlast.c = part(g, T + 1).data<Real>();
    const kernels::RecurrentGradients<Real> gradients{writable<Real, 2>(dgates),
                                                      {mutable_or_null<Real>(dh0), mutable_or_null<Real>(dc0)},
                                                      mutable_or_null<Real>(dw),
                                                      mutable_or_null<Real>(db)};
    kernels::recurrent_backward<Real>(run.cell, run.shape, run.weights<Real>(), run.first<Real>(), run.options(),
                                      out.view<Real>(), data_or_null<Real>(saved), dout.view<Real>(), dlast, gradients);
  });
  return {dgates, dw, db, dh0, dc0};
}

}  // namespace

Tensor recurrent(Cell cell, const Tensor& gates0, const Tensor& w_hh, const Tensor& b_hh, const Tensor& h0,
                 const Tensor& c0, const RecurrentSteps& steps, Loc loc) {
  const Op op{"recurrent", loc};
  const RecurrentShape shape = check(op, cell, gates0, w_hh, b_hh, h0, c0, steps);
  const Run run{cell, shape, steps.reverse, dense(w_hh), dense(b_hh), dense(h0), dense(c0), dense(steps.lengths)};
  const Readable<2> gates(gates0);
  const std::vector<Tensor> inputs{gates0, w_hh, b_hh, h0, c0};
  const bool recorded =
      grad_enabled() && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.requires_grad(); });

  const Tensor out = empty({shape.T + (cell == Cell::lstm ? 2 : 1), shape.B, shape.H}, gates.dtype());
  Tensor saved = recorded ? empty({kernels::recurrent_saved_size(cell, shape)}, gates.dtype()) : Tensor();
  dispatch_floating(gates.dtype(), [&]<class Real>() {
    kernels::CellState<Real> last{part(out, shape.T).mutable_data<Real>(), nullptr};
    if (cell == Cell::lstm) last.c = part(out, shape.T + 1).mutable_data<Real>();
    kernels::recurrent<Real>(cell, shape, gates.view<Real>(), run.weights<Real>(), run.first<Real>(), run.options(),
                             writable<Real, 2>(out), last, mutable_or_null<Real>(saved));
  });
  return fused(
      op, out, inputs,
      [run, batch_first = gates0.strides()[0] < gates0.strides()[1], out = Readable<2>(out), saved](
          const Tensor& g, Needs needs) { return run_backward(run, batch_first, out, saved, g, needs); },
      [cell, steps](Inputs in) { return reference::recurrent(cell, in[0], in[1], in[2], in[3], in[4], steps); });
}

}  // namespace heed

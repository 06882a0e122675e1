#include "tensor/kernels/recurrent.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/parallel.h"

namespace heed::kernels {
namespace {

template <class Element>
Element* at(const Steps<Element>& x, int64_t t, int64_t b) {
  return x.data + t * x.step + b * x.row;
}

template <class Real>
Real sigmoid(Real x) {
  return 1 / (1 + std::exp(-x));
}

// The steps of one row of the batch, in the order they run.
struct Walk {
  int64_t steps;
  bool reverse;
  int64_t step(int64_t i) const { return reverse ? steps - 1 - i : i; }
};

Walk walk_of(const RecurrentShape& shape, const RecurrentOptions& options, int64_t b) {
  return {options.lengths ? options.lengths[b] : shape.T, options.reverse};
}

// One step of one row. x and u are the two projections (G H), saved the step's row of the saved array or
// null.
template <class Real>
void step_forward(Cell cell, int64_t H, const Real* x, const Real* u, Real* h, Real* c, Real* saved) {
  for (int64_t j = 0; j < H; ++j) {
    switch (cell) {
      case Cell::rnn_tanh:
        h[j] = std::tanh(x[j] + u[j]);
        break;
      case Cell::rnn_relu:
        h[j] = std::max(x[j] + u[j], Real(0));
        break;
      case Cell::lstm: {
        const Real i = sigmoid(x[j] + u[j]), f = sigmoid(x[H + j] + u[H + j]);
        const Real g = std::tanh(x[2 * H + j] + u[2 * H + j]), o = sigmoid(x[3 * H + j] + u[3 * H + j]);
        c[j] = f * c[j] + i * g;
        h[j] = o * std::tanh(c[j]);
        if (saved)
          saved[j] = i, saved[H + j] = f, saved[2 * H + j] = g, saved[3 * H + j] = o, saved[4 * H + j] = c[j];
        break;
      }
      case Cell::gru: {
        const Real r = sigmoid(x[j] + u[j]), z = sigmoid(x[H + j] + u[H + j]);
        const Real un = u[2 * H + j], n = std::tanh(x[2 * H + j] + r * un);
        h[j] = (1 - z) * n + z * h[j];
        if (saved) saved[j] = r, saved[H + j] = z, saved[2 * H + j] = n, saved[3 * H + j] = un;
        break;
      }
    }
  }
}

// One step of one row, backwards. On entry dh and dc are the gradients of the new state, on return the part
// of the old state's that does not go through w_hh; dx and du get the gradients of the two projections.
template <class Real>
void step_backward(Cell cell, int64_t H, const Real* saved, const Real* h, const Real* h_before,
                   const Real* c_before, Real* dh, Real* dc, Real* dx, Real* du) {
  for (int64_t j = 0; j < H; ++j) {
    switch (cell) {
      case Cell::rnn_tanh:
        dx[j] = du[j] = dh[j] * (1 - h[j] * h[j]), dh[j] = 0;
        break;
      case Cell::rnn_relu:
        dx[j] = du[j] = h[j] > 0 ? dh[j] : Real(0), dh[j] = 0;
        break;
      case Cell::lstm: {
        const Real i = saved[j], f = saved[H + j], g = saved[2 * H + j], o = saved[3 * H + j];
        const Real y = std::tanh(saved[4 * H + j]), dcell = dc[j] + dh[j] * o * (1 - y * y);
        dx[j] = du[j] = dcell * g * i * (1 - i);
        dx[H + j] = du[H + j] = dcell * (c_before ? c_before[j] : Real(0)) * f * (1 - f);
        dx[2 * H + j] = du[2 * H + j] = dcell * i * (1 - g * g);
        dx[3 * H + j] = du[3 * H + j] = dh[j] * y * o * (1 - o);
        dh[j] = 0;
        dc[j] = dcell * f;
        break;
      }
      case Cell::gru: {
        const Real r = saved[j], z = saved[H + j], n = saved[2 * H + j], un = saved[3 * H + j];
        const Real dn = dh[j] * (1 - z) * (1 - n * n);
        dx[j] = du[j] = dn * un * r * (1 - r);
        dx[H + j] = du[H + j] = dh[j] * ((h_before ? h_before[j] : Real(0)) - n) * z * (1 - z);
        dx[2 * H + j] = dn;
        du[2 * H + j] = dn * r;
        dh[j] *= z;
        break;
      }
    }
  }
}

template <class Real>
void load(const Real* from, int64_t b, int64_t H, std::vector<Real>& to) {
  if (from)
    to.assign(from + b * H, from + (b + 1) * H);
  else
    to.assign(H, Real(0));
}

}  // namespace

template <class Real>
void recurrent(Cell cell, const RecurrentShape& shape, Steps<const Real> gates,
               const RecurrentWeights<Real>& weights, RecurrentState<const Real> first,
               const RecurrentOptions& options, Steps<Real> out, RecurrentState<Real> last, Real* saved) {
  const int64_t T = shape.T, B = shape.B, H = shape.H, G = gates_of(cell) * H;
  const int64_t width = recurrent_saved_size(cell, {1, 1, H});
  parallel_for(B, 1, [&](int64_t begin, int64_t end) {
    std::vector<Real> h, c, u(G);
    for (int64_t b = begin; b < end; ++b) {
      load(first.h, b, H, h);
      load(first.c, b, H, c);
      const Walk walk = walk_of(shape, options, b);
      for (int64_t i = 0; i < walk.steps; ++i) {
        const int64_t t = walk.step(i);
        for (int64_t j = 0; j < G; ++j) {
          u[j] = weights.b_hh ? weights.b_hh[j] : Real(0);
          for (int64_t d = 0; d < H; ++d) u[j] += weights.w_hh[j * H + d] * h[d];
        }
        step_forward(cell, H, at(gates, t, b), u.data(), h.data(), c.data(),
                     saved ? saved + (t * B + b) * width : nullptr);
        std::copy_n(h.data(), H, at(out, t, b));
      }
      for (int64_t t = walk.steps; t < T; ++t) std::fill_n(at(out, t, b), H, Real(0));
      if (last.h) std::copy_n(h.data(), H, last.h + b * H);
      if (last.c) std::copy_n(c.data(), H, last.c + b * H);
    }
  });
}

template <class Real>
void recurrent_backward(Cell cell, const RecurrentShape& shape, const RecurrentWeights<Real>& weights,
                        RecurrentState<const Real> first, const RecurrentOptions& options,
                        Steps<const Real> out, const Real* saved, Steps<const Real> dout,
                        RecurrentState<const Real> dlast, const RecurrentGradients<Real>& gradients) {
  const int64_t T = shape.T, B = shape.B, H = shape.H, G = gates_of(cell) * H;
  const int64_t width = recurrent_saved_size(cell, {1, 1, H});
  const auto& [dgates, dfirst, dw_hh, db_hh, accumulate] = gradients;
  if (dw_hh && !accumulate) std::fill_n(dw_hh, G * H, Real(0));
  if (db_hh && !accumulate) std::fill_n(db_hh, G, Real(0));
  std::vector<Real> dh, dc, du(G);
  for (int64_t b = 0; b < B; ++b) {
    load(dlast.h, b, H, dh);
    load(dlast.c, b, H, dc);
    const Walk walk = walk_of(shape, options, b);
    for (int64_t t = walk.steps; t < T; ++t) std::fill_n(at(dgates, t, b), G, Real(0));
    for (int64_t i = walk.steps - 1; i >= 0; --i) {
      const int64_t t = walk.step(i), before = i > 0 ? walk.step(i - 1) : 0;
      const Real* h_before = i > 0 ? at(out, before, b) : first.h ? first.h + b * H : nullptr;
      const Real* c_before = i > 0     ? saved + (before * B + b) * width + 4 * H
                             : first.c ? first.c + b * H
                                       : nullptr;
      for (int64_t j = 0; dout.data && j < H; ++j) dh[j] += at(dout, t, b)[j];
      step_backward(cell, H, saved + (t * B + b) * width, at(out, t, b), h_before, c_before, dh.data(),
                    dc.data(), at(dgates, t, b), du.data());
      for (int64_t j = 0; j < G; ++j) {
        if (db_hh) db_hh[j] += du[j];
        for (int64_t d = 0; d < H; ++d) dh[d] += du[j] * weights.w_hh[j * H + d];
        for (int64_t d = 0; dw_hh && h_before && d < H; ++d) dw_hh[j * H + d] += du[j] * h_before[d];
      }
    }
    if (dfirst.h) std::copy_n(dh.data(), H, dfirst.h + b * H);
    if (dfirst.c) std::copy_n(dc.data(), H, dfirst.c + b * H);
  }
}

template void recurrent<float>(Cell, const RecurrentShape&, Steps<const float>,
                               const RecurrentWeights<float>&, RecurrentState<const float>,
                               const RecurrentOptions&, Steps<float>, RecurrentState<float>, float*);
template void recurrent<double>(Cell, const RecurrentShape&, Steps<const double>,
                                const RecurrentWeights<double>&, RecurrentState<const double>,
                                const RecurrentOptions&, Steps<double>, RecurrentState<double>, double*);
template void recurrent_backward<float>(Cell, const RecurrentShape&, const RecurrentWeights<float>&,
                                        RecurrentState<const float>, const RecurrentOptions&,
                                        Steps<const float>, const float*, Steps<const float>,
                                        RecurrentState<const float>, const RecurrentGradients<float>&);
template void recurrent_backward<double>(Cell, const RecurrentShape&, const RecurrentWeights<double>&,
                                         RecurrentState<const double>, const RecurrentOptions&,
                                         Steps<const double>, const double*, Steps<const double>,
                                         RecurrentState<const double>, const RecurrentGradients<double>&);

}  // namespace heed::kernels

// Whole-sequence RNN, LSTM and GRU on raw strided arrays. The caller projects the inputs of all steps in one
// product.
#pragma once

#include <heed/tensor/kernels/views.h>

namespace heed::kernels {

/// The cell, with PyTorch's gates in PyTorch's order; x stands for the input projection W_ih x + b_ih, u for
/// W_hh h + b_hh.
///   tanh, relu  h' = f(x + u)
///   lstm        i, f, g, o = sigmoid, sigmoid, tanh, sigmoid (x + u);  c' = f c + i g;  h' = o tanh(c')
///   gru         r, z = sigmoid(x + u);  n = tanh(x_n + r u_n);         h' = (1 - z) n + z h
enum class Cell { rnn_tanh, rnn_relu, lstm, gru };

/// Gates of a cell: 1, 1, 4, 3. Projections are G H wide.
constexpr int64_t gates_of(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }

/// T steps, B rows of the batch, H hidden units. A Strided is (T, B) by strides, so batch-first arrays fit too, and
/// behind them a dense row.
struct RecurrentShape {
  int64_t T, B, H;  ///< as above
};

/// The recurrent half of a cell's parameters: w_hh (G H, H), b_hh (G H) or null.
template <class Real>
struct CellWeights {
  const Real* w_hh;  ///< (G H, H)
  const Real* b_hh;  ///< (G H), or null
};

/// State before the first step or after the last: h (B, H) and, of an LSTM, c (B, H), contiguous. As an
/// input, null is 0; as an output, null is not wanted.
template <class Real>
struct CellState {
  Real* h = nullptr;  ///< (B, H)
  Real* c = nullptr;  ///< (B, H)
};

/// Which steps, and in which order.
struct StepOrder {
  bool reverse = false;              ///< run from each row's last step to its first
  const int64_t* lengths = nullptr;  ///< (B) in [0, T]: from there on a row rests and its outputs are 0; null: all T
};

/// Elements of the array `saved` that forward fills for backward: 0 for rnn, T B 5H for lstm (i f g o c), T B
/// 4H for gru (r z n u_n).
constexpr int64_t recurrent_saved_size(Cell cell, const RecurrentShape& shape) {
  const int64_t columns = cell == Cell::lstm ? 5 : cell == Cell::gru ? 4 : 0;
  return shape.T * shape.B * shape.H * columns;
}

/// Runs all steps. gates (T, B, G H) is x above; out (T, B, H) gets every h; last the state after each row's
/// last step. saved as recurrent_saved_size says, or null when no backward will follow. Each thread takes
/// some rows of the batch through all steps, so steps need no barrier, and a row's padding touches nothing.
template <class Real>
void recurrent(Cell cell, const RecurrentShape& shape, Strided<const Real, 2> gates, const CellWeights<Real>& weights,
               CellState<const Real> first, const StepOrder& options, Strided<Real, 2> out, CellState<Real> last,
               Real* saved);

/// What backward writes. Null data: not wanted, but for dgates, which must be there.
template <class Real>
struct RecurrentGradients {
  Strided<Real, 2> dgates{};  ///< (T, B, G H), overwritten; 0 past a row's length
  CellState<Real> dfirst{};   ///< overwritten
  Real* dw_hh = nullptr;      ///< (G H, H)
  Real* db_hh = nullptr;      ///< (G H)
  bool accumulate = false;    ///< add to dw_hh and db_hh, as when decoder steps share them
};

/// The gradients of recurrent, given dout (T, B, H), null data for none, and those of the last state, null
/// for none. Steps past a row's length are never read. dw_hh is one product over all steps.
template <class Real>
void recurrent_backward(Cell cell, const RecurrentShape& shape, const CellWeights<Real>& weights,
                        CellState<const Real> first, const StepOrder& options, Strided<const Real, 2> out,
                        const Real* saved, Strided<const Real, 2> dout, CellState<const Real> dlast,
                        const RecurrentGradients<Real>& gradients);

}  // namespace heed::kernels

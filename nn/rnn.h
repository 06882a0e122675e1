// RNN, LSTM and GRU: one step at a time, and over whole sequences.
// Parameters are named, and drawn, as PyTorch's.
//
// Sizes: B batch, T time, H hidden, L layers, D directions (1 or 2), G gates (1, LSTM 4, GRU 3).
#pragma once

#include <vector>

#include <heed/nn/scope.h>
#include <heed/tensor/kernels/recurrent.h>

namespace heed::nn {

/// What a step computes. With u = W_ih x + b_ih + W_hh h + b_hh, cut into gates where there are several:
///   rnn_tanh, rnn_relu  h' = f(u)
///   lstm  i, f, g, o = sigmoid, sigmoid, tanh, sigmoid (u);  c' = f c + i g;  h' = o tanh(c')
///   gru   r, z = sigmoid(u);  n = tanh(W_in x + b_in + r (W_hn h + b_hn));  h' = (1 - z) n + z h
using kernels::Cell;

/// What is carried from step to step. Undefined: zeros.
struct RecurrentState {
  Tensor h = {};  ///< (B, H) of a cell, (L D, B, H) of a layer
  Tensor c = {};  ///< the same shape; LSTM only
  /// The same values without their history: what truncated backpropagation through time carries on.
  RecurrentState detach() const { return {h.detach(), c.detach()}; }
};

/// The weights of one direction of one layer.
struct RecurrentWeights {
  Tensor weight_ih;  ///< (G H, in)
  Tensor weight_hh;  ///< (G H, H)
  Tensor bias_ih;    ///< (G H), undefined without bias
  Tensor bias_hh;    ///< (G H), undefined without bias

  /// Draws all four from U(-1/sqrt(H), 1/sqrt(H)), named weight_ih + suffix and so on.
  RecurrentWeights(Scope s, Cell cell, int64_t in, int64_t hidden, bool bias, const std::string& suffix);
};

/// One step. Throws ShapeError naming x or state if it does not fit.
struct RecurrentCell {
  ModuleName name;
  Cell cell;                 ///< which of the four
  RecurrentWeights weights;  ///< of its one direction

  RecurrentCell(Scope s, Cell cell, int64_t in, int64_t hidden, bool bias = true);
  /// x (B, in) and the state before -> the state after.
  RecurrentState operator()(const Tensor& x, const RecurrentState& state = {}, Loc loc = Loc::current()) const;
};

/// f of an RNN.
enum class Nonlinearity { tanh, relu };

/// One step of an RNN: tanh or relu.
struct RNNCell : RecurrentCell {
  RNNCell(Scope s, int64_t in, int64_t hidden, bool bias = true, Nonlinearity f = Nonlinearity::tanh);
};
/// One step of an LSTM (Hochreiter and Schmidhuber 1997).
struct LSTMCell : RecurrentCell {
  LSTMCell(Scope s, int64_t in, int64_t hidden, bool bias = true);
};
/// One step of a GRU (Cho et al. 2014).
struct GRUCell : RecurrentCell {
  GRUCell(Scope s, int64_t in, int64_t hidden, bool bias = true);
};

/// How layers are stacked and read.
struct RecurrentOptions {
  int64_t num_layers = 1;      ///< each reads the outputs of the one below
  bool bias = true;            ///< b_ih and b_hh
  bool batch_first = false;    ///< x and y are (B, T, ...) in place of (T, B, ...); states never
  double dropout = 0;          ///< of the outputs of every layer but the last
  bool bidirectional = false;  ///< a second run from the end; outputs are [forward; backward]
};

/// What a layer returns: `auto [y, state] = gru(x);`
struct RecurrentOutput {
  Tensor y;              ///< (T, B, D H), or (B, T, D H) if batch_first: the top layer's h at every step
  RecurrentState state;  ///< after each row's last step: (L D, B, H), by layer, then forward, backward
};

/// Whole sequences through one or more layers.
///
/// With lengths (B) i64 in [0, T], row b has lengths[b] steps: what stands behind them has no effect, y is 0
/// there, the state is that after the row's own last step, and the backward direction begins at it.
struct Recurrent {
  ModuleName name;
  Cell cell;                              ///< which of the four
  int64_t hidden;                         ///< H
  RecurrentOptions options;               ///< as given
  std::vector<RecurrentWeights> weights;  ///< layer by layer, forward before backward
  std::shared_ptr<Rng> rng;               ///< that dropout draws from

  Recurrent(Scope s, Cell cell, int64_t in, int64_t hidden, const RecurrentOptions& options = {});
  /// x (T, B, in), or (B, T, in) if batch_first.
  /// Throws ShapeError naming x, state or lengths if it does not fit.
  RecurrentOutput operator()(const Tensor& x, const RecurrentState& first = {}, const Tensor& lengths = {},
                             Loc loc = Loc::current()) const;
  /// D
  int64_t directions() const { return options.bidirectional ? 2 : 1; }
};

/// Layers of RNNs: tanh or relu.
struct RNN : Recurrent {
  RNN(Scope s, int64_t in, int64_t hidden, const RecurrentOptions& options = {}, Nonlinearity f = Nonlinearity::tanh);
};
/// Layers of LSTMs (Hochreiter and Schmidhuber 1997).
struct LSTM : Recurrent {
  LSTM(Scope s, int64_t in, int64_t hidden, const RecurrentOptions& options = {});
};
/// Layers of GRUs (Cho et al. 2014).
struct GRU : Recurrent {
  GRU(Scope s, int64_t in, int64_t hidden, const RecurrentOptions& options = {});
};

}  // namespace heed::nn

#include <heed/nn/rnn.h>

#include <cmath>

#include <heed/autograd/ops.h>
#include <heed/nn/dropout.h>
#include <heed/nn/init.h>
#include <heed/nn/mask.h>

namespace heed::nn {

namespace {

const char* name_of(Cell cell) {
  switch (cell) {
    case Cell::lstm: return "LSTM";
    case Cell::gru: return "GRU";
    default: return "RNN";
  }
}

Cell rnn_cell(Nonlinearity f) { return f == Nonlinearity::relu ? Cell::rnn_relu : Cell::rnn_tanh; }

void check_input(const Op& op, const Tensor& x, int rank, int64_t in, const char* axes) {
  if (!x.defined()) fail<Error>(op, "x is undefined; need ({}, {})", axes, in);
  if (x.rank() != rank || x.size(-1) != in) fail<ShapeError>(op, "x has shape {}; need ({}, {})", x.shape(), axes, in);
}

void check_state(const Op& op, Cell cell, const RecurrentState& state, const Shape& shape) {
  if (state.h.defined() && !(state.h.shape() == shape))
    fail<ShapeError>(op, "state.h has shape {}; need {}", state.h.shape(), shape);
  if (state.c.defined() && !(state.c.shape() == shape))
    fail<ShapeError>(op, "state.c has shape {}; need {}", state.c.shape(), shape);
  if (state.c.defined() && cell != Cell::lstm)
    fail<ValueError>(op, "state.c is given; need none, as only an LSTM has a cell state");
}

// All steps of one direction of one layer; y and gates are (T, B, ...), the state is (B, H).
RecurrentOutput run(Cell cell, const RecurrentWeights& w, const Tensor& gates, const RecurrentState& first,
                    const RecurrentSteps& steps) {
  const int64_t T = gates.size(0);
  const Tensor packed = recurrent(cell, gates, w.weight_hh, w.bias_hh, first.h, first.c, steps);
  return {packed.narrow(0, 0, T), {packed[T], cell == Cell::lstm ? packed[T + 1] : Tensor()}};
}

}  // namespace

RecurrentWeights::RecurrentWeights(Scope s, Cell cell, int64_t in, int64_t hidden, bool bias,
                                   const std::string& suffix) {
  if (in < 1 || hidden < 1)
    fail<ValueError>({name_of(cell), s.name(), s.where()}, "{} -> {} units; need at least 1 of each", in, hidden);
  const int64_t rows = kernels::gates_of(cell) * hidden;
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const Init draw = init::uniform(-bound, bound);
  weight_ih = s.param("weight_ih" + suffix, {rows, in}, draw);
  weight_hh = s.param("weight_hh" + suffix, {rows, hidden}, draw);
  if (!bias) return;
  bias_ih = s.param("bias_ih" + suffix, {rows}, draw);
  bias_hh = s.param("bias_hh" + suffix, {rows}, draw);
}

// --- one step -------------------------------------------------------------------------------------------------------

RecurrentCell::RecurrentCell(Scope s, Cell kind, int64_t in, int64_t hidden, bool bias)
    : name(s.name()), cell(kind), weights(s, kind, in, hidden, bias, "") {}

RNNCell::RNNCell(Scope s, int64_t in, int64_t hidden, bool bias, Nonlinearity f)
    : RecurrentCell(s, rnn_cell(f), in, hidden, bias) {}
LSTMCell::LSTMCell(Scope s, int64_t in, int64_t hidden, bool bias) : RecurrentCell(s, Cell::lstm, in, hidden, bias) {}
GRUCell::GRUCell(Scope s, int64_t in, int64_t hidden, bool bias) : RecurrentCell(s, Cell::gru, in, hidden, bias) {}

RecurrentState RecurrentCell::operator()(const Tensor& x, const RecurrentState& state, Loc loc) const {
  const Op op{name_of(cell), name, loc};
  check_input(op, x, 2, weights.weight_ih.size(1), "B");
  check_state(op, cell, state, {x.size(0), weights.weight_hh.size(1)});
  const Tensor gates = linear(x, weights.weight_ih, weights.bias_ih).unsqueeze(0);
  return run(cell, weights, gates, state, {}).state;
}

// --- whole sequences ------------------------------------------------------------------------------------------------

Recurrent::Recurrent(Scope s, Cell kind, int64_t in, int64_t size, const RecurrentOptions& chosen)
    : name(s.name()), cell(kind), hidden(size), options(chosen), rng(s.shared_rng()) {
  const Op op{name_of(cell), s.name(), s.where()};
  if (options.num_layers < 1) fail<ValueError>(op, "{} layers; need at least 1", options.num_layers);
  check_probability(op, options.dropout);
  for (int64_t layer = 0; layer < options.num_layers; ++layer)
    for (int64_t direction = 0; direction < directions(); ++direction) {
      const std::string suffix = fmt::format("_l{}{}", layer, direction ? "_reverse" : "");
      weights.emplace_back(s, cell, layer ? directions() * hidden : in, hidden, options.bias, suffix);
    }
}

RNN::RNN(Scope s, int64_t in, int64_t size, const RecurrentOptions& chosen, Nonlinearity f)
    : Recurrent(s, rnn_cell(f), in, size, chosen) {}
LSTM::LSTM(Scope s, int64_t in, int64_t size, const RecurrentOptions& chosen)
    : Recurrent(s, Cell::lstm, in, size, chosen) {}
GRU::GRU(Scope s, int64_t in, int64_t size, const RecurrentOptions& chosen)
    : Recurrent(s, Cell::gru, in, size, chosen) {}

RecurrentOutput Recurrent::operator()(const Tensor& x, const RecurrentState& first, const Tensor& lengths,
                                      Loc loc) const {
  const Op op{name_of(cell), name, loc};
  check_input(op, x, 3, weights[0].weight_ih.size(1), options.batch_first ? "B, T" : "T, B");
  const int time = options.batch_first ? 1 : 0;
  const int64_t T = x.size(time), B = x.size(1 - time), D = directions();
  check_state(op, cell, first, {options.num_layers * D, B, hidden});
  // (T, B, ...) of the caller's order, and back: a view either way.
  const auto swapped = [&](const Tensor& t) { return options.batch_first ? t.transpose(0, 1) : t; };

  Tensor y = x;
  if (lengths.defined()) {
    if (!(lengths.shape() == Shape{B})) fail<ShapeError>(op, "lengths have shape {}; need ({})", lengths.shape(), B);
    // Not even a NaN in the padding may reach the gradients, as it would through 0 * NaN in the projection's.
    const Tensor padding = logical_not(length_mask(lengths, T));  // (B, T)
    y = masked_fill(x, (time ? padding : padding.transpose(0, 1)).unsqueeze(2), 0);
  }
  std::vector<Tensor> h, c;
  for (int64_t layer = 0; layer < options.num_layers; ++layer) {
    // Drawn in the order of (T, B, ...) either way, as PyTorch does.
    if (layer && training()) y = swapped(dropout(swapped(y), options.dropout, *rng));
    std::vector<Tensor> outputs;
    for (int64_t d = 0; d < D; ++d) {
      const int64_t index = layer * D + d;
      const RecurrentWeights& w = weights[static_cast<size_t>(index)];
      const Tensor gates = swapped(linear(y, w.weight_ih, w.bias_ih));
      const auto of_layer = [&](const Tensor& state) { return state.defined() ? state[index] : state; };
      const RecurrentState before{of_layer(first.h), of_layer(first.c)};
      const RecurrentOutput result = run(cell, w, gates, before, {.reverse = d == 1, .lengths = lengths});
      outputs.push_back(swapped(result.y));
      h.push_back(result.state.h);
      c.push_back(result.state.c);
    }
    y = D == 1 ? outputs[0] : cat(outputs, 2);
  }
  return {y, {stack(h, 0), cell == Cell::lstm ? stack(c, 0) : Tensor()}};
}

}  // namespace heed::nn

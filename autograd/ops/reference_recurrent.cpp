// The composed twins of the recurrent cells and of additive attention.
#include <heed/autograd/ops/reference.h>

#include <cmath>

namespace heed::reference {

namespace {

struct State {
  Tensor h, c;
};

// x (B, G H) stands for W_ih x + b_ih, u for W_hh h + b_hh.
State step(Cell cell, const Tensor& x, const Tensor& u, const State& state) {
  if (cell == Cell::rnn_tanh) return {tanh(x + u), {}};
  if (cell == Cell::rnn_relu) return {relu(x + u), {}};
  const int64_t H = state.h.size(1);
  if (cell == Cell::lstm) {
    const std::vector<Tensor> gate = split(x + u, H, 1);
    const Tensor i = sigmoid(gate[0]), f = sigmoid(gate[1]), g = tanh(gate[2]), o = sigmoid(gate[3]);
    const Tensor c = f * state.c + i * g;
    return {o * tanh(c), c};
  }
  const std::vector<Tensor> xs = split(x, H, 1), us = split(u, H, 1);
  const Tensor r = sigmoid(xs[0] + us[0]), z = sigmoid(xs[1] + us[1]), n = tanh(xs[2] + r * us[2]);
  return {(1 - z) * n + z * state.h, {}};
}

}  // namespace

Tensor recurrent(Cell cell, const Tensor& gates, const Tensor& w_hh, const Tensor& b_hh, const Tensor& h0,
                 const Tensor& c0, const RecurrentSteps& steps) {
  const int64_t T = gates.size(0), B = gates.size(1), H = w_hh.size(1);
  const Tensor nothing = zeros({B, H}, gates.dtype());
  State state{h0.defined() ? h0 : nothing, c0.defined() ? c0 : nothing};
  std::vector<Tensor> rows(static_cast<size_t>(T));
  for (int64_t i = 0; i < T; ++i) {
    const int64_t t = steps.reverse ? T - 1 - i : i;
    if (!steps.lengths.defined()) {
      state = step(cell, gates[t], heed::linear(state.h, w_hh, b_hh), state);
      rows[static_cast<size_t>(t)] = state.h;
      continue;
    }
    // Rows that have no step t keep their state; masking the gates keeps what stands there out of the gradient too.
    const Tensor rests = le(steps.lengths, static_cast<double>(t)).unsqueeze(1);
    const State next = step(cell, masked_fill(gates[t], rests, 0), heed::linear(state.h, w_hh, b_hh), state);
    state.h = where(rests, state.h, next.h);
    if (cell == Cell::lstm) state.c = where(rests, state.c, next.c);
    rows[static_cast<size_t>(t)] = masked_fill(next.h, rests, 0);
  }
  rows.push_back(state.h);
  if (cell == Cell::lstm) rows.push_back(state.c);
  return stack(rows, 0);
}

Tensor additive_weights(const Tensor& query, const Tensor& keys, const Tensor& score, const Tensor& mask) {
  const Tensor energy = tanh(query.unsqueeze(2) + seen_rows(keys, mask).unsqueeze(1));  // (B, T, S, A)
  Tensor scores = matmul(energy, score);
  if (!mask.defined()) return reference::softmax(scores, -1);
  scores = from_top(masked_fill(scores, logical_not(mask), -INFINITY), -1);
  // A row of -inf alone: exp(-inf - 0) = 0, where softmax would give NaN.
  const Tensor lse = logsumexp(scores, -1, true);
  return exp(scores - masked_fill(lse, eq(lse, -INFINITY), 0));
}

Tensor attentive_decoder(Cell cell, const AttentiveInputs& in) {
  const Tensor mask = in.mask.defined() ? in.mask.unsqueeze(1) : in.mask;
  Tensor h = in.h0, c = in.c0;
  std::vector<Tensor> steps;
  for (int64_t t = 0; t < in.gates.size(0); ++t) {
    const Tensor query = linear(h, in.w_query).unsqueeze(1);
    const Tensor context = additive_attention(query, in.keys, in.score, in.values, mask);
    const Tensor gates = in.gates[t] + linear(context.squeeze(1), in.w_context);
    const Tensor state = recurrent(cell, gates.unsqueeze(0), in.w_hh, in.b_hh, h, c);
    h = state[0];
    if (cell == Cell::lstm) c = state[2];
    steps.push_back(cat({h, context.squeeze(1)}, -1));
  }
  if (steps.empty())  // nothing, of what would have been read
    return cat({in.h0.unsqueeze(0), in.values.sum(1).unsqueeze(0)}, -1)(slice(0, 0)) + in.gates.sum(-1, true);
  return stack(steps, 0);
}

}  // namespace heed::reference

// RNN, LSTM and GRU: the fused op and its twin, cells and layers, padded batches.
#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/reference.h>
#include <heed/nn/rnn.h>
#include <heed/tensor/random.h>
#include <heed/train/optimizer.h>
#include "reference_files.h"

using namespace heed;
using heed::tests::require_close;
using nn::Cell;

namespace {

constexpr Cell kCells[] = {Cell::rnn_tanh, Cell::rnn_relu, Cell::lstm, Cell::gru};
constexpr double kSame = 1e-12;  // f64, a few hundred operations

Tensor leaf(const Shape& shape, Rng& rng, DType dtype = f64) { return randn(shape, rng, dtype).set_requires_grad(); }

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.to_vector<double>() == b.to_vector<double>();
}

// A layer over a padded batch, and everything that came of it.
struct Padded {
  Rng rng{11};
  nn::Parameters params;
  nn::Recurrent layer;
  Padded(Cell cell, const nn::RecurrentOptions& options, DType dtype = f64)
      : params(rng, dtype), layer(params, cell, 3, 4, options) {}
};

Tensor loss_of(const nn::RecurrentOutput& out) {
  // Unequal weights, so that errors of opposite sign cannot cancel.
  Tensor loss = (out.y * cos(arange(0, double(out.y.numel()), 1, out.y.dtype()).reshape(out.y.shape()))).sum() +
                (out.state.h * out.state.h).sum();
  return out.state.c.defined() ? loss + sin(out.state.c).sum() : loss;
}

}  // namespace

TEST_CASE("recurrent: the fused op equals its twin, values and gradients", "[ops][rnn]") {
  const int64_t T = 5, B = 3, H = 4;
  for (const Cell cell : kCells)
    for (const bool reverse : {false, true})
      for (const bool lengths : {false, true})
        for (const bool full : {false, true}) {
          INFO("cell " << int(cell) << ", reverse " << reverse << ", lengths " << lengths << ", all inputs " << full);
          Rng rng(5);
          const int64_t G = kernels::gates_of(cell);
          std::vector<Tensor> in{leaf({T, B, G * H}, rng), leaf({G * H, H}, rng)};
          Tensor b, h0, c0;
          if (full) {
            in.push_back(b = leaf({G * H}, rng)), in.push_back(h0 = leaf({B, H}, rng));
            if (cell == Cell::lstm) in.push_back(c0 = leaf({B, H}, rng));
          }
          const RecurrentSteps steps{reverse, lengths ? tensor({5, 0, 2}) : Tensor()};
          const Tensor y = recurrent(cell, in[0], in[1], b, h0, c0, steps);
          const Tensor twin = reference::recurrent(cell, in[0], in[1], b, h0, c0, steps);
          require_close(y, twin, kSame);
          const Tensor seed = randn(y.shape(), rng, f64);
          const std::vector<Tensor> got = grad({y}, in, {.seeds = {seed}}),
                                    expected = grad({twin}, in, {.seeds = {seed}});
          for (size_t i = 0; i < in.size(); ++i) {
            INFO("gradient " << i);
            require_close(got[i], expected[i], kSame);
          }
        }
}

TEST_CASE("recurrent: batch-first gates give the same, and batch-first gradients", "[ops][rnn]") {
  Rng rng(5);
  Tensor x = leaf({3, 5, 12}, rng);  // (B, T, 3 H)
  const Tensor w = randn({12, 4}, rng, f64);
  const Tensor y = recurrent(Cell::gru, x.transpose(0, 1), w);
  const Tensor dense = recurrent(Cell::gru, x.transpose(0, 1).contiguous(), w);
  REQUIRE(same_bits(y, dense));
  const Tensor seed = randn(y.shape(), rng, f64);
  REQUIRE(same_bits(grad(y, x, {.seeds = {seed}}), grad(dense, x, {.seeds = {seed}})));
}

TEST_CASE("recurrent: names and draws are PyTorch's", "[nn][rnn]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::GRU gru(params / "gru", 3, 4, {.num_layers = 2, .bidirectional = true});
  std::vector<std::string> names;
  for (const auto& [name, p] : params) {
    names.push_back(name);
    REQUIRE(abs(p).max().item<double>() <= 0.5);
  }
  std::vector<std::string> expected;
  for (const char* layer : {"l0", "l0_reverse", "l1", "l1_reverse"})
    for (const char* kind : {"weight_ih_", "weight_hh_", "bias_ih_", "bias_hh_"})
      expected.push_back(std::string("gru.") + kind + layer);
  REQUIRE(names == expected);
  REQUIRE(params.at("gru.weight_ih_l0").shape() == Shape{12, 3});
  REQUIRE(params.at("gru.weight_ih_l1").shape() == Shape{12, 8});
  nn::Parameters cell_params(rng);
  const nn::LSTMCell cell(cell_params, 3, 4, false);
  REQUIRE(cell_params.size() == 2);
  REQUIRE(cell_params.find("weight_ih") != nullptr);
}

TEST_CASE("recurrent: cells, step by step, make the layer", "[nn][rnn]") {
  for (const Cell kind : kCells) {
    INFO("cell " << int(kind));
    Rng rng(2);
    nn::Parameters params(rng, f64);
    const nn::Recurrent layer(params, kind, 3, 4);
    nn::Parameters cell_params(rng, f64);
    nn::RecurrentCell cell(cell_params, kind, 3, 4);
    cell.weights = layer.weights[0];
    const Tensor x = randn({6, 2, 3}, rng, f64);
    nn::RecurrentState state;
    std::vector<Tensor> hs;
    for (int64_t t = 0; t < 6; ++t) hs.push_back((state = cell(x[t], state)).h);
    const auto [y, last] = layer(x);
    require_close(y, stack(hs, 0), kSame);
    require_close(last.h[0], state.h, kSame);
    if (kind == Cell::lstm) require_close(last.c[0], state.c, kSame);
  }
}

TEST_CASE("recurrent: two halves of a sequence, the state handed over, make the whole", "[nn][rnn]") {
  for (const Cell kind : kCells) {
    Rng rng(2);
    nn::Parameters params(rng, f64);
    const nn::Recurrent layer(params, kind, 3, 4, {.num_layers = 2});
    const Tensor x = randn({6, 2, 3}, rng, f64);
    const auto [whole, last] = layer(x);
    const auto [first, middle] = layer(x.narrow(0, 0, 2));
    const auto [second, end] = layer(x.narrow(0, 2, 4), middle);
    require_close(cat({first, second}, 0), whole, kSame);
    require_close(end.h, last.h, kSame);
  }
}

TEST_CASE("recurrent: a detached state carries the values on, and no gradient", "[nn][rnn]") {
  for (const Cell kind : kCells) {
    Rng rng(2);
    nn::Parameters params(rng, f64);
    const nn::Recurrent layer(params, kind, 3, 4);
    const Tensor x = randn({6, 2, 3}, rng, f64).set_requires_grad();
    const nn::RecurrentState middle = layer(x.narrow(0, 0, 2)).state, cut = middle.detach();
    require_close(cut.h, middle.h, kSame);
    CHECK(cut.c.defined() == (kind == Cell::lstm));
    if (cut.c.defined()) require_close(cut.c, middle.c, kSame);
    layer(x.narrow(0, 2, 4), cut).y.sum().backward();
    CHECK_FALSE(ne(x.grad().narrow(0, 0, 2), 0).any().item<bool>());
  }
  CHECK_FALSE(nn::RecurrentState().detach().h.defined());
}

TEST_CASE("recurrent: a state carried on through backward is refused with the way out, whichever is met", "[nn][rnn]") {
  nn::Parameters params(1);
  const nn::GRU gru(params, 3, 4);
  train::SGD optimizer(params, {.lr = 0.1});
  const auto train = [&](bool retain) {
    nn::RecurrentState state;
    for (int step = 0; step < 2; ++step) {
      const nn::RecurrentOutput out = gru(ones({2, 5, 3}), state);
      state = out.state;
      out.y.sum().backward(ones({}), retain);
      optimizer.step();
    }
  };
  CHECK_THROWS_WITH(train(false), Contains("retain_graph in that one, or detach() of what was carried on from it"));
  CHECK_THROWS_WITH(train(true), Contains("or detach() of what was carried on from an earlier step"));
}

TEST_CASE("recurrent: batch_first only swaps the axes of x and y", "[nn][rnn]") {
  Rng rng(2);
  nn::Parameters params(rng, f64);
  nn::LSTM layer(params, 3, 4, {.num_layers = 2, .bidirectional = true});
  const Tensor x = randn({6, 2, 3}, rng, f64), lengths = tensor({6, 3});
  const auto [y, state] = layer(x, {}, lengths);
  layer.options.batch_first = true;
  const auto [y2, state2] = layer(x.transpose(0, 1), {}, lengths);
  REQUIRE(same_bits(y2.transpose(0, 1), y));
  REQUIRE(same_bits(state2.h, state.h));
  REQUIRE(same_bits(state2.c, state.c));
}

TEST_CASE("recurrent: the backward direction is the forward one on the reversed sequence", "[nn][rnn]") {
  for (const Cell kind : kCells) {
    Rng rng(2);
    nn::Parameters params(rng, f64);
    const nn::Recurrent both(params / "both", kind, 3, 4, {.bidirectional = true});
    nn::Recurrent one(params / "one", kind, 3, 4);
    one.weights[0] = both.weights[1];
    const Tensor x = randn({6, 2, 3}, rng, f64);
    const auto [y, state] = both(x);
    const auto [reversed, last] = one(flip(x, 0));
    require_close(y.narrow(2, 4, 4), flip(reversed, 0), kSame);
    require_close(state.h[1], last.h[0], kSame);
  }
}

TEST_CASE("padding: a padded row gives what the row alone gives, and so do its gradients", "[nn][rnn][padding]") {
  const std::vector<int64_t> lengths{4, 7, 1, 5};
  for (const Cell kind : kCells) {
    INFO("cell " << int(kind));
    Padded m(kind, {.num_layers = 2, .bidirectional = true});
    const Tensor x = randn({7, 4, 3}, m.rng, f64);
    const auto [y, state] = m.layer(x, {}, from_vector(lengths, {4}));
    for (int64_t b = 0; b < 4; ++b) {
      const int64_t n = lengths[size_t(b)];
      const auto [alone, last] = m.layer(x.narrow(1, b, 1).narrow(0, 0, n));
      require_close(y.narrow(1, b, 1).narrow(0, 0, n), alone, kSame);
      require_close(state.h.narrow(1, b, 1), last.h, kSame);
      if (kind == Cell::lstm) require_close(state.c.narrow(1, b, 1), last.c, kSame);
      const Tensor behind = y.narrow(1, b, 1).narrow(0, n, 7 - n);
      REQUIRE(same_bits(behind, zeros_like(behind)));
    }
    std::vector<Tensor> parameters;
    for (const auto& [name, p] : m.params) parameters.push_back(p);
    const std::vector<Tensor> together = grad({(y * y).sum() + state.h.sum()}, parameters);
    std::vector<Tensor> apart;
    for (int64_t b = 0; b < 4; ++b) {
      const auto [alone, last] = m.layer(x.narrow(1, b, 1).narrow(0, 0, lengths[size_t(b)]));
      const std::vector<Tensor> row = grad({(alone * alone).sum() + last.h.sum()}, parameters);
      for (size_t i = 0; i < row.size(); ++i) b ? void(apart[i] = apart[i] + row[i]) : apart.push_back(row[i]);
    }
    for (size_t i = 0; i < together.size(); ++i) require_close(together[i], apart[i], kSame);
  }
}

TEST_CASE("padding: what stands there changes no bit, not even as NaN, and gets gradient 0", "[nn][rnn][padding]") {
  const Tensor lengths = tensor({4, 7, 0, 5});
  for (const Cell kind : kCells)
    for (const bool batch_first : {false, true})
      for (const DType dtype : {f32, f64}) {
        INFO("cell " << int(kind) << ", batch_first " << batch_first << ", " << name_of(dtype));
        Padded m(kind, {.num_layers = 2, .batch_first = batch_first, .bidirectional = true}, dtype);
        const Tensor clean = randn(batch_first ? Shape{4, 7, 3} : Shape{7, 4, 3}, m.rng, dtype);
        Tensor padding = le(lengths, arange(7).unsqueeze(1));  // (T, B)
        padding = (batch_first ? padding.transpose(0, 1) : padding).unsqueeze(2);
        std::vector<Tensor> results;
        for (const double value : {0.0, 1e3, double(NAN)}) {
          Tensor x = masked_fill(clean, padding, value).set_requires_grad();
          const nn::RecurrentOutput out = m.layer(x, {}, lengths);
          loss_of(out).backward();
          std::vector<Tensor> now{out.y, out.state.h, x.grad()};
          if (kind == Cell::lstm) now.push_back(out.state.c);
          for (const auto& [name, p] : m.params) now.push_back(p.grad());
          m.params.zero_grad();
          const Tensor at_padding = masked_fill(x.grad(), logical_not(padding), 0);
          REQUIRE(same_bits(at_padding, zeros_like(at_padding)));
          if (results.empty()) results = now;
          for (size_t i = 0; i < now.size(); ++i) REQUIRE(same_bits(now[i], results[i]));
        }
      }
}

TEST_CASE("recurrent: no steps leave the state as it was, and no rows are fine", "[nn][rnn]") {
  for (const Cell kind : kCells) {
    Rng rng(2);
    nn::Parameters params(rng, f64);
    const nn::Recurrent layer(params, kind, 3, 4, {.bidirectional = true});
    const Tensor h = leaf({2, 2, 4}, rng);
    for (const auto& [x, lengths] :
         {std::pair{zeros({0, 2, 3}, f64), Tensor()}, {ones({5, 2, 3}, f64), tensor({0, 0})}}) {
      const auto [y, last] = layer(x, {h}, lengths);
      REQUIRE(y.shape() == Shape{x.size(0), 2, 8});
      REQUIRE(same_bits(last.h, h));
      REQUIRE(same_bits(grad((last.h * 2).sum() + y.sum(), h), ones_like(h) * 2));
    }
    REQUIRE(layer(zeros({5, 0, 3}, f64)).y.shape() == Shape{5, 0, 8});
  }
}

TEST_CASE("recurrent: dropout stands between layers, and only while training", "[nn][rnn]") {
  Rng rng(2);
  nn::Parameters params(rng);
  const nn::GRU layer(params, 3, 4, {.num_layers = 2, .dropout = 0.5});
  const Tensor x = randn({6, 2, 3}, rng);
  const Tensor before = layer(x).y;
  REQUIRE_FALSE(same_bits(layer(x).y, before));
  const nn::EvalMode eval;
  const Tensor y = layer(x).y;
  REQUIRE(same_bits(layer(x).y, y));
}

TEST_CASE("recurrent: inputs that do not fit are named", "[nn][rnn][errors]") {
  Rng rng(2);
  nn::Parameters params(rng);
  const nn::LSTM lstm(params / "a", 3, 4);
  const nn::GRU gru(params / "b", 3, 4);
  const nn::GRUCell cell(params / "c", 3, 4);
  const Tensor x = zeros({6, 2, 3});
  REQUIRE_THROWS_WITH(lstm(zeros({6, 2, 5})),
                      Contains("LSTM in a: x has shape (6, 2, 5); need (T, B, 3)") && Contains("test_rnn.cpp"));
  REQUIRE_THROWS_WITH(gru(x, {zeros({1, 3, 4})}), Contains("GRU in b: state.h has shape (1, 3, 4); need (1, 2, 4)"));
  REQUIRE_THROWS_WITH(gru(x, {{}, zeros({1, 2, 4})}), Contains("only an LSTM has a cell state"));
  REQUIRE_THROWS_WITH(gru(x, {}, tensor({6})), Contains("lengths have shape (1); need (2)"));
  REQUIRE_THROWS_WITH(gru(x, {}, tensor({6, 7})), Contains("a length of 7; need 0 to 6"));
  REQUIRE_THROWS_WITH(cell(x), Contains("GRU in c: x has shape (6, 2, 3); need (B, 3)"));
  REQUIRE_THROWS_AS(nn::GRU(params / "d", 3, 0), ValueError);
  REQUIRE_THROWS_AS(nn::GRU(params / "e", 3, 4, {.num_layers = 0}), ValueError);
  REQUIRE_THROWS_AS(nn::GRU(params / "f", 3, 4, {.dropout = 2}), ValueError);
}

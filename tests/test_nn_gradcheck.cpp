// Every module's gradients, of parameters and inputs, first and second, against central differences.
#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/ops.h>
#include <heed/nn/attention.h>
#include <heed/nn/dropout.h>
#include <heed/nn/embedding.h>
#include <heed/nn/mask.h>
#include <heed/nn/norm.h>
#include <heed/nn/position.h>
#include <heed/nn/rnn.h>
#include <heed/tensor/random.h>
#include "catch.h"

using namespace heed;

namespace {

// A module's parameters, in f64 as the checks need them, and a generator for its inputs.
struct Setup {
  Rng rng{17};
  nn::Parameters params{rng, f64};
  nn::Scope s = params;

  Tensor input(const Shape& shape) { return randn(shape, rng, f64); }

  // First and second derivatives: of the inputs with the parameters fixed, then of the parameters.
  template <class F>
  void check(F f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {}) {
    REQUIRE(gradcheck(f, inputs, options));
    REQUIRE(gradgradcheck(f, inputs, options));
    if (params.size() == 0) return;
    const autograd::CheckedFunction whole = autograd::checked_function(f);
    // Unequal weights for every output, so that errors cannot cancel in a sum.
    const auto loss = [&] {
      Tensor sum = zeros({}, f64);
      for (const Tensor& y : whole(inputs))
        sum = sum + (y * sin(arange(1, 1 + double(y.numel()), 1, f64)).reshape(y.shape())).sum();
      return sum;
    };
    REQUIRE(gradcheck(params, loss, options));
    REQUIRE(gradgradcheck(params, loss, options));
  }
};

}  // namespace

TEST_CASE("gradcheck: linear", "[nn][gradcheck]") {
  Setup t;
  const nn::Linear linear(t.s, 3, 2);
  t.check([&](const Tensor& x) { return linear(x); }, {t.input({2, 2, 3})});
}

TEST_CASE("gradcheck: embedding, repeated and padding tokens among the indices", "[nn][gradcheck]") {
  Setup t;
  const nn::Embedding embedding(t.s, 4, 3);
  const Tensor index = tensor({{0, 1, 1}, {3, 1, 0}});
  const auto loss = [&] { return (pow(embedding(index), 3)).sum(); };
  REQUIRE(gradcheck(t.params, loss));
  REQUIRE(gradgradcheck(t.params, loss));
}

TEST_CASE("gradcheck: norms", "[nn][gradcheck]") {
  Setup t;
  const nn::LayerNorm layer(t.s / "layer", 4);
  const nn::RMSNorm rms(t.s / "rms", 4);
  t.check([&](const Tensor& x) { return std::pair{layer(x), rms(x)}; }, {t.input({3, 4})});
}

TEST_CASE("gradcheck: dropout, with its mask drawn anew from the same state", "[nn][gradcheck]") {
  Setup t;
  const nn::Dropout dropout(t.s, 0.4);
  t.check([&](const Tensor& x) { return dropout(x * x); }, {t.input({3, 4})}, {.rng = &t.rng});
}

TEST_CASE("gradcheck: the generator of the parameters' store is frozen unasked, and left where it was",
          "[nn][gradcheck]") {
  Setup t;
  const nn::Linear linear(t.s / "linear", 4, 3);
  const nn::Dropout dropout(t.s, 0.5);
  const Tensor x = t.input({3, 4});
  Rng before = t.rng;
  const auto loss = [&] { return pow(dropout(linear(x)), 2).sum(); };
  REQUIRE(gradcheck(t.params, loss));
  REQUIRE(gradgradcheck(t.params, loss, {.fast = true}));
  CHECK(t.rng == before);
  Rng other(1);
  CHECK_FALSE(gradcheck(t.params, loss, {.rng = &other}));
}

TEST_CASE("gradcheck: positions", "[nn][gradcheck]") {
  Setup t;
  const nn::LearnedPosition learned(t.s, 5, 3);
  const nn::SinusoidalPosition sinusoidal;
  t.check([&](const Tensor& x) { return learned(sinusoidal(x), 1) * x; }, {t.input({2, 3, 3})});
}

TEST_CASE("gradcheck: recurrent layers, deep, both ways, padded", "[nn][rnn][gradcheck]") {
  for (const nn::Cell cell : {nn::Cell::rnn_tanh, nn::Cell::rnn_relu, nn::Cell::lstm, nn::Cell::gru}) {
    INFO("cell " << int(cell));
    Setup t;
    const nn::Recurrent layer(t.s, cell, 2, 2, {.num_layers = 2, .bidirectional = true});
    const Tensor lengths = tensor({3, 1});
    const auto run = [&](const std::vector<Tensor>& in) {
      const auto [y, last] = layer(in[0], {in[1], in.size() > 2 ? in[2] : Tensor()}, lengths);
      return last.c.defined() ? std::vector{y, last.h, last.c} : std::vector{y, last.h};
    };
    std::vector<Tensor> inputs{t.input({3, 2, 2}), t.input({4, 2, 2})};
    if (cell == nn::Cell::lstm) inputs.push_back(t.input({4, 2, 2}));
    t.check(run, inputs);
  }
}

TEST_CASE("gradcheck: recurrent cells", "[nn][rnn][gradcheck]") {
  Setup t;
  const nn::GRUCell gru(t.s / "gru", 3, 2);
  const nn::LSTMCell lstm(t.s / "lstm", 3, 2, false);
  const nn::RNNCell rnn(t.s / "rnn", 3, 2);
  t.check(
      [&](const std::vector<Tensor>& in) {
        const nn::RecurrentState after = lstm(in[0], {in[1], in[2]});
        return std::vector{gru(in[0], {in[1]}).h, rnn(in[0], {in[2]}).h, after.h, after.c};
      },
      {t.input({2, 3}), t.input({2, 2}), t.input({2, 2})});
}

TEST_CASE("gradcheck: attention without weights", "[nn][attention][gradcheck]") {
  Setup t;
  t.check([](const Tensor& x) { return nn::SimplifiedSelfAttention()(x); }, {t.input({2, 3, 2})});
}

TEST_CASE("gradcheck: self- and causal attention", "[nn][attention][gradcheck]") {
  Setup t;
  const nn::SelfAttention self(t.s / "self", 3, 2);
  const nn::CausalAttention causal(t.s / "causal", 3, 2, 0.3);
  t.check([&](const Tensor& x) { return std::vector{self(x), causal(x)}; }, {t.input({3, 3})}, {.rng = &t.rng});
}

TEST_CASE("gradcheck: multi-head attention, causal with dropout, and cross with a mask", "[nn][attention][gradcheck]") {
  Setup t;
  const nn::MultiHeadAttention self(t.s / "self", 3, 4, 2, {.causal = true, .dropout = 0.3});
  const nn::MultiHeadAttention cross(t.s / "cross", 3, 4, 2, {.d_context = 2});
  const Tensor mask = nn::length_mask(tensor({3, 1}), 3).unsqueeze(1);
  t.check(
      [&](const Tensor& x, const Tensor& context) {
        return std::pair{self(x), cross(x, {.context = context, .mask = mask})};
      },
      {t.input({2, 2, 3}), t.input({2, 3, 2})}, {.rng = &t.rng});
}

TEST_CASE("gradcheck: packed causal self-attention", "[nn][attention][gradcheck]") {
  Setup t;
  const nn::CausalSelfAttention attention(t.s, 4, 2, {.dropout = 0.3});
  t.check([&](const Tensor& x) { return attention(x); }, {t.input({2, 3, 4})}, {.rng = &t.rng});
}

TEST_CASE("gradcheck: additive attention, one row without any position", "[nn][attention][gradcheck]") {
  Setup t;
  const nn::AdditiveAttention attention(t.s, 2, 3, 3);
  const Tensor mask = nn::length_mask(tensor({2, 0}), 3).unsqueeze(1);
  t.check(
      [&](const Tensor& q, const Tensor& v) {
        return std::vector{attention(q, v), attention(q, v, mask)};
      },
      {t.input({2, 2, 2}), t.input({2, 3, 3})});
}

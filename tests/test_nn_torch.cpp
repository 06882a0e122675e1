// Modules against PyTorch's, through tests/oracle/nn.py: weights and inputs come from the same seed.
#include <sstream>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/nn/init.h>
#include <heed/nn/rnn.h>
#include <heed/tensor/random.h>
#include "reference_files.h"

using namespace heed;
using heed::tests::json;
using heed::tests::require_close;
using nn::Cell;

namespace {

constexpr int64_t T = 6, B = 4, IN = 3, H = 5;
constexpr double kSame = 1e-12;    // f64, up to a thousand operations
constexpr double kNormal = 1e-14;  // f64 draws that pass through log, sin and cos

Cell cell_of(const std::string& name) {
  if (name.starts_with("LSTM")) return Cell::lstm;
  if (name.starts_with("GRU")) return Cell::gru;
  return name == "RELU" ? Cell::rnn_relu : Cell::rnn_tanh;
}

Tensor weighted(const Tensor& x) { return (x * sin(arange(x.numel(), f64)).reshape(x.shape())).sum(); }

using Named = std::vector<std::pair<std::string, Tensor>>;

// "LSTM 2 1 0 1": cell, layers, bidirectional, bias, padded.
Named recurrent_case(const std::string& title) {
  std::istringstream words(title);
  std::string name;
  nn::RecurrentOptions options;
  bool padded = false;
  words >> name >> options.num_layers >> options.bidirectional >> options.bias >> padded;

  Rng rng(7);
  nn::Parameters params(rng, f64);
  const nn::Recurrent layer(params, cell_of(name), IN, H, options);
  Tensor x = rand({T, B, IN}, rng, f64).set_requires_grad();
  nn::RecurrentState first;
  const Shape state{options.num_layers * layer.directions(), B, H};
  first.h = rand(state, rng, f64).set_requires_grad();
  if (layer.cell == Cell::lstm) first.c = rand(state, rng, f64).set_requires_grad();
  const auto [y, last] = layer(x, first, padded ? tensor({6, 2, 5, 1}) : Tensor());
  Tensor loss = weighted(y) + weighted(last.h);
  if (last.c.defined()) loss = loss + weighted(last.c);
  loss.backward();

  Named result{{"y", y}, {"h", last.h}, {"x.grad", x.grad()}, {"h.grad", first.h.grad()}};
  if (last.c.defined()) result.insert(result.end(), {{"c", last.c}, {"c.grad", first.c.grad()}});
  for (const auto& [own, p] : params) result.insert(result.end(), {{own, p}, {own + ".grad", p.grad()}});
  return result;
}

Named cell_case(const std::string& title) {
  Rng rng(7);
  nn::Parameters params(rng, f64);
  const nn::RecurrentCell cell(params, cell_of(title), IN, H);
  const Tensor x = rand({B, IN}, rng, f64);
  nn::RecurrentState before{rand({B, H}, rng, f64)};
  if (cell.cell == Cell::lstm) before.c = rand({B, H}, rng, f64);
  const nn::RecurrentState after = cell(x, before);
  return after.c.defined() ? Named{{"h", after.h}, {"c", after.c}} : Named{{"h", after.h}};
}

}  // namespace

TEST_CASE("torch: recurrent layers agree in weights, outputs, states and all gradients", "[nn][rnn][torch]") {
  const auto answer = tests::torch_answer("nn.py");
  if (!answer) return;
  int layers = 0, cells = 0;
  for (const auto& [title, expected] : answer->items()) {
    if (title == "init" || title.starts_with("dropout")) continue;
    const bool is_cell = title.ends_with("Cell");
    (is_cell ? cells : layers) += 1;
    const Named got = is_cell ? cell_case(title) : recurrent_case(title);
    REQUIRE(got.size() == expected.size());
    for (const auto& [name, tensor] : got) {
      INFO(title << ": " << name);
      require_close(tensor, expected.at(name), kSame);
    }
  }
  REQUIRE(layers == 4 * 16);
  REQUIRE(cells == 3);
}

TEST_CASE("torch: dropout between layers falls on the same elements", "[nn][rnn][dropout][torch]") {
  const auto answer = tests::torch_answer("nn.py");
  if (!answer) return;
  for (const bool batch_first : {false, true}) {
    Rng rng(7);
    nn::Parameters params(rng, f64);
    const nn::GRU layer(params, IN, H,
                        {.num_layers = 3, .batch_first = batch_first, .dropout = 0.4, .bidirectional = true});
    const auto [y, last] = layer(rand({B, T, IN}, rng, f64));
    const json& expected = answer->at(batch_first ? "dropout, batch first" : "dropout");
    require_close(y, expected.at("y"), kSame);
    require_close(last.h, expected.at("h"), kSame);
  }
}

TEST_CASE("torch: first values agree", "[nn][init][torch]") {
  const auto answer = tests::torch_answer("nn.py");
  if (!answer) return;
  const std::pair<const char*, nn::Init> fills[] = {{"kaiming_uniform", nn::init::kaiming_uniform()},
                                                    {"kaiming_normal", nn::init::kaiming_normal()},
                                                    {"xavier_uniform", nn::init::xavier_uniform()},
                                                    {"xavier_normal", nn::init::xavier_normal()},
                                                    {"trunc_normal", nn::init::trunc_normal()}};
  REQUIRE(answer->at("init").size() == std::size(fills));
  for (const auto& [name, fill] : fills) {
    INFO(name);
    Rng rng(7);
    const Tensor x = empty({6, 4}, f64);
    fill(x, rng);
    require_close(x, answer->at("init").at(name), kNormal);
  }
}

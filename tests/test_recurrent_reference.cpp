// RNN, GRU and LSTM against the values and gradients in recurrent.json (PyTorch 1.13.1).
#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/nn/rnn.h>
#include <heed/tensor/random.h>
#include "reference_files.h"

using namespace heed;
using heed::tests::json;
using heed::tests::reference_file;
using heed::tests::require_close;
using heed::tests::tensor_of;

namespace {

constexpr double kFloat = 2e-6;  // both sides computed in f32, values up to 1, gradients up to 10

nn::Cell cell_of(const std::string& name) {
  return name == "LSTM" ? nn::Cell::lstm : name == "GRU" ? nn::Cell::gru : nn::Cell::rnn_tanh;
}

}  // namespace

TEST_CASE("recurrent: outputs, states and gradients are those of the reference", "[nn][rnn][reference]") {
  const json file = reference_file("recurrent.json");
  REQUIRE(file.at("cases").size() == 3);
  for (const json& one : file.at("cases")) {
    INFO(one.at("cell"));
    Rng rng(0);
    nn::Parameters params(rng);
    const nn::Recurrent layer(params, cell_of(one.at("cell")), 4, one.at("hidden"));
    for (const auto& [name, p] : params) p.assign(cos(arange(p.numel(), f32)).reshape(p.shape()));
    Tensor x = tensor_of(file.at("X3"));
    x.set_requires_grad();
    const auto [y, state] = layer(x);
    require_close(y, one.at("y"), kFloat);
    const bool lstm = layer.cell == nn::Cell::lstm;
    REQUIRE(one.at("h").size() == (lstm ? 2 : 1));  // h, or h and c
    require_close(state.h, one.at("h")[0], kFloat);
    if (lstm) require_close(state.c, one.at("h")[1], kFloat);
    (y * sin(arange(30, f32)).reshape(y.shape())).sum().backward();
    require_close(x.grad(), one.at("grad_x"), kFloat);
    REQUIRE(one.at("grad_params").size() == 4);
    for (const auto& [name, expected] : one.at("grad_params").items()) {
      INFO(name);
      require_close(params.at(name).grad().flatten(), expected, 10 * kFloat);
    }
  }
}

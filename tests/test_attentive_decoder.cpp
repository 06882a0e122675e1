#include <string>
#include <vector>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "difference.h"

using namespace heed;

namespace {

constexpr double kF64Tol = 1e-12;  // the same sums in another order, values of order 1

constexpr int64_t B = 3, T = 4, S = 5, H = 6, A = 7, D = 8;

/// Random inputs, each a leaf, in the order that leaves() lists them. w_context is a view of wider rows.
AttentiveInputs random_inputs(Cell cell, bool masked, Rng& rng) {
  const int64_t GH = kernels::gates_of(cell) * H;
  const auto leaf = [&](const Shape& shape) { return randn(shape, rng, f64).set_requires_grad(); };
  AttentiveInputs in{.gates = leaf({T, B, GH}),
                     .w_context = leaf({GH, D + 2}).narrow(1, 2, D),
                     .w_hh = leaf({GH, H}),
                     .b_hh = leaf({GH}),
                     .w_query = leaf({A, H}),
                     .score = leaf({A}),
                     .keys = leaf({B, S, A}),
                     .values = leaf({B, S, D}),
                     .h0 = leaf({B, H})};
  if (cell == Cell::lstm) in.c0 = leaf({B, H});
  if (masked) in.mask = lt(arange(S), tensor({{5}, {1}, {3}}));
  return in;
}

std::vector<Tensor> leaves(const AttentiveInputs& in) {
  std::vector<Tensor> all{in.gates, in.w_context, in.w_hh, in.b_hh, in.w_query, in.score, in.keys, in.values, in.h0};
  if (in.c0.defined()) all.push_back(in.c0);
  return all;
}

}  // namespace

TEST_CASE("attentive_decoder: values, gradients and second gradients are those of single steps", "[models][seq2seq]") {
  for (const Cell cell : {Cell::rnn_tanh, Cell::rnn_relu, Cell::lstm, Cell::gru})
    for (const bool masked : {false, true}) {
      INFO("cell " << static_cast<int>(cell) << (masked ? ", masked" : ""));
      Rng rng(1);
      const AttentiveInputs in = random_inputs(cell, masked, rng);
      const std::vector<Tensor> inputs = leaves(in);
      const Tensor y = attentive_decoder(cell, in), expected = reference::attentive_decoder(cell, in);
      REQUIRE(y.shape() == Shape{T, B, H + D});
      CHECK(largest_difference(y, expected) < kF64Tol);

      const Tensor seed = randn(y.shape(), rng, f64);
      const auto g = grad({y}, inputs, {.seeds = {seed}, .retain_graph = true});
      const auto g_expected = grad({expected}, inputs, {.seeds = {seed}, .create_graph = true});
      for (size_t i = 0; i < inputs.size(); ++i)
        CHECK(largest_difference(g[i], g_expected[i]) < kF64Tol * (1 + largest(g_expected[i])));

      const auto differentiable = grad({y}, inputs, {.seeds = {seed}, .create_graph = true});
      const auto sum_of_squares = [](const std::vector<Tensor>& all) {
        Tensor total = (all[0] * all[0]).sum();
        for (size_t i = 1; i < all.size(); ++i) total = total + (all[i] * all[i]).sum();
        return total;
      };
      const auto gg = grad({sum_of_squares(differentiable)}, inputs),
                 gg_expected = grad({sum_of_squares(g_expected)}, inputs);
      for (size_t i = 0; i < inputs.size(); ++i)
        CHECK(largest_difference(gg[i], gg_expected[i]) < kF64Tol * (1 + largest(gg_expected[i])));
    }
}

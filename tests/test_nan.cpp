// Where zero, infinity and NaN go in gradients: the rule of autograd/nan.md, case by case.
#include <cmath>
#include <map>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/reference.h>
#include <heed/nn/attention.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "op_run.h"

using namespace heed;
using namespace heed::tests;

namespace {

using T = const Tensor&;
using V = std::vector<double>;
constexpr double kInf = INFINITY, kNaN = NAN;

Tensor leaf(const V& values, DType dtype = f64) {
  return from_vector(values, {std::ssize(values)}).to(dtype).set_requires_grad();
}

/// The gradient of f's sum.
template <class F>
V gradient(F f, const V& values) {
  const Tensor x = leaf(values);
  f(x).sum().backward();
  return x.grad().to_vector<double>();
}

bool equal(const V& a, const V& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double u, double v) { return u == v || (std::isnan(u) && std::isnan(v)); });
}

/// x with `value` along all of row `at` of axis 1.
Tensor spoilt(T x, int64_t at, double value) {
  const Tensor row = eq(arange(x.size(1)), at).reshape({x.size(1), 1});
  return masked_fill(x.detach(), row, value);
}

/// The result of f and the gradients of its weighted sum.
template <class F>
std::vector<Tensor> all_of(F f, std::vector<Tensor> inputs, T weight, bool twice) {
  for (Tensor& x : inputs) x = x.detach().clone().set_requires_grad();
  const Tensor y = f(inputs);
  const auto first = grad({y}, inputs, {.seeds = {weight}, .create_graph = twice});
  std::vector<Tensor> all{where(weight != 0, y.detach(), 0)};
  for (T g : first) all.push_back(g.detach());
  if (twice) {
    // Where the first gradient is looked at no more than the result is.
    std::vector<Tensor> outputs, seeds;
    for (T g : first) {
      if (!g.requires_grad()) continue;
      outputs.push_back(g);
      seeds.push_back(g.shape() == weight.shape() ? weight : ones_like(g));
    }
    for (T g : grad(outputs, inputs, {.seeds = seeds})) all.push_back(g);
  }
  return all;
}

}  // namespace

TEST_CASE("nan: a gradient of 0 stays 0 through every function of a number", "[nan]") {
  const std::map<std::string, std::function<Tensor(T)>> functions{
      {"exp", [](T x) { return exp(x); }},
      {"log", [](T x) { return log(x); }},
      {"sqrt", [](T x) { return sqrt(x); }},
      {"rsqrt", [](T x) { return rsqrt(x); }},
      {"abs", [](T x) { return abs(x); }},
      {"sin", [](T x) { return sin(x); }},
      {"cos", [](T x) { return cos(x); }},
      {"tanh", [](T x) { return tanh(x); }},
      {"sigmoid", [](T x) { return sigmoid(x); }},
      {"log1p", [](T x) { return log1p(x); }},
      {"expm1", [](T x) { return expm1(x); }},
      {"erf", [](T x) { return erf(x); }},
      {"relu", [](T x) { return relu(x); }},
      {"relu^2", [](T x) { return relu2(x); }},
      {"gelu", [](T x) { return gelu(x); }},
      {"gelu, tanh", [](T x) { return gelu(x, Gelu::tanh); }},
      {"silu", [](T x) { return silu(x); }},
      {"softplus", [](T x) { return softplus(x); }},
      {"x^0.5", [](T x) { return pow(x, 0.5); }},
      {"x^-1", [](T x) { return pow(x, -1); }},
      {"x^3", [](T x) { return pow(x, 3); }},
      {"2^x", [](T x) { return pow(2.0, x); }},
      {"x^x", [](T x) { return pow(x, x); }},
      {"x x", [](T x) { return x * x; }},
      {"x / x", [](T x) { return x / x; }},
      {"1 / x", [](T x) { return 1 / x; }},
      {"x / (1 - x)", [](T x) { return x / (1 - x); }},
      {"maximum", [](T x) { return maximum(x, x * x); }},
      {"clamp", [](T x) { return clamp(x, 0, 1); }},
      {"log sigmoid", [](T x) { return log(sigmoid(x)); }},
      {"log of a sum of exps", [](T x) { return log(exp(x) + 1); }},
  };
  const V values{0, -1, 1, kInf, -kInf, kNaN, 1000, -1000, 0.25};
  const Tensor safe = tensor({0., 0., 0., 0., 0., 0., 0., 0., 1.}, f64);
  for (const auto& [name, f] : functions)
    for (const DType dtype : {f32, f64}) {
      CAPTURE(name, name_of(dtype));
      const Tensor x = leaf(values, dtype), seed = safe.to(dtype);
      const Tensor first = grad(f(x), x, {.seeds = {seed}, .create_graph = true});
      V d = first.to_vector<double>();
      CHECK(std::isfinite(d.back()));
      d.pop_back();
      CHECK(d == V(8, 0));
      if (first.requires_grad()) {
        d = grad(first, x, {.seeds = {seed}}).to_vector<double>();
        CHECK(std::isfinite(d.back()));
        d.pop_back();
        CHECK(d == V(8, 0));
      }
      // The same chosen by where.
      const Tensor chosen = leaf(values, dtype);
      where(safe != 0, f(chosen), 0).sum().backward();
      CHECK(difference(List{chosen.grad()}, List{first.detach()}, 1e-6) == "");
    }
}

TEST_CASE("nan: what other frameworks' users report", "[nan]") {
  CHECK(gradient([](T x) { return maximum(sqrt(x * x), 1e-10); }, {0, 1}) == V{0, 1});
  CHECK(gradient([](T x) { return log(exp(x) + 1)[0]; }, {0, 1000}) == V{0.5, 0});
  CHECK(gradient([](T x) { return where(x > 0, sqrt(x), 0); }, {0, 0.25, -1}) == V{0, 1, 0});
  CHECK(gradient([](T x) { return where(x > 0, x / x, 0); }, {0, 2}) == V{0, 0});
  CHECK(gradient([](T x) { return x.norm(); }, {0, 0}) == V{0, 0});
  CHECK(gradient([](T x) { return x.std(); }, {3, 3}) == V{0, 0});
  CHECK(gradient([](T x) { return pow(x, 0); }, {0, kInf}) == V{0, 0});
  // PyTorch's where no gradient is 0: the derivative is infinite.
  CHECK(gradient([](T x) { return sqrt(x); }, {0}) == V{kInf});
  CHECK(gradient([](T x) { return log(x); }, {0}) == V{kInf});
}

TEST_CASE("nan: second derivatives of norm at 0 and std of equals are 0", "[nan]") {
  const auto second = [](auto f, const V& values) {
    const Tensor x = leaf(values, f64), seed = arange(1., std::ssize(values) + 1.).to(f64);
    return grad((grad(f(x), x, {.create_graph = true}) * seed).sum(), x).template to_vector<double>();
  };
  for (const double p : {1.5, 2., 3.}) CHECK(second([p](T x) { return x.norm(p); }, {0, 0}) == V{0, 0});
  CHECK(second([](T x) { return x.std(); }, {2, 2, 2}) == V{0, 0, 0});
  Tensor uneven = tensor({1e-20f, 1e26f});
  uneven.set_requires_grad().norm(1).backward();
  CHECK(uneven.grad().to_vector<double>() == V{1, 1});
  const Tensor tiny = leaf({3e-200, 4e-200}, f64), underflown = tiny.norm();
  CHECK(underflown.item<double>() == 0);
  underflown.backward();
  CHECK(tiny.grad().to_vector<double>() == V{0, 0});
}

// Expected values from PyTorch 1.13.1, but for amax and the infinite norm, where PyTorch gives NaN or 0 to all.
TEST_CASE("nan: a NaN takes the gradient that its result gets", "[nan]") {
  const V x{kNaN, 1, 2, 0};
  CHECK(gradient([](T t) { return relu(t); }, {kNaN, -1, 0, 1}) == V{1, 0, 0, 1});
  CHECK(gradient([](T t) { return maximum(t, 1); }, x) == V{1, 0.5, 1, 0});
  CHECK(gradient([](T t) { return minimum(t, 1); }, x) == V{1, 0.5, 0, 1});
  CHECK(gradient([](T t) { return maximum(kNaN * ones({4}, f64), t); }, x) == V(4, 1));
  CHECK(gradient([](T t) { return minimum(kNaN * ones({4}, f64), t); }, x) == V(4, 1));
  CHECK(gradient([](T t) { return clamp(t, 0, 1); }, x) == V{0, 1, 0, 1});
  CHECK(gradient([](T t) { return abs(t); }, x) == V{0, 1, 1, 0});
  CHECK(gradient([](T t) { return t.max(); }, x) == V{1, 0, 0, 0});
  CHECK(gradient([](T t) { return t.min(0); }, {0, kNaN, kNaN}) == V{0, 0.5, 0.5});
  CHECK(gradient([](T t) { return amax(t); }, x) == V{1, 0, 0, 0});
  CHECK(equal(gradient([](T t) { return exp(t); }, {kNaN, 0}), {kNaN, 1}));
  CHECK(equal(gradient([](T t) { return softplus(t); }, {kNaN, 0}), {kNaN, 0.5}));
}

TEST_CASE("nan: an infinite gradient does not reach what an op has not taken", "[nan]") {
  CHECK(gradient([](T t) { return relu(t) * kInf; }, {-1, 2}) == V{0, kInf});
  CHECK(gradient([](T t) { return sqrt(relu2(t)); }, {-1, 2, 0}) == V{0, 1, 0});
  CHECK(gradient([](T t) { return sqrt(t.max(0)); }, {-1, 0, -2}) == V{0, kInf, 0});
  CHECK(gradient([](T t) { return sqrt(amin(t)); }, {1, 0, 2}) == V{0, kInf, 0});
  for (const double p : {0.5, 1., 2., 3., kInf})
    CHECK(gradient([p](T t) { return sqrt(t.norm(p)); }, {0, 0}) == V{0, 0});
  CHECK(gradient([](T t) { return sqrt(abs(t)); }, {0, 0}) == V{0, 0});
  CHECK(gradient([](T t) { return sqrt(t.std()); }, {3, 3}) == V{0, 0});
  CHECK(gradient([](T t) { return clamp(t, 0, 1) * kInf; }, {2, 0.5}) == V{0, kInf});
  CHECK(gradient([](T t) { return maximum(t, 1) * kInf; }, {0, 2}) == V{0, kInf});
  CHECK(gradient([](T t) { return minimum(t, 1) * kInf; }, {0, 2}) == V{kInf, 0});
  CHECK(gradient([](T t) { return huber_loss(t, zeros({3}, f64), Reduction::sum); }, {kInf, 0, -kInf}) == V{1, 0, -1});
}

TEST_CASE("nan: what dropout drops is 0, be it with probability 1", "[nan]") {
  Rng rng(1);
  for (const double p : {0.999999999, 1.}) {
    const Tensor x = leaf({kNaN, kInf, 1}), y = dropout(x, p, rng);
    CHECK(y.to_vector<double>() == V{0, 0, 0});
    y.sum().backward();
    CHECK(x.grad().to_vector<double>() == V{0, 0, 0});
  }
}

TEST_CASE("nan: a term of a loss that weighs 0 is 0, and has gradient 0, beside an infinity", "[nan]") {
  const Tensor logits = tensor({{-kInf, 1., 2.}}), p = tensor({{0., 0.25, 0.75}}), weight = tensor({0., 1., 1.});
  const std::map<std::string, std::function<Tensor(T)>> losses{
      {"kl_div", [&](T x) { return kl_div(log_softmax(x, -1), p, Reduction::sum); }},
      {"kl_div, log_target", [&](T x) { return kl_div(log_softmax(x, -1), log(p), Reduction::sum, true); }},
      {"cross_entropy", [&](T x) { return cross_entropy(x, p); }},
      {"cross_entropy, weight",
       [&](T x) { return cross_entropy(x, tensor({1}), {.weight = weight, .label_smoothing = 0.1}); }},
      {"nll_loss",
       [&](T x) {
         return nll_loss(x.expand({2, 3}), tensor({0, 1}), {.weight = weight});
       }},
      {"with logits", [&](T x) { return binary_cross_entropy_with_logits(x, p); }},
      {"with logits, weight",
       [&](T x) {
         return binary_cross_entropy_with_logits(-x, p, {.weight = weight.expand({1, 3})});
       }},
      {"with logits, sure", [&](T x) { return binary_cross_entropy_with_logits(-x, 1 - p); }},
  };
  for (const auto& [name, loss] : losses) {
    CAPTURE(name);
    const Tensor x = logits.detach().set_requires_grad();
    const Tensor y = loss(x);
    y.backward();
    CHECK(isfinite(y).item<bool>());
    CHECK(isfinite(x.grad()).all().item<bool>());
    CHECK(x.grad()(0, 0).item<float>() == 0);
  }
}

TEST_CASE("nan: a row whose gradient is 0 gives none, whatever stands in it", "[nan]") {
  Rng rng(3);
  for (const DType dtype : {f32, f64})
    for (const int64_t C : {5, 160}) {
      const Tensor x = randn({2, 3, C}, rng, dtype), w = randn({C}, rng, dtype), b = randn({C}, rng, dtype);
      const Tensor seed = spoilt(randn({2, 3, C}, rng, dtype), 1, 0), row_seed = seed.select(2, 0);
      const auto check = [&](const char* name, T weight, List inputs, auto f) {
        for (const double bad : {kNaN, kInf, -kInf})
          for (const bool twice : {false, weight.shape() == x.shape()}) {
            CAPTURE(name, name_of(dtype), C, bad, twice);
            inputs[0] = spoilt(x, 1, 0.5);
            const auto expected = all_of(f, inputs, weight, twice);
            inputs[0] = spoilt(x, 1, bad);
            CHECK(difference(all_of(f, inputs, weight, twice), expected, 1e-5) == "");
          }
      };
      check("softmax", seed, {x}, [](const List& in) { return softmax(in[0], -1); });
      check("log_softmax", seed, {x}, [](const List& in) { return log_softmax(in[0], -1); });
      check("layer_norm", seed, {x, w, b}, [](const List& in) { return layer_norm(in[0], in[1], in[2]); });
      check("rms_norm", seed, {x, w}, [](const List& in) { return rms_norm(in[0], in[1]); });
      check("logsumexp", row_seed, {x}, [](const List& in) { return logsumexp(in[0], -1); });
      check("norm", row_seed, {x}, [](const List& in) { return in[0].norm(2, -1); });
      check("std", row_seed, {x}, [](const List& in) { return in[0].std(-1); });
      check("var", row_seed, {x}, [](const List& in) { return in[0].var(-1); });
      const Tensor targets = tensor({{0, -1, 1}, {2, -1, 4}});
      check("cross_entropy", ones({}, dtype), {x},
            [&](const List& in) { return cross_entropy(in[0], targets, {.label_smoothing = 0.1}); });
    }
}

TEST_CASE("nan: attention reads no key that a boolean mask or causality hides", "[nan][attention]") {
  Rng rng(5);
  for (const DType dtype : {f32, f64})
    for (const int64_t D : {5, 16})
      for (const int64_t S : {7, 150}) {
        const Tensor q = randn({2, S, D}, rng, dtype), k = randn({2, S, D}, rng, dtype),
                     v = randn({2, S, D}, rng, dtype);
        const int64_t hidden = S - 2;
        // Of key S - 2: nobody may see it; queries before 3 may not; causality.
        const Tensor keys = ne(arange(S), hidden), rows = lt(arange(S), 3).unsqueeze(1);
        const auto check = [&](const char* name, const AttentionOptions& options, T seen) {
          const Tensor seed = where(seen, randn({2, S, D}, rng, dtype), 0);
          const auto f = [&](const List& in) { return scaled_dot_product_attention(in[0], in[1], in[2], options); };
          const auto clean = [&](T x) { return spoilt(x, hidden, 0.5); };
          const auto expected = all_of(f, {q, clean(k), clean(v)}, seed, false);
          for (const double bad : {kNaN, kInf, -kInf}) {
            CAPTURE(name, name_of(dtype), D, S, bad);
            CHECK(difference(all_of(f, {q, spoilt(k, hidden, bad), clean(v)}, seed, false), expected, 1e-5) == "");
            CHECK(difference(all_of(f, {q, clean(k), spoilt(v, hidden, bad)}, seed, false), expected, 1e-5) == "");
            CHECK(difference(all_of(f, {q, spoilt(k, hidden, bad), spoilt(v, hidden, bad)}, seed, false), expected,
                             1e-5) == "");
          }
        };
        check("hidden from all", {.mask = keys}, ones({S, 1}, boolean));
        check("hidden from some", {.mask = logical_or(keys, logical_not(rows))}, rows);
        check("causal", {.causal = true}, lt(arange(S), hidden).unsqueeze(1));
        check("capped", {.mask = keys, .softcap = 2}, ones({S, 1}, boolean));
        check("out of the window", {.causal = true, .window = 1}, ne(arange(S), hidden).unsqueeze(1));
        // What all may not see is not read by the recorded backward either, and a query that sees nothing gives
        // nothing.
        const auto f = [&](const List& in) {
          return scaled_dot_product_attention(in[0], in[1], in[2], {.mask = keys});
        };
        const auto spoil = [&](double value) {
          return all_of(f, {q, spoilt(k, hidden, value), spoilt(v, hidden, value)}, randn({2, S, D}, rng, dtype), true);
        };
        const Rng before = rng;
        const auto expected = spoil(0.5);
        rng = before;
        CHECK(difference(spoil(kNaN), expected, 1e-4) == "");
        const auto blind = [&](const List& in) {
          return scaled_dot_product_attention(in[0], in[1], in[2], {.mask = keys.unsqueeze(1)});
        };
        CHECK(difference(all_of(blind, {spoilt(q, hidden, kNaN), k, v}, ones_like(q), false),
                         all_of(blind, {spoilt(q, hidden, 1), k, v}, ones_like(q), false), 1e-5) == "");
      }
}

TEST_CASE("nan: grouped queries read no hidden key", "[nan][attention]") {
  Rng rng(9);
  const Tensor q = randn({2, 4, 3, 5}, rng, f64), k = randn({2, 2, 6, 5}, rng, f64), v = randn({2, 2, 6, 5}, rng, f64);
  const Tensor keys = ne(arange(6), 1), row = logical_not(keys).unsqueeze(1);
  const auto f = [&](const List& in) { return scaled_dot_product_attention(in[0], in[1], in[2], {.mask = keys}); };
  const auto run = [&](double value, bool twice) {
    return all_of(f, {q, masked_fill(k, row, value), masked_fill(v, row, value)}, ones({2, 4, 3, 5}, f64), twice);
  };
  for (const bool twice : {false, true}) CHECK(difference(run(kNaN, twice), run(0.5, twice), 1e-12) == "");
}

TEST_CASE("nan: the packed form's past does not read its future", "[nan][attention]") {
  Rng rng(6);
  const Tensor x = randn({2, 9, 24}, rng, f64), seed = spoilt(randn({2, 9, 8}, rng, f64), 8, 0);
  const auto f = [](const List& in) { return packed_self_attention(in[0], 2, {.causal = true}); };
  CHECK(difference(all_of(f, {spoilt(x, 8, kNaN)}, seed, false), all_of(f, {spoilt(x, 8, 0.5)}, seed, false), 1e-12) ==
        "");
}

TEST_CASE("nan: additive attention and its decoder read no hidden position", "[nan][attention]") {
  Rng rng(7);
  const Tensor mask = tensor({{true, false, true, true}, {true, false, true, false}});
  for (const DType dtype : {f32, f64})
    for (const int64_t A : {3, 40}) {
      const auto draw = [&](const Shape& shape) { return randn(shape, rng, dtype); };
      const Tensor query = draw({2, 3, A}), keys = draw({2, 4, A}), score = draw({A}), values = draw({2, 4, A});
      const Tensor gates = draw({5, 2, A}), w = draw({A, A}) * 0.3, b = draw({A}), h = draw({2, A});
      const auto attend = [&](const List& in) {
        return additive_attention(in[0], in[1], in[2], in[3], mask.unsqueeze(1));
      };
      const auto decode = [&](const List& in) {
        return attentive_decoder(Cell::rnn_tanh, {.gates = gates,
                                                  .w_context = w,
                                                  .w_hh = w,
                                                  .b_hh = b,
                                                  .w_query = w,
                                                  .score = in[2],
                                                  .keys = in[1],
                                                  .values = in[3],
                                                  .h0 = in[0][0],
                                                  .mask = mask});
      };
      for (const bool twice : {false, true})
        for (const double bad : {kNaN, kInf}) {
          CAPTURE(name_of(dtype), A, twice, bad);
          const auto run = [&](auto f, T first, double value, const Shape& shape) {
            return all_of(f, {first, spoilt(keys, 1, value), score, spoilt(values, 1, value)}, ones(shape, dtype),
                          twice);
          };
          CHECK(difference(run(attend, query, bad, {2, 3, A}), run(attend, query, 0.5, {2, 3, A}), 1e-5) == "");
          CHECK(difference(run(decode, h.unsqueeze(0), bad, {5, 2, 2 * A}),
                           run(decode, h.unsqueeze(0), 0.5, {5, 2, 2 * A}), 1e-4) == "");
        }
    }
}

TEST_CASE("nan: a recurrent step whose gradient is 0 gives none, and a NaN takes what its result gets", "[nan]") {
  Rng rng(10);
  for (const Cell cell : {Cell::rnn_tanh, Cell::rnn_relu, Cell::lstm, Cell::gru})
    for (const DType dtype : {f32, f64}) {
      constexpr int64_t kBatch = 3, kHidden = 5;  // the second row is spoilt
      const int64_t G = kernels::gates_of(cell) * kHidden;
      const auto draw = [&](const Shape& shape) { return randn(shape, rng, dtype); };
      const Tensor gates = draw({2, kBatch, G}), w = draw({G, kHidden}), h = draw({kBatch, kHidden});
      const Tensor c = cell == Cell::lstm ? draw({kBatch, kHidden}) : Tensor();
      const Tensor others = ne(arange(kBatch), 1).unsqueeze(1);
      const auto run = [&](auto op, double value, bool looks) {
        const auto f = [&](const List& in) {
          return op(cell, in[0], w, Tensor(), in[1], in.size() > 2 ? in[2] : Tensor(), RecurrentSteps{});
        };
        List inputs{spoilt(gates, 1, value), where(others, h, value)};
        if (c.defined()) inputs.push_back(where(others, c, value));
        const Tensor weight = draw({cell == Cell::lstm ? 4 : 3, kBatch, kHidden});
        return all_of(f, inputs, looks ? weight : where(others, weight, 0), false);
      };
      const auto fused = [](auto... a) { return recurrent(a...); };
      const auto twin = [](auto... a) { return reference::recurrent(a...); };
      for (const double bad : {kNaN, kInf, -kInf}) {
        CAPTURE(int(cell), name_of(dtype), bad);
        const Rng before = rng;
        const auto clean = run(fused, 0.5, false);
        rng = before;
        CHECK(difference(run(fused, bad, false), clean, 1e-5) == "");
        rng = before;
        const auto expected = run(twin, bad, true);
        rng = before;
        if (std::isnan(bad)) CHECK(difference(run(fused, bad, true), expected, 1e-4) == "");
      }
    }
}

TEST_CASE("nan: hidden words do not reach the weights of the attention modules", "[nan][nn]") {
  Rng rng(8);
  nn::Parameters params(1, f64);
  const nn::MultiHeadAttention heads(params / "heads", 8, 8, 2),
      crossing(params / "crossing", 8, 8, 2, {.d_context = 6});
  const nn::AdditiveAttention additive(params / "additive", 8, 6, 4);
  const Tensor x = randn({2, 5, 8}, rng, f64), context = randn({2, 4, 6}, rng, f64);
  const auto visible = [](int64_t n) { return ne(arange(n), 1).reshape({1, 1, n}); };
  const Tensor seen = ne(arange(5), 1).unsqueeze(1);
  const auto run = [&](double value) {
    params.zero_grad();
    const Tensor own = heads(spoilt(x, 1, value), {.mask = visible(5)});
    const Tensor other = crossing(x, {.context = spoilt(context, 1, value), .mask = visible(4)});
    const Tensor third = additive(x, spoilt(context, 1, value), visible(4));
    (where(seen, own, 0).sum() + other.sum() + third.sum()).backward();
    List all{where(seen, own, 0).detach(), other.detach(), third.detach()};
    for (const auto& [name, p] : params) all.push_back(p.grad());
    return all;
  };
  // A hidden word that is finite is a query of its own; its result is not looked at.
  for (const double bad : {kNaN, kInf}) CHECK(difference(run(bad), run(0), 1e-12) == "");
}

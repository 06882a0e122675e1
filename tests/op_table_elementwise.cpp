// Arithmetic and element-by-element ops.
#include <limits>

#include <heed/autograd/ops/reference.h>
#include "op_table.h"

namespace heed::tests {
namespace {

using Domain = Tensor (*)(Draw&, const Shape&);
Tensor anywhere(Draw& d, const Shape& s) { return d.real(s); }
Tensor positive(Draw& d, const Shape& s) { return d.real(s, 0.3, 3); }
Tensor nonzero(Draw& d, const Shape& s) { return d.away_from_zero(s); }

/// Every shape at which an elementwise kernel can go wrong: no element, one, a tail behind whole vectors, high rank.
template <class F>
OpRecord unary(std::string declares, F f, const std::string& torch, Domain domain = anywhere) {
  OpRecord r{std::move(declares)};
  const auto fn = [f](const List& x) { return f(x[0]); };
  const auto of = [domain](const Shape& shape) { return [=](Draw& d) { return List{domain(d, shape)}; }; };
  r.sample("ordinary (3, 4)", of({3, 4}), fn, torch);
  r.sample("scalar ()", of({}), fn, torch);
  r.sample("one element (1, 1)", of({1, 1}), fn, torch);
  r.sample("empty (0, 3)", of({0, 3}), fn, torch);
  r.sample("37 in a row", of({37}), fn, torch);
  r.sample("rank 4 (2, 1, 3, 2)", of({2, 1, 3, 2}), fn, torch);
  return r;
}

/// Every way in which two shapes broadcast.
template <class F>
OpRecord binary(std::string declares, F f, const std::string& torch, Domain left = anywhere, Domain right = anywhere) {
  OpRecord r{std::move(declares)};
  const auto fn = [f](const List& x) { return f(x[0], x[1]); };
  const auto of = [=](const Shape& a, const Shape& b) {
    return [=](Draw& d) { return List{left(d, a), right(d, b)}; };
  };
  r.sample("equal shapes (3, 4)", of({3, 4}, {3, 4}), fn, torch);
  r.sample("row (3, 4), (4)", of({3, 4}, {4}), fn, torch);
  r.sample("column (3, 4), (3, 1)", of({3, 4}, {3, 1}), fn, torch);
  r.sample("both stretch (3, 1), (1, 4)", of({3, 1}, {1, 4}), fn, torch);
  r.sample("ranks differ (2, 1, 3), (4, 1)", of({2, 1, 3}, {4, 1}), fn, torch);
  r.sample("scalar on the left (), (2, 3)", of({}, {2, 3}), fn, torch);
  r.sample("scalars ()", of({}, {}), fn, torch);
  r.sample("empty (0, 3), (3)", of({0, 3}, {3}), fn, torch);
  r.sample("empty by broadcasting (1, 2), (0, 1)", of({1, 2}, {0, 1}), fn, torch);
  r.sample("19 in a row", of({19}, {19}), fn, torch);
  return r;
}

std::vector<OpRecord> arithmetic() {
  std::vector<OpRecord> all;
  all.push_back(binary(
      "add(a, b)", [](const Tensor& a, const Tensor& b) { return add(a, b); }, "x[0] + x[1]"));
  all.push_back(binary(
      "sub(a, b)", [](const Tensor& a, const Tensor& b) { return sub(a, b); }, "x[0] - x[1]"));
  all.push_back(binary(
      "mul(a, b)", [](const Tensor& a, const Tensor& b) { return mul(a, b); }, "x[0] * x[1]"));
  all.push_back(binary(
      "div(a, b)", [](const Tensor& a, const Tensor& b) { return div(a, b); }, "x[0] / x[1]", anywhere, nonzero));
  all.push_back(unary(
      "add(x, s)", [](const Tensor& x) { return add(x, 1.5); }, "x[0] + 1.5"));
  all.push_back(unary(
      "mul(x, s)", [](const Tensor& x) { return mul(x, -2.5); }, "x[0] * -2.5"));
  all.push_back(unary(
      "div(x, s)", [](const Tensor& x) { return div(x, -2.5); }, "x[0] / -2.5"));
  all.push_back(unary(
      "div(s, x)", [](const Tensor& x) { return div(-2.5, x); }, "-2.5 / x[0]", nonzero));
  all.push_back(unary(
      "neg(x)", [](const Tensor& x) { return neg(x); }, "-x[0]"));

  OpRecord power = unary(
      "pow(x, p)", [](const Tensor& x) { return pow(x, 2.5); }, "torch.pow(x[0], 2.5)", positive);
  for (const double p : {3.0, 2.0, 1.0, 0.0, -1.0, -2.0})
    power.sample(
        fmt::format("negative numbers to the power {}", p),
        [](Draw& d) {
          return List{d.away_from_zero({2, 3})};
        },
        [p](const List& x) { return pow(x[0], p); }, fmt::format("torch.pow(x[0], {})", p));
  power.sample(
      "zero squared", [](Draw&) { return List{zeros({3}, f64)}; }, [](const List& x) { return pow(x[0], 2); },
      "torch.pow(x[0], 2)");
  all.push_back(power);
  all.push_back(binary(
      "pow(a, b)", [](const Tensor& a, const Tensor& b) { return pow(a, b); }, "torch.pow(x[0], x[1])", positive));
  return all;
}

std::vector<OpRecord> smooth() {
  std::vector<OpRecord> all;
  all.push_back(unary(
      "exp(x)", [](const Tensor& x) { return exp(x); }, "torch.exp(x[0])"));
  all.push_back(unary(
      "log(x)", [](const Tensor& x) { return log(x); }, "torch.log(x[0])", positive));
  all.push_back(unary(
      "sqrt(x)", [](const Tensor& x) { return sqrt(x); }, "torch.sqrt(x[0])", positive));
  all.push_back(unary(
      "rsqrt(x)", [](const Tensor& x) { return rsqrt(x); }, "torch.rsqrt(x[0])", positive));
  // Not torch.abs, whose second gradient is uninitialised memory in PyTorch 1.13.
  all.push_back(unary(
      "abs(x)", [](const Tensor& x) { return abs(x); }, "x[0] * torch.sign(x[0]).detach()", nonzero));
  all.push_back(unary(
      "sin(x)", [](const Tensor& x) { return sin(x); }, "torch.sin(x[0])"));
  all.push_back(unary(
      "cos(x)", [](const Tensor& x) { return cos(x); }, "torch.cos(x[0])"));
  all.push_back(unary(
      "tanh(x)", [](const Tensor& x) { return tanh(x); }, "torch.tanh(x[0])"));
  all.push_back(unary(
      "sigmoid(x)", [](const Tensor& x) { return sigmoid(x); }, "torch.sigmoid(x[0])"));
  all.push_back(unary(
      "erf(x)", [](const Tensor& x) { return erf(x); }, "torch.erf(x[0])"));
  all.push_back(unary(
      "relu(x)", [](const Tensor& x) { return relu(x); }, "torch.relu(x[0])", nonzero));

  OpRecord g = unary(
      "gelu(x, form)", [](const Tensor& x) { return gelu(x); }, "F.gelu(x[0])");
  for (Sample& s : g.samples) s.twin = listed([](const List& x) { return reference::gelu(x[0], Gelu::erf); });
  for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{0}, Shape{37}})
    g.sample(
         fmt::format("tanh form {}", shape), [=](Draw& d) { return List{d.real(shape, -3, 3)}; },
         [](const List& x) { return gelu(x[0], Gelu::tanh); }, "F.gelu(x[0], approximate='tanh')")
        .twin([](const List& x) { return reference::gelu(x[0], Gelu::tanh); });
  all.push_back(g);
  all.push_back(unary(
      "silu(x)", [](const Tensor& x) { return silu(x); }, "F.silu(x[0])"));
  all.push_back(unary(
      "softplus(x)", [](const Tensor& x) { return softplus(x); }, "F.softplus(x[0])"));

  // Far from zero nothing overflows and gradients saturate.
  const auto far = [](Draw&) { return List{tensor({-800., -60., -20., 20., 60., 800.}, f64)}; };
  for (OpRecord& r : all) {
    if (r.declares == "tanh(x)")
      r.sample(
          "far", far, [](const List& x) { return tanh(x[0]); }, "torch.tanh(x[0])");
    if (r.declares == "sigmoid(x)")
      r.sample(
          "far", far, [](const List& x) { return sigmoid(x[0]); }, "torch.sigmoid(x[0])");
    if (r.declares == "softplus(x)")
      r.sample(
          "far", far, [](const List& x) { return softplus(x[0]); }, "F.softplus(x[0], threshold=100)");
    if (r.declares == "erf(x)")
      r.sample(
          "far", far, [](const List& x) { return erf(x[0]); }, "torch.erf(x[0])");
    if (r.declares == "silu(x)")
      r.sample(
          "far", far, [](const List& x) { return silu(x[0]); }, "F.silu(x[0])");
    if (r.declares == "gelu(x, form)")
      r.sample(
           "far", far, [](const List& x) { return gelu(x[0]); }, "F.gelu(x[0])")
          .sample(
              "far, tanh form", far, [](const List& x) { return gelu(x[0], Gelu::tanh); },
              "F.gelu(x[0], approximate='tanh')");
  }
  return all;
}

std::vector<OpRecord> choices() {
  std::vector<OpRecord> all;
  OpRecord low = binary(
      "minimum(a, b)", [](const Tensor& a, const Tensor& b) { return minimum(a, b); }, "torch.minimum(x[0], x[1])");
  OpRecord high = binary(
      "maximum(a, b)", [](const Tensor& a, const Tensor& b) { return maximum(a, b); }, "torch.maximum(x[0], x[1])");
  all.push_back(low);
  all.push_back(high);

  OpRecord c = unary(
      "clamp(x, low, high)", [](const Tensor& x) { return clamp(x, -1, 0.5); }, "torch.clamp(x[0], -1, 0.5)");
  c.sample(
      "one-sided",
      [](Draw& d) {
        return List{d.real({3, 4})};
      },
      [](const List& x) { return clamp(x[0], -std::numeric_limits<double>::infinity(), 0.25); },
      "torch.clamp(x[0], max=0.25)");
  all.push_back(c);

  OpRecord w{"where(condition, a, b)"};
  const auto choose = [](const List& x) { return where(x[0], x[1], x[2]); };
  const auto of = [](const Shape& condition, const Shape& a, const Shape& b) {
    return [=](Draw& d) { return List{d.mask(condition), d.real(a), d.real(b)}; };
  };
  const std::string torch_where = "torch.where(x[0], x[1], x[2])";
  w.sample("equal shapes (3, 4)", of({3, 4}, {3, 4}, {3, 4}), choose, torch_where);
  w.sample("condition stretches (4), (3, 4), (3, 1)", of({4}, {3, 4}, {3, 1}), choose, torch_where);
  w.sample("values stretch (3, 4), (), (4)", of({3, 4}, {}, {4}), choose, torch_where);
  w.sample("empty (0, 2), (2), ()", of({0, 2}, {2}, {}), choose, torch_where);
  w.sample("scalars", of({}, {}, {}), choose, torch_where);
  all.push_back(w);

  OpRecord m{"masked_fill(x, mask, value)"};
  const auto fill = [](const List& x) { return masked_fill(x[0], x[1], -3.5); };
  const auto masked = [](const Shape& x, const Shape& mask, double p) {
    return [=](Draw& d) { return List{d.real(x), d.mask(mask, p)}; };
  };
  m.sample("equal shapes (3, 4)", masked({3, 4}, {3, 4}, 0.5), fill, "x[0].masked_fill(x[1], -3.5)");
  m.sample("mask stretches (2, 3, 4), (3, 1)", masked({2, 3, 4}, {3, 1}, 0.5), fill, "x[0].masked_fill(x[1], -3.5)");
  m.sample("all masked", masked({2, 3}, {2, 3}, 1), fill, "x[0].masked_fill(x[1], -3.5)");
  m.sample("none masked", masked({2, 3}, {2, 3}, 0), fill, "x[0].masked_fill(x[1], -3.5)");
  m.sample("empty (0, 4)", masked({0, 4}, {4}, 0.5), fill, "x[0].masked_fill(x[1], -3.5)");
  m.sample("scalar", masked({}, {}, 0.5), fill, "x[0].masked_fill(x[1], -3.5)");
  all.push_back(m);
  return all;
}

}  // namespace

std::vector<OpRecord> elementwise_records() {
  std::vector<OpRecord> all;
  for (auto part : {arithmetic, smooth, choices})
    for (OpRecord& r : part()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests

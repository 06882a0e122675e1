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
      "sub(x, s)", [](const Tensor& x) { return sub(x, 1.5); }, "x[0] - 1.5"));
  all.push_back(unary(
      "sub(s, x)", [](const Tensor& x) { return sub(1.5, x); }, "1.5 - x[0]"));
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
  for (const double p : {4.0, 3.0, 2.0, 1.0, 0.0, -1.0, -2.0})
    power.sample(
        fmt::format("negative numbers to the power {}", p),
        [](Draw& d) {
          return List{d.away_from_zero({2, 3})};
        },
        [p](const List& x) { return pow(x[0], p); }, fmt::format("torch.pow(x[0], {})", p));
  power.sample(
      "roots",
      [](Draw& d) {
        return List{positive(d, {2, 3})};
      },
      [](const List& x) { return pow(x[0], 0.5); }, "torch.pow(x[0], 0.5)");
  power.sample(
      "zero squared", [](Draw&) { return List{zeros({3}, f64)}; }, [](const List& x) { return pow(x[0], 2); },
      "torch.pow(x[0], 2)");
  const auto integers = [](int64_t low, int64_t high) {
    return [=](Draw& d) { return List{d.integers(low, high, {3, 4}), d.integers(-2, 4, {4})}; };
  };
  power.sample(
      "integers cubed", integers(-3, 4), [](const List& x) { return pow(x[0], 3); }, "torch.pow(x[0], 3)");
  power.sample(
      "integers to a fraction", integers(1, 5), [](const List& x) { return pow(x[0], 0.5).to(f64); },
      "torch.pow(x[0], 0.5).double()");
  all.push_back(power);
  OpRecord exponential = unary(
      "pow(s, x)", [](const Tensor& x) { return pow(2.5, x); }, "torch.pow(2.5, x[0])");
  exponential.sample(
      "integers", integers(-2, 5), [](const List& x) { return pow(2, x[0]); }, "torch.pow(2, x[0])");
  exponential.sample(
      "zero",
      [](Draw&) {
        return List{tensor({0.5, 1., 2.}, f64)};
      },
      [](const List& x) { return pow(0.0, x[0]); }, "x[0] * 0");
  all.push_back(exponential);
  all.push_back(binary(
      "pow(a, b)", [](const Tensor& a, const Tensor& b) { return pow(a, b); }, "torch.pow(x[0], x[1])", positive));
  all.back().sample(
      "integers", integers(-2, 3), [](const List& x) { return pow(x[0], x[1]); }, "torch.pow(x[0], x[1])");

  const auto whole = [](Draw& d) { return List{d.integers(-7, 8, {3, 4}), add(d.integers(0, 2, {4}) * 5, -3)}; };
  for (const bool rest : {true, false}) {
    const auto f = [rest](const auto& a, const auto& b) { return rest ? remainder(a, b) : floor_divide(a, b); };
    const std::string name = rest ? "remainder" : "floor_divide";
    const std::string torch = rest ? "torch.remainder({}, {})" : "torch.div({}, {}, rounding_mode='floor')";
    const auto with = [&](const char* a, const char* b) { return fmt::format(fmt::runtime(torch), a, b); };
    all.push_back(binary(name + "(a, b)", f, with("x[0]", "x[1]"), anywhere, nonzero));
    all.back().sample(
        "integers", whole, [f](const List& x) { return f(x[0], x[1]); }, with("x[0]", "x[1]"));
    all.push_back(unary(
        name + "(x, s)", [f](const Tensor& x) { return f(x, Scalar(-0.75)); }, with("x[0]", "-0.75")));
    all.back().sample(
        "integers", whole, [f](const List& x) { return f(x[0], Scalar(3)); }, with("x[0]", "3"));
    all.back().sample(
        "integers and a fraction", whole, [f](const List& x) { return f(x[0], Scalar(1.5)).to(f64); },
        with("x[0]", "1.5") + ".double()");
    all.push_back(unary(
        name + "(s, x)", [f](const Tensor& x) { return f(Scalar(7.25), x); },
        with("torch.tensor(7.25, dtype=x[0].dtype)", "x[0]"), nonzero));
    all.back().sample(
        "integers", whole, [f](const List& x) { return f(Scalar(7), x[1]); }, with("torch.tensor(7)", "x[1]"));
    if (!rest)
      for (size_t i = all.size() - 3; i < all.size(); ++i) all[i].flat_gradient();
  }

  // i64 beside i64 and beside numbers, as PyTorch promotes them.
  for (OpRecord& r : all) {
    const auto sample = [&](const std::string& declares, const std::string& what, auto f, const std::string& torch) {
      if (r.declares == declares)
        r.sample(
            what,
            [](Draw& d) {
              return List{d.integers(-4, 5, {3, 4}), add(d.integers(1, 4, {4}), 1)};
            },
            f, torch);
    };
    using L = const List&;
    sample(
        "div(a, b)", "integers", [](L x) { return div(x[0], x[1]).to(f64); }, "(x[0] / x[1]).double()");
    sample(
        "div(x, s)", "integers", [](L x) { return div(x[0], 4).to(f64); }, "(x[0] / 4).double()");
    sample(
        "div(s, x)", "integers", [](L x) { return div(3, x[1]).to(f64); }, "(3 / x[1]).double()");
    sample(
        "add(x, s)", "integers", [](L x) { return add(x[0], 3); }, "x[0] + 3");
    sample(
        "add(x, s)", "integers and a fraction", [](L x) { return add(x[0], 0.5).to(f64); }, "(x[0] + 0.5).double()");
    sample(
        "sub(x, s)", "integers", [](L x) { return sub(x[0], 3); }, "x[0] - 3");
    sample(
        "sub(s, x)", "integers and a fraction", [](L x) { return sub(0.5, x[0]).to(f64); }, "(0.5 - x[0]).double()");
    sample(
        "sub(s, x)", "integers", [](L x) { return sub(3, x[0]); }, "3 - x[0]");
    sample(
        "mul(x, s)", "integers", [](L x) { return mul(x[0], -3); }, "x[0] * -3");
    sample(
        "mul(x, s)", "integers and a whole float", [](L x) { return mul(x[0], 2.0).to(f64); }, "(x[0] * 2.0).double()");
  }
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
      "log1p(x)", [](const Tensor& x) { return log1p(x); }, "torch.log1p(x[0])", positive));
  all.push_back(unary(
      "expm1(x)", [](const Tensor& x) { return expm1(x); }, "torch.expm1(x[0])"));
  all.push_back(unary(
      "erf(x)", [](const Tensor& x) { return erf(x); }, "torch.erf(x[0])"));
  all.push_back(unary(
      "relu(x)", [](const Tensor& x) { return relu(x); }, "torch.relu(x[0])", nonzero));
  const auto fused = [&](const OpRecord& made, Tensor (*twin)(const Tensor&)) {
    for (Sample& s : all.emplace_back(made).samples) s.twin = listed([twin](const List& x) { return twin(x[0]); });
  };
  fused(unary(
            "relu2(x)", [](const Tensor& x) { return relu2(x); }, "torch.relu(x[0]).square()", nonzero),
        reference::relu2);

  OpRecord g = unary(
      "gelu(x, form)", [](const Tensor& x) { return gelu(x); }, "F.gelu(x[0])");
  for (Sample& s : g.samples) s.twin = listed([](const List& x) { return reference::gelu(x[0], Gelu::erf); });
  for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{0}, Shape{37}})
    g.sample(
         fmt::format("tanh form {}", shape), [=](Draw& d) { return List{d.real(shape, -3, 3)}; },
         [](const List& x) { return gelu(x[0], Gelu::tanh); }, "F.gelu(x[0], approximate='tanh')")
        .twin([](const List& x) { return reference::gelu(x[0], Gelu::tanh); });
  all.push_back(g);
  fused(unary(
            "silu(x)", [](const Tensor& x) { return silu(x); }, "F.silu(x[0])"),
        reference::silu);
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

std::vector<OpRecord> steps() {
  std::vector<OpRecord> all;
  using T = const Tensor&;
  const auto halves = [](Draw& d) { return List{d.real({7}), d.integers(-3, 4, {5})}; };
  const auto add = [&](const std::string& name, auto f, Domain domain) {
    OpRecord r = unary(
        name + "(x)", [f](T x) { return f(x); }, "torch." + name + "(x[0])", domain);
    r.sample(
        "integers", halves, [f](const List& x) { return f(x[1]); }, name == "sign" ? "torch.sign(x[1])" : "x[1]");
    all.push_back(r.flat_gradient());
  };
  add(
      "floor", [](T x) { return floor(x); }, anywhere);
  add(
      "ceil", [](T x) { return ceil(x); }, anywhere);
  add(
      "round", [](T x) { return round(x); }, anywhere);
  add(
      "sign", [](T x) { return sign(x); }, nonzero);
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
  for (const bool largest : {false, true}) {
    const auto f = [largest](const Tensor& x, Scalar s) { return largest ? maximum(x, s) : minimum(x, s); };
    const std::string name = largest ? "torch.maximum" : "torch.minimum";
    OpRecord r = unary(
        largest ? "maximum(x, s)" : "minimum(x, s)", [f](const Tensor& x) { return f(x, 0.5); },
        name + "(x[0], torch.tensor(0.5, dtype=x[0].dtype))");
    const auto integers = [](Draw& d) { return List{d.integers(-4, 5, {3, 4})}; };
    r.sample(
        "integers", integers, [f](const List& x) { return f(x[0], 1); }, name + "(x[0], torch.tensor(1))");
    r.sample(
        "integers and a fraction", integers, [f](const List& x) { return f(x[0], 0.5).to(f64); },
        name + "(x[0], torch.tensor(0.5)).double()");
    all.push_back(r);
  }

  OpRecord c = unary(
      "clamp(x, low, high)", [](const Tensor& x) { return clamp(x, -1, 0.5); }, "torch.clamp(x[0], -1, 0.5)");
  c.sample(
      "one-sided",
      [](Draw& d) {
        return List{d.real({3, 4})};
      },
      [](const List& x) { return clamp(x[0], -std::numeric_limits<double>::infinity(), 0.25); },
      "torch.clamp(x[0], max=0.25)");
  const auto whole = [](Draw& d) { return List{d.integers(-4, 5, {3, 4})}; };
  c.sample(
      "low above high",
      [](Draw& d) {
        return List{d.real({3, 4})};
      },
      [](const List& x) { return clamp(x[0], 0.5, -0.5); }, "torch.clamp(x[0], 0.5, -0.5)");
  c.sample(
      "integers", whole, [](const List& x) { return clamp(x[0], -1, 2); }, "torch.clamp(x[0], -1, 2)");
  c.sample(
      "integers, low above high", whole, [](const List& x) { return clamp(x[0], 2, -1); }, "torch.clamp(x[0], 2, -1)");
  c.sample(
      "integers, one-sided", whole,
      [](const List& x) { return clamp(x[0], -1, std::numeric_limits<double>::infinity()); },
      "torch.clamp(x[0], min=-1)");
  c.sample(
      "integers and fractions", whole, [](const List& x) { return clamp(x[0], -0.5, 2.5).to(f64); },
      "torch.clamp(x[0], -0.5, 2.5).double()");
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
  for (const bool first : {false, true}) {
    OpRecord r{first ? "where(condition, s, b)" : "where(condition, a, s)"};
    const auto f = [first](const Tensor& condition, const Tensor& x, Scalar s) {
      return first ? where(condition, s, x) : where(condition, x, s);
    };
    const auto torch_of = [first](const std::string& s) {
      return first ? fmt::format("torch.where(x[0], {}, x[1])", s) : fmt::format("torch.where(x[0], x[1], {})", s);
    };
    const auto pair = [](const Shape& condition, const Shape& x) {
      return [=](Draw& d) { return List{d.mask(condition), d.real(x)}; };
    };
    for (const auto& [c_shape, x_shape] :
         {std::pair<Shape, Shape>{{3, 4}, {3, 4}}, {{3, 1}, {4}}, {{}, {2}}, {{0, 2}, {2}}})
      r.sample(
          fmt::format("{}, {}", c_shape, x_shape), pair(c_shape, x_shape),
          [f](const List& x) { return f(x[0], x[1], -1.5); }, torch_of("torch.tensor(-1.5, dtype=x[1].dtype)"));
    r.sample(
        "integers",
        [](Draw& d) {
          return List{d.mask({3, 4}), d.integers(-4, 5, {4})};
        },
        [f](const List& x) { return f(x[0], x[1], 7); }, torch_of("torch.tensor(7)"));
    all.push_back(r);
  }

  OpRecord m{"masked_fill(x, mask, value)"};
  const auto fill = [](const List& x) { return masked_fill(x[0], x[1], -3.5); };
  const auto masked = [](const Shape& x, const Shape& mask, double p) {
    return [=](Draw& d) { return List{d.real(x), d.mask(mask, p)}; };
  };
  m.sample("equal shapes (3, 4)", masked({3, 4}, {3, 4}, 0.5), fill, "x[0].masked_fill(x[1], -3.5)");
  m.sample("mask stretches (2, 3, 4), (3, 1)", masked({2, 3, 4}, {3, 1}, 0.5), fill, "x[0].masked_fill(x[1], -3.5)");
  m.sample("x stretches (3), (2, 1)", masked({3}, {2, 1}, 0.5), fill, "x[0].masked_fill(x[1], -3.5)");
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
  for (auto part : {arithmetic, smooth, steps, choices})
    for (OpRecord& r : part()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests

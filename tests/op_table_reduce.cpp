// Reductions, and cumulative ones.
#include <limits>

#include <fmt/ranges.h>

#include <heed/autograd/ops/reference.h>
#include "op_table.h"

namespace heed::tests {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Inputs real(const Shape& shape) {
  return [=](Draw& d) { return List{d.real(shape)}; };
}

/// f(x, axis, keepdim), with `torch` as a pattern of both.
template <class F>
OpRecord over_axis(std::string declares, F f, const std::string& torch, bool takes_one) {
  OpRecord r{std::move(declares)};
  const auto add = [&](const Shape& shape, int64_t axis, bool keepdim) {
    r.sample(
        fmt::format("{} over axis {}{}", shape, axis, keepdim ? ", kept" : ""), real(shape),
        [=](const List& x) { return f(x[0], axis, keepdim); },
        fmt::format(fmt::runtime(torch), axis, keepdim ? "True" : "False"));
  };
  add({3, 4}, 0, false);
  add({3, 4}, 1, true);
  add({2, 3, 4}, 1, false);
  add({2, 3, 4}, -1, false);
  add({2, 3, 4}, -3, true);
  add({19}, 0, false);
  add({0, 3}, 1, false);
  if (takes_one) add({2, 1}, 1, false);
  if (takes_one) add({1}, 0, true);
  if (takes_one) add({}, 0, false);
  if (takes_one) add({}, -1, true);
  return r;
}

/// As over_axis, with samples over all and over several axes.
template <class F>
OpRecord over_axes(std::string declares, F f, const std::string& torch, bool takes_one) {
  OpRecord r = over_axis(std::move(declares), f, torch, takes_one);
  const auto add = [&](const Shape& shape, const std::vector<int64_t>& axes, bool keepdim) {
    std::vector<int64_t> named = axes;
    for (int i = 0; axes.empty() && i < shape.rank(); ++i) named.push_back(i);
    r.sample(
        fmt::format("{} over {}{}", shape, axes, keepdim ? ", kept" : ""), real(shape),
        [=](const List& x) { return f(x[0], Axes(axes), keepdim); },
        fmt::format(fmt::runtime(torch), fmt::format("{}", named), keepdim ? "True" : "False"));
  };
  add({3, 4}, {}, false);
  add({2, 1, 3, 2}, {}, true);
  add({37}, {}, false);
  add({2, 3, 4}, {0, 2}, false);
  add({2, 3, 4}, {1, -1}, true);
  add({2, 3}, {1, 0}, false);
  add({2, 0, 3}, {0, 2}, false);
  if (takes_one) add({1, 1}, {}, false);
  return r;
}

std::vector<OpRecord> sums() {
  std::vector<OpRecord> all;
  using T = const Tensor&;
  all.push_back(over_axes(
      "Tensor::sum(axes, keepdim)", [](T x, const Axes& a, bool k) { return x.sum(a, k); }, "x[0].sum({}, keepdim={})",
      true));
  all.back().sample(
      "empty (0, 3)", real({0, 3}), [](const List& x) { return x[0].sum(); }, "x[0].sum()");
  all.back().sample(
      "no terms (3, 0)", real({3, 0}), [](const List& x) { return x[0].sum(1); }, "x[0].sum(1)");
  all.push_back(over_axes(
      "Tensor::mean(axes, keepdim)", [](T x, const Axes& a, bool k) { return x.mean(a, k); },
      "x[0].mean({}, keepdim={})", true));

  for (const bool root : {false, true}) {
    const std::string name = root ? "std" : "var";
    const auto f = [root](T x, const Axes& a, double c, bool k) { return root ? x.std(a, c, k) : x.var(a, c, k); };
    OpRecord r = over_axes(
        "Tensor::" + name + "(axes, correction, keepdim)", [f](T x, const Axes& a, bool k) { return f(x, a, true, k); },
        "x[0]." + name + "({}, keepdim={})", false);
    r.sample(
        "divided by n", real({3, 4}), [f](const List& x) { return f(x[0], -1, false, false); },
        "x[0]." + name + "(-1, False)");
    r.sample(
        "divided by n - 2", real({2, 3, 4}),
        [f](const List& x) {
          return f(x[0], {0, 2}, 2, true);
        },
        "x[0]." + name + "((0, 2), correction=2, keepdim=True)");
    if (!root)
      r.sample(
          "of one, divided by n", real({3, 1}), [f](const List& x) { return f(x[0], -1, false, true); },
          "x[0].var(-1, unbiased=False, keepdim=True)");
    r.sample(
        "far from zero",
        [](Draw& d) {
          return List{add(d.real({2, 5}), 1000)};
        },
        [f](const List& x) { return f(x[0], 1, true, false); }, "x[0]." + name + "(1)");
    r.f32_within(2e-3, "1000 + x keeps 4 digits of x");
    all.push_back(r);
  }
  return all;
}

std::vector<OpRecord> norms_and_products() {
  std::vector<OpRecord> all;
  using T = const Tensor&;
  OpRecord n = over_axes(
      "Tensor::norm(p, axes, keepdim)", [](T x, const Axes& a, bool k) { return x.norm(2, a, k); },
      "torch.linalg.vector_norm(x[0], 2, {}, keepdim={})", false);
  for (const double p : {1.0, 3.0, 4.0, 1.5, 0.5, -1.0, 0.0, kInfinity, -kInfinity})
    for (const bool all_axes : {true, false})
      n.sample(
          fmt::format("p {}{}", p, all_axes ? "" : " over axes"),
          [](Draw& d) {
            return List{d.away_from_zero({2, 3, 2})};
          },
          [=](const List& x) {
            return all_axes ? x[0].norm(p) : x[0].norm(p, {0, 2}, true);
          },
          fmt::format("torch.linalg.vector_norm(x[0], float('{}'){})", p, all_axes ? "" : ", (0, 2), True"));
  n.sample(
      "zeros beside others",
      [](Draw&) {
        return List{tensor({0., 3., 0., -4.}, f64)};
      },
      [](const List& x) { return x[0].norm(); }, "torch.linalg.vector_norm(x[0])");
  all.push_back(n);

  OpRecord p = over_axis(
      "Tensor::prod(axes, keepdim)", [](T x, const Axes& a, bool k) { return x.prod(a, k); },
      "x[0].prod({}, keepdim={})", true);
  p.sample(
      "over all (2, 3)", real({2, 3}), [](const List& x) { return x[0].prod(); }, "x[0].prod()");
  p.sample(
      "over 0 and 2", real({2, 3, 4}),
      [](const List& x) {
        return x[0].prod({2, 0}, true);
      },
      "x[0].prod(2, keepdim=True).prod(0, keepdim=True)");
  p.sample(
      "one zero, and two",
      [](Draw&) {
        return List{tensor({{2., 0., 3.}, {0., 5., 0.}}, f64)};
      },
      [](const List& x) { return x[0].prod(1); }, "x[0].prod(1)");
  p.sample(
      "no factors (3, 0)", real({3, 0}), [](const List& x) { return x[0].prod(1); }, "x[0].prod(1)");
  all.push_back(p);

  OpRecord c{"cumprod(x, axis)"};
  const auto add = [&](const Shape& shape, int64_t axis) {
    c.sample(
        fmt::format("{} along {}", shape, axis), real(shape), [=](const List& x) { return cumprod(x[0], axis); },
        fmt::format("torch.cumprod(x[0], {})", axis));
    if (shape.rank() > 0) c.twin([=](const List& x) { return reference::cumprod(x[0], axis); });
  };
  add({3, 4}, 0);
  add({3, 5}, 1);
  add({2, 3, 4}, -2);
  add({9}, 0);
  add({1}, 0);
  add({0, 3}, 0);
  add({3, 0}, 0);
  add({}, -1);
  // PyTorch's second gradient is another at zeros, where it stops differentiating.
  c.sample(
      "a zero",
      [](Draw&) {
        return List{tensor({2., 0., 3., -1.}, f64)};
      },
      [](const List& x) { return cumprod(x[0], 0); },
      "torch.stack([x[0][0], x[0][0] * x[0][1], x[0][0] * x[0][1] * x[0][2], x[0][0] * x[0][1] * x[0][2] * x[0][3]])");
  c.twin([](const List& x) { return reference::cumprod(x[0], 0); });
  all.push_back(c);

  for (const bool every : {false, true}) {
    OpRecord r{every ? "Tensor::all(axes, keepdim)" : "Tensor::any(axes, keepdim)"};
    const std::string name = every ? "all" : "any";
    const auto sample = [&](const std::string& what, Inputs inputs, const Axes& axes, bool keepdim,
                            const std::string& torch) {
      r.sample(
          what, std::move(inputs),
          [=](const List& x) { return every ? x[0].all(axes, keepdim) : x[0].any(axes, keepdim); },
          fmt::format(fmt::runtime(torch), fmt::arg("f", name)));
    };
    const auto flags = [](const Shape& shape, double chance) {
      return [=](Draw& d) { return List{d.mask(shape, chance)}; };
    };
    for (const double chance : {0.2, 0.8, 0.0, 1.0}) {
      sample(fmt::format("flags {}", chance), flags({3, 4}, chance), {}, false, "x[0].{f}()");
      sample(fmt::format("flags {} over 1", chance), flags({5, 3}, chance), 1, false, "x[0].{f}(1)");
    }
    sample("over several", flags({2, 3, 4}, 0.5), {0, -1}, true, "x[0].{f}(0, keepdim=True).{f}(2, keepdim=True)");
    sample("of none", flags({0, 3}, 0.5), 0, false, "x[0].{f}(0)");
    sample("scalar", flags({}, 0.5), 0, false, "x[0].{f}(0)");
    sample(
        "integers",
        [](Draw& d) {
          return List{d.integers(-1, 2, {4, 3})};
        },
        1, false, "x[0].{f}(1)");
    sample(
        "numbers",
        [](Draw&) {
          return List{tensor({{0., 0.5}, {0., 0.}, {1., -2.}}, f64)};
        },
        1, false, "x[0].{f}(1)");
    all.push_back(r.no_gradient());
  }
  return all;
}

std::vector<OpRecord> extremes() {
  std::vector<OpRecord> all;
  all.push_back(over_axes(
      "Tensor::max(axes, keepdim)", [](const Tensor& x, const Axes& a, bool k) { return x.max(a, k); },
      "x[0].amax({}, keepdim={})", true));
  all.push_back(over_axes(
      "Tensor::min(axes, keepdim)", [](const Tensor& x, const Axes& a, bool k) { return x.min(a, k); },
      "x[0].amin({}, keepdim={})", true));
  all.push_back(over_axis(
      "Tensor::argmax(axis, keepdim)", [](const Tensor& x, int64_t a, bool k) { return x.argmax(a, k); },
      "x[0].argmax({}, keepdim={})", true));
  for (const Shape& shape : {Shape{3, 4}, Shape{2, 1, 3, 2}, Shape{37}, Shape{}, Shape{1, 1}})
    all.back().sample(
        fmt::format("all of {}", shape), real(shape), [](const List& x) { return x[0].argmax(); }, "x[0].argmax()");
  all.back().no_gradient();
  all.push_back(over_axis(
      "Tensor::argmin(axis, keepdim)", [](const Tensor& x, int64_t a, bool k) { return x.argmin(a, k); },
      "x[0].argmin({}, keepdim={})", true));
  for (const Shape& shape : {Shape{3, 4}, Shape{2, 1, 3, 2}, Shape{37}, Shape{}, Shape{1, 1}})
    all.back().sample(
        fmt::format("all of {}", shape), real(shape), [](const List& x) { return x[0].argmin(); }, "x[0].argmin()");
  all.back().no_gradient();
  for (const bool largest : {true, false}) {
    OpRecord r{largest ? "amax(x, axes, keepdim)" : "amin(x, axes, keepdim)"};
    const std::string name = largest ? "amax" : "amin";
    const auto add = [&](const Shape& shape, const std::vector<int64_t>& axes, bool keepdim) {
      r.sample(
          fmt::format("{} over {}{}", shape, axes, keepdim ? ", kept" : ""), real(shape),
          [=](const List& x) { return largest ? amax(x[0], axes, keepdim) : amin(x[0], axes, keepdim); },
          fmt::format("torch.{}(x[0], {}, keepdim={})", name, axes, keepdim ? "True" : "False"));
    };
    add({3, 4}, {}, false);
    add({2, 3, 4}, {0, 2}, false);
    add({2, 3, 4}, {1}, true);
    add({2, 3, 4}, {-1, -2}, true);
    add({5}, {0}, false);
    add({2, 0, 3}, {2}, false);
    add({1, 1}, {0, 1}, false);
    all.push_back(r);
  }
  return all;
}

std::vector<OpRecord> exponentials_and_running_sums() {
  std::vector<OpRecord> all;
  all.push_back(over_axes(
      "logsumexp(x, axes, keepdim)", [](const Tensor& x, const Axes& a, bool k) { return logsumexp(x, a, k); },
      "torch.logsumexp(x[0], {}, keepdim={})", true));
  all.back()
      .sample(
          "large (3, 4)",
          [](Draw& d) {
            return List{d.real({3, 4}, -1000, 1000)};
          },
          [](const List& x) { return logsumexp(x[0], 1); }, "torch.logsumexp(x[0], 1)")
      .sample(
          "some at -inf",
          [](Draw& d) {
            return List{d.real({3, 4}), d.mask({4})};
          },
          [](const List& x) { return logsumexp(masked_fill(x[0], x[1], -kInfinity), 1); },
          "torch.logsumexp(x[0].masked_fill(x[1], -math.inf), 1)");

  OpRecord r{"cumsum(x, axis)"};
  const auto add = [&](const Shape& shape, int64_t axis) {
    r.sample(
        fmt::format("{} along {}", shape, axis), real(shape), [=](const List& x) { return cumsum(x[0], axis); },
        fmt::format("torch.cumsum(x[0], {})", axis));
  };
  add({3, 4}, 0);
  add({3, 4}, 1);
  add({2, 3, 4}, -2);
  add({19}, 0);
  add({1}, 0);
  add({0, 3}, 0);
  add({3, 0}, 0);
  add({}, 0);
  all.push_back(r);
  return all;
}

}  // namespace

std::vector<OpRecord> reduction_records() {
  std::vector<OpRecord> all;
  for (auto part : {sums, norms_and_products, extremes, exponentials_and_running_sums})
    for (OpRecord& r : part()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests

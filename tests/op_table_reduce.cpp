// Reductions, and cumulative ones.
#include <limits>

#include <fmt/ranges.h>

#include "op_table.h"

namespace heed::tests {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Inputs real(const Shape& shape) {
  return [=](Draw& d) { return List{d.real(shape)}; };
}

template <class F>
OpRecord over_all(std::string declares, F f, const std::string& torch, bool takes_none) {
  OpRecord r{std::move(declares)};
  const auto fn = [f](const List& x) { return f(x[0]); };
  r.sample("(3, 4)", real({3, 4}), fn, torch);
  r.sample("(2, 1, 3, 2)", real({2, 1, 3, 2}), fn, torch);
  r.sample("37 in a row", real({37}), fn, torch);
  if (takes_none) r.sample("scalar ()", real({}), fn, torch);
  if (takes_none) r.sample("one element (1, 1)", real({1, 1}), fn, torch);
  return r;
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
  return r;
}

/// f(x, axes, keepdim) over several axes.
template <class F>
OpRecord over_axes(std::string declares, F f, const std::string& torch) {
  OpRecord r{std::move(declares)};
  r.sample(
      "(2, 3, 4) over 0 and 2", real({2, 3, 4}),
      [f](const List& x) {
        return f(x[0], Axes{0, 2}, false);
      },
      fmt::format(fmt::runtime(torch), "(0, 2)", "False"));
  r.sample(
      "(2, 3, 4) over 1 and -1, kept", real({2, 3, 4}),
      [f](const List& x) {
        return f(x[0], Axes{1, -1}, true);
      },
      fmt::format(fmt::runtime(torch), "(1, -1)", "True"));
  r.sample(
      "(2, 3) over both", real({2, 3}),
      [f](const List& x) {
        return f(x[0], Axes{1, 0}, false);
      },
      fmt::format(fmt::runtime(torch), "(1, 0)", "False"));
  r.sample(
      "(2, 0, 3) over 0 and 2", real({2, 0, 3}),
      [f](const List& x) {
        return f(x[0], Axes{0, 2}, false);
      },
      fmt::format(fmt::runtime(torch), "(0, 2)", "False"));
  return r;
}

std::vector<OpRecord> sums() {
  std::vector<OpRecord> all;
  all.push_back(over_all(
      "Tensor::sum()", [](const Tensor& x) { return x.sum(); }, "x[0].sum()", true));
  all.back().sample(
      "empty (0, 3)", real({0, 3}), [](const List& x) { return x[0].sum(); }, "x[0].sum()");
  all.push_back(over_axis(
      "Tensor::sum(axis, keepdim)", [](const Tensor& x, int64_t a, bool k) { return x.sum(a, k); },
      "x[0].sum({}, keepdim={})", true));
  all.back().sample(
      "no terms (3, 0)", real({3, 0}), [](const List& x) { return x[0].sum(1); }, "x[0].sum(1)");
  all.push_back(over_axes(
      "Tensor::sum(axes, keepdim)", [](const Tensor& x, Axes a, bool k) { return x.sum(a, k); },
      "x[0].sum({}, keepdim={})"));
  all.push_back(over_all(
      "Tensor::mean()", [](const Tensor& x) { return x.mean(); }, "x[0].mean()", true));
  all.push_back(over_axis(
      "Tensor::mean(axis, keepdim)", [](const Tensor& x, int64_t a, bool k) { return x.mean(a, k); },
      "x[0].mean({}, keepdim={})", true));
  all.push_back(over_axes(
      "Tensor::mean(axes, keepdim)", [](const Tensor& x, Axes a, bool k) { return x.mean(a, k); },
      "x[0].mean({}, keepdim={})"));
  all.push_back(over_all(
      "Tensor::var()", [](const Tensor& x) { return x.var(); }, "x[0].var()", false));
  all.push_back(over_axis(
      "Tensor::var(axis, keepdim, unbiased)", [](const Tensor& x, int64_t a, bool k) { return x.var(a, k); },
      "x[0].var({}, keepdim={})", false));
  all.back()
      .sample(
          "divided by n", real({3, 4}), [](const List& x) { return x[0].var(-1, false, false); },
          "x[0].var(-1, unbiased=False)")
      .sample(
          "of one, divided by n", real({3, 1}), [](const List& x) { return x[0].var(-1, true, false); },
          "x[0].var(-1, unbiased=False, keepdim=True)")
      .sample(
          "far from zero",
          [](Draw& d) {
            return List{add(d.real({2, 5}), 1000)};
          },
          [](const List& x) { return x[0].var(1); }, "x[0].var(1)");
  all.back().f32_within(2e-3, "1000 + x keeps 4 digits of x");
  return all;
}

std::vector<OpRecord> extremes() {
  std::vector<OpRecord> all;
  all.push_back(over_all(
      "Tensor::max()", [](const Tensor& x) { return x.max(); }, "x[0].max()", true));
  all.push_back(over_axis(
      "Tensor::max(axis, keepdim)", [](const Tensor& x, int64_t a, bool k) { return x.max(a, k); },
      "x[0].max({}, keepdim={})[0]", true));
  all.push_back(over_all(
      "Tensor::min()", [](const Tensor& x) { return x.min(); }, "x[0].min()", true));
  all.push_back(over_axis(
      "Tensor::min(axis, keepdim)", [](const Tensor& x, int64_t a, bool k) { return x.min(a, k); },
      "x[0].min({}, keepdim={})[0]", true));
  all.push_back(over_all(
      "Tensor::argmax()", [](const Tensor& x) { return x.argmax(); }, "x[0].argmax()", true));
  all.back().no_gradient();
  all.push_back(over_axis(
      "Tensor::argmax(axis, keepdim)", [](const Tensor& x, int64_t a, bool k) { return x.argmax(a, k); },
      "x[0].argmax({}, keepdim={})", true));
  all.back().no_gradient();
  all.push_back(over_all(
      "Tensor::argmin()", [](const Tensor& x) { return x.argmin(); }, "x[0].argmin()", true));
  all.back().no_gradient();
  all.push_back(over_axis(
      "Tensor::argmin(axis, keepdim)", [](const Tensor& x, int64_t a, bool k) { return x.argmin(a, k); },
      "x[0].argmin({}, keepdim={})", true));
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
  all.push_back(over_axis(
      "logsumexp(x, axis, keepdim)", [](const Tensor& x, int64_t a, bool k) { return logsumexp(x, a, k); },
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
  all.push_back(r);
  return all;
}

}  // namespace

std::vector<OpRecord> reduction_records() {
  std::vector<OpRecord> all;
  for (auto part : {sums, extremes, exponentials_and_running_sums})
    for (OpRecord& r : part()) all.push_back(std::move(r));
  return all;
}

}  // namespace heed::tests

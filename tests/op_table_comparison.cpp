// Comparisons and logic: boolean results.
#include <cmath>

#include "op_table.h"

namespace heed::tests {
namespace {

template <class F>
OpRecord pairwise(const std::string& name, F f) {
  OpRecord r{name + "(a, b)"};
  const auto fn = [f](const List& x) { return f(x[0], x[1]); };
  const std::string torch = fmt::format("torch.{}(x[0], x[1])", name);
  const auto whole = [](const Shape& a, const Shape& b) {
    return [=](Draw& d) { return List{d.integers(-2, 3, a), d.integers(-2, 3, b)}; };
  };
  r.sample(
      "numbers (3, 4)",
      [](Draw& d) {
        return List{d.real({3, 4}), d.real({3, 4})};
      },
      fn, torch);
  r.sample("integers with equals (3, 4), (4)", whole({3, 4}, {4}), fn, torch);
  r.sample("integers (3, 1), (1, 4)", whole({3, 1}, {1, 4}), fn, torch);
  r.sample("empty", whole({0, 3}, {3}), fn, torch);
  r.sample("scalars", whole({}, {}), fn, torch);
  return r.no_gradient();
}

template <class F>
OpRecord with_number(const std::string& name, F f) {
  OpRecord r{name + "(a, s)"};
  const auto fn = [f](const List& x) { return f(x[0], 1.0); };
  const std::string torch = fmt::format("torch.{}(x[0], 1)", name);
  for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{0, 2}, Shape{37}}) {
    r.sample(
        fmt::format("numbers {}", shape), [=](Draw& d) { return List{d.real(shape)}; }, fn, torch);
    r.sample(
        fmt::format("integers with equals {}", shape), [=](Draw& d) { return List{d.integers(-2, 3, shape)}; }, fn,
        torch);
  }
  r.sample(
      "integers and a fraction", [](Draw& d) { return List{d.integers(-2, 3, {37})}; },
      [f](const List& x) { return f(x[0], 0.5); }, fmt::format("torch.{}(x[0], 0.5)", name));
  r.sample(
      "flags and a number", [](Draw& d) { return List{d.mask({37})}; }, [f](const List& x) { return f(x[0], 2); },
      fmt::format("torch.{}(x[0], 2)", name));
  return r.no_gradient();
}

}  // namespace

std::vector<OpRecord> comparison_records() {
  using T = const Tensor&;
  std::vector<OpRecord> all{
      pairwise("eq", [](T a, T b) { return eq(a, b); }),
      pairwise("ne", [](T a, T b) { return ne(a, b); }),
      pairwise("lt", [](T a, T b) { return lt(a, b); }),
      pairwise("le", [](T a, T b) { return le(a, b); }),
      pairwise("gt", [](T a, T b) { return gt(a, b); }),
      pairwise("ge", [](T a, T b) { return ge(a, b); }),
      with_number("eq", [](T a, double s) { return eq(a, s); }),
      with_number("ne", [](T a, double s) { return ne(a, s); }),
      with_number("lt", [](T a, double s) { return lt(a, s); }),
      with_number("le", [](T a, double s) { return le(a, s); }),
      with_number("gt", [](T a, double s) { return gt(a, s); }),
      with_number("ge", [](T a, double s) { return ge(a, s); }),
  };
  const auto special = [&](const std::string& name, auto f) {
    OpRecord r{name + "(x)"};
    const auto fn = [f](const List& x) { return f(x[0]); };
    const std::string torch = fmt::format("torch.{}(x[0])", name);
    r.sample(
        "NaN and infinities",
        [](Draw&) {
          return List{tensor({NAN, INFINITY, -INFINITY, 0., 1e300, -1.}, f64)};
        },
        fn, torch);
    r.sample(
        "ordinary (3, 4)",
        [](Draw& d) {
          return List{d.real({3, 4})};
        },
        fn, torch);
    r.sample(
        "integers", [](Draw& d) { return List{d.integers(-2, 3, {3})}; }, fn, torch);
    r.sample(
        "flags", [](Draw& d) { return List{d.mask({})}; }, fn, torch);
    all.push_back(r.no_gradient());
  };
  special("isnan", [](T x) { return isnan(x); });
  special("isinf", [](T x) { return isinf(x); });
  special("isfinite", [](T x) { return isfinite(x); });
  OpRecord negation{"logical_not(x)"};
  for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{0}})
    negation.sample(
        fmt::format("{}", shape), [=](Draw& d) { return List{d.mask(shape)}; },
        [](const List& x) { return logical_not(x[0]); }, "torch.logical_not(x[0])");
  all.push_back(negation.no_gradient());
  for (const bool both : {true, false}) {
    OpRecord r{both ? "logical_and(a, b)" : "logical_or(a, b)"};
    const auto fn = [both](const List& x) { return both ? logical_and(x[0], x[1]) : logical_or(x[0], x[1]); };
    const std::string torch = both ? "torch.logical_and(x[0], x[1])" : "torch.logical_or(x[0], x[1])";
    for (const auto& [a, b] :
         {std::pair<Shape, Shape>{{3, 4}, {3, 4}}, {{3, 4}, {4}}, {{2, 1}, {1, 3}}, {{}, {}}, {{0, 2}, {2}}})
      r.sample(
          fmt::format("{}, {}", a, b),
          [a = a, b = b](Draw& d) {
            return List{d.mask(a), d.mask(b)};
          },
          fn, torch);
    all.push_back(r.no_gradient());
  }
  return all;
}

}  // namespace heed::tests

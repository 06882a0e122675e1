// Every record of the op table: the same values and gradients in every precision, layout and mode.
#include <map>

#include <fmt/ranges.h>

#include <heed/autograd/engine.h>
#include <heed/autograd/node.h>
#include <heed/tensor/random.h>
#include "difference.h"
#include "op_run.h"

using namespace heed;
using namespace heed::tests;

namespace {

constexpr double kReordered = 1e-13;  // f64 sums in another order

/// The same elements at other places in memory.
struct Layout {
  const char* name;
  Tensor (*of)(const Tensor&);
};

/// Every element but the first of a longer last axis, in steps of two.
Tensor spread(const Tensor& x) {
  if (x.rank() == 0) return stack({x, x, x}, 0).select(0, 1).detach();
  Tensor wide = stack({x, x}, -1).detach();  // (..., n, 2)
  return wide.select(-1, 1);
}

const Layout kLayouts[] = {
    {"transposed",
     [](const Tensor& x) {
       return x.rank() < 2 ? spread(x) : x.transpose(0, -1).contiguous().transpose(0, -1).detach();
     }},
    {"in steps of two", [](const Tensor& x) { return spread(x).detach(); }},
    {"behind an offset",
     [](const Tensor& x) {
       return stack({x, x, x}, 0).detach().select(0, 1);
     }},
};

}  // namespace

TEST_CASE("ops: f32 equals f64 to f32's precision, in values and gradients", "[ops]") {
  for_each_sample([&](const OpRecord&, const Sample& sample, const List& x) {
    const List rounded = cast(x, f32);
    const Evaluation narrow = evaluate(sample.fn, rounded), wide = evaluate(sample.fn, cast(rounded, f64));
    CHECK(difference(narrow.outputs, wide.outputs, sample.f32_tolerance) == "");
    CHECK(difference(narrow.gradients, wide.gradients, sample.f32_tolerance) == "");
  });
}

TEST_CASE("ops: strided views give what contiguous copies give", "[ops]") {
  for_each_sample([&](const OpRecord&, const Sample& sample, const List& x) {
    const Evaluation plain = evaluate(sample.fn, x);
    for (const Layout& layout : kLayouts) {
      INFO("layout: " << layout.name);
      List views;
      for (const Tensor& t : x) views.push_back(layout.of(t));
      REQUIRE(difference(views, x, 0) == "");
      const Evaluation viewed = evaluate(sample.fn, views);
      CHECK(difference(viewed.outputs, plain.outputs, kReordered) == "");
      CHECK(difference(viewed.gradients, plain.gradients, kReordered) == "");
    }
  });
}

TEST_CASE("ops: an input stretched with stride 0 gives what its copy gives", "[ops]") {
  for_each_sample([&](const OpRecord&, const Sample& sample, const List& x) {
    List stretched, copies;
    for (const Tensor& t : x) {
      const bool stretches = t.rank() > 0 && t.shape()[0] > 1;
      stretched.push_back(stretches ? t.narrow(0, 0, 1).expand(t.shape()) : t);
      copies.push_back(stretched.back().clone());
    }
    const Evaluation a = evaluate(sample.fn, stretched), b = evaluate(sample.fn, copies);
    CHECK(difference(a.outputs, b.outputs, kReordered) == "");
    CHECK(difference(a.gradients, b.gradients, kReordered) == "");
  });
}

TEST_CASE("ops: values are the same to the bit with and without recording", "[ops]") {
  for_each_sample([&](const OpRecord& record, const Sample& sample, const List& x) {
    const int64_t before = autograd::Node::live();
    List leaves = x, recorded, plain;
    for (Tensor& t : leaves)
      if (is_floating(t.dtype())) t = t.detach().set_requires_grad();
    recorded = sample.fn(leaves);
    {
      const NoGrad guard;
      plain = sample.fn(leaves);
    }
    CHECK(difference(recorded, plain, 0) == "");
    for (const Tensor& y : plain)  // what returns its input as it is keeps the input's history
      CHECK((!y.requires_grad() ||
             std::any_of(leaves.begin(), leaves.end(), [&](const Tensor& leaf) { return leaf.node() == y.node(); })));
    for (const Tensor& y : recorded)
      if (!record.differentiable || !is_floating(y.dtype())) CHECK_FALSE(y.requires_grad());
    leaves.clear();
    recorded.clear();
    plain.clear();
    CHECK(autograd::Node::live() == before);
  });
}

TEST_CASE("ops: each input's gradient is the same whether or not the others need one", "[ops]") {
  for_each_sample([&](const OpRecord&, const Sample& sample, const List& x) {
    const List together = evaluate(sample.fn, x).gradients;
    for (size_t i = 0; i < x.size(); ++i) {
      if (!is_floating(x[i].dtype())) continue;
      INFO("input " << i);
      CHECK(difference(List{evaluate(sample.fn, x, i).gradients[i]}, List{together[i]}, kReordered) == "");
    }
  });
}

TEST_CASE("ops: inputs keep their values, and gradients have their shapes and dtypes", "[ops]") {
  for (const DType dtype : {f32, f64})
    for_each_sample([&](const OpRecord& record, const Sample& sample, const List& drawn) {
      const List x = cast(drawn, dtype);
      List copies;
      for (const Tensor& t : x) copies.push_back(t.clone());
      const Evaluation e = evaluate(sample.fn, x);
      CHECK(difference(x, copies, 0) == "");
      for (size_t i = 0; i < x.size(); ++i) {
        if (!e.gradients[i].defined()) continue;
        CHECK(record.differentiable);
        CHECK(e.gradients[i].shape() == x[i].shape());
        CHECK(e.gradients[i].dtype() == x[i].dtype());
      }
    });
}

TEST_CASE("std: of numbers whose squares f32 cannot hold", "[ops]") {  // expected values from PyTorch 2.15
  for (const float size : {1e25f, 1e-25f}) {
    const Tensor x = from_vector<float>({size, -size, 0.3f * size}, {3}).set_requires_grad(), y = x.std();
    CHECK(y.item<float>() / size == Approx(1.0149));
    y.backward();
    CHECK(largest_difference(x.grad(), from_vector<float>({0.4434f, -0.5419f, 0.0985f}, {3})) < 1e-4);
  }
}

TEST_CASE("norm: of numbers whose powers f32 cannot hold", "[ops]") {
  for (const float size : {1e30f, 1e-30f})
    for (const double p : {2.0, 3.0, 2.5}) {
      const Tensor x = from_vector<float>({3 * size, -4 * size}, {2}).set_requires_grad(), y = x.norm(p);
      const double exact = std::pow(std::pow(3, p) + std::pow(4, p), 1 / p);
      CAPTURE(size, p);
      CHECK(y.item<float>() / size == Approx(exact));
      y.backward();
      CHECK(x.grad().at<float>({1}) == Approx(-std::pow(4 / exact, p - 1)));
    }
}

TEST_CASE("binary_cross_entropy_with_logits: sure answers keep their digits in f32", "[ops]") {
  const Tensor x = tensor({10.f, 14.6f, 40.f}), one = ones({3});
  const std::vector<double> expected{4.5398899e-05, 4.563502e-07, 4.248354e-18};  // log1p(exp(-x))
  const auto loss = [](const Tensor& logits, const Tensor& target) {
    const Tensor y = binary_cross_entropy_with_logits(logits, target, {.reduction = Reduction::none});
    return y.to_vector<double>();
  };
  const std::vector<double> positive = loss(x, one), negative = loss(-x, zeros({3}));
  for (size_t i = 0; i < 3; ++i) {
    CHECK(positive[i] == Approx(expected[i]).epsilon(1e-5));
    CHECK(negative[i] == Approx(expected[i]).epsilon(1e-5));
  }
}

// Expected values: exact, or f64's.
TEST_CASE("ops: numbers far from 0 keep the digits in which they differ, in f32", "[ops]") {
  for (const float offset : {0.f, 1e4f, 1e6f, -1e6f}) {
    CAPTURE(offset);
    for (const Reduction reduction : {Reduction::none, Reduction::mean}) {
      const Tensor logits = tensor({{offset, offset - 1}}).set_requires_grad();
      const Tensor loss = cross_entropy(logits, tensor({0}), {.reduction = reduction}).sum();
      CHECK(loss.item<double>() == Approx(0.31326169));
      loss.backward();
      CHECK(logits.grad().to_vector<double>()[1] == Approx(0.26894142));
      const Tensor smoothed = cross_entropy(logits, tensor({0}), {.reduction = reduction, .label_smoothing = 0.5});
      CHECK(smoothed.sum().item<double>() == Approx(0.56326169));
    }
    const Tensor x = tensor({offset, offset - 1}).set_requires_grad();
    const Tensor first = grad(softmax(x, 0), x, {.seeds = {tensor({1.f, 0.f})}, .create_graph = true});
    CHECK(grad(first, x, {.seeds = {tensor({1.f, 0.f})}}).to_vector<double>()[0] == Approx(-0.09085775));
    CHECK(largest_difference(layer_norm(full({2, 1000}, offset + 0.1f), ones({1000}), zeros({1000})),
                             zeros({2, 1000})) == 0);
  }
}

TEST_CASE("ops: what is no view shares no element with its input, where there is nothing to do", "[ops]") {
  using T = const Tensor&;
  const std::map<std::string, std::function<Tensor(T)>> functions{
      {"prod", [](T x) { return x.prod(-1); }},
      {"cumsum", [](T x) { return cumsum(x, 0); }},
      {"cumprod", [](T x) { return cumprod(x, 0); }},
      {"flip", [](T x) { return flip(x, 0); }},
      {"sort", [](T x) { return sort(x).first; }},
      {"roll", [](T x) { return roll(x, 0); }},
      {"repeat", [](T x) { return repeat(x, {1})[0]; }},
      {"tile", [](T x) { return tile(x, {1}); }},
      {"pad", [](T x) { return pad(x, {}); }},
      {"floor", [](T x) { return floor(x); }},
      {"abs", [](T x) { return abs(x); }},
      {"clamp", [](T x) { return clamp(x, -INFINITY, INFINITY); }},
      {"pow", [](T x) { return pow(x, 1); }},
  };
  for (const auto& [name, f] : functions)
    for (const DType dtype : {f64, i64}) {
      CAPTURE(name, name_of(dtype));
      const Tensor x = scalar(2, dtype), y = f(x);
      y.assign(zeros_like(y));
      CHECK(x.item<double>() == 2);
    }
}

TEST_CASE("ops: products that leave f32's range on their way come back, in f32", "[ops]") {
  const auto near = [](const Tensor& y, const std::vector<double>& expected) {
    const std::vector<double> values = y.to_vector<double>();
    for (size_t i = 0; i < expected.size(); ++i) CHECK(values[i] == Approx(expected[i]).margin(0));
  };
  near(cumprod(tensor({0.f, 1e30f, 1e30f}), 0), {0, 0, 0});
  near(cumprod(tensor({1e-30f, 1e30f, 1e30f, 1e-30f}), 0), {1e-30, 1, 1e30, 1});
  near(cumprod(tensor({1e30f, 1e-30f, 1e-30f, 1e30f}), 0), {1e30, 1, 1e-30, 1});
  near(tensor({1e20f, 1e-20f, 1e20f, 1e-20f}).prod(), {1});
  // PyTorch 2.15's in f64: products of what stands behind the second factor leave its range, too.
  const auto factor = [](const Tensor& x) { return grad(x.set_requires_grad().prod(-1).sum(), x); };
  near(factor(tensor({1e300, 1., 1e-170, 1e-170}, f64)), {0, 1e-40, 1e130, 1e130});
  near(factor(tensor({1e-300, 1., 1e160, 1e160}, f64)), {INFINITY, 1e20, 1e-140, 1e-140});
  near(factor(tensor({{1e-300, 1., 1e160, 1e160}, {2., 0., 3., 4.}}, f64))[1], {0, 24, 0, 0});
  near(factor(tensor({1e-40f, 1.f})), {1, 1e-40f});
  const auto slope = [](const Tensor& x) { return grad(cumprod(x.set_requires_grad(), 0).sum(), x); };
  near(slope(tensor({0., 1., 1e300, 1e300}, f64)), {INFINITY, 0, 0, 0});
  near(slope(tensor({2., 0., 1., 1e300, 1e300}, f64)), {1, INFINITY, 0, 0, 0});
  CHECK_FALSE(isnan(slope(cat({zeros({1}), full({1200}, 2)}))).any().item<bool>());
  CHECK(isnan(slope(tensor({0., 1., NAN, 1.})).narrow(0, 0, 2)).all().item<bool>());
  near(smooth_l1_loss(tensor({1e-10f}), zeros({1}), Reduction::sum, 1e-38), {1e-10});
}

TEST_CASE("remainder and floor_divide: at signs, zeros and infinities", "[ops]") {  // expected values from PyTorch 2.15
  const Tensor a = tensor({-7.5, 7.5, 0.0, -0.0, -4.0, 4.0, 5.0, -5.0, 5.0, -5.0, INFINITY, 6.0, 0.0});
  const Tensor b = tensor({2.0, -2.0, -3.0, 3.0, 2.0, -2.0, INFINITY, INFINITY, -INFINITY, -INFINITY, 2.0, 0.0, 0.0});
  const auto text = [](const Tensor& x) {
    return fmt::format("{}", fmt::join(masked_fill(x, isnan(x), NAN).to_vector<double>(), " "));
  };
  for (const DType dtype : {f32, f64}) {
    CHECK(text(a.to(dtype) % b.to(dtype)) == "0.5 -0.5 0 -0 -0 0 5 inf -inf -5 nan nan nan");
    CHECK(text(floor_divide(a.to(dtype), b.to(dtype))) == "-4 -4 -0 -0 -2 -2 0 -1 -1 0 nan inf nan");
  }
  CHECK(floor_divide(tensor({0x1.7f327p+20f}), tensor({0x1.b0a56p-3f})).item<float>() == 7429837);
}

TEST_CASE("matmul: few rows add up a million products in f32", "[ops][gemm]") {
  Rng rng(3);
  for (const int64_t rows : {1, 2, 4}) {
    const Tensor a = rand({rows, 1'000'003}, rng), b = rand({1'000'003, 3}, rng);
    const Tensor exact = matmul(a.to(f64), b.to(f64)), error = abs(matmul(a, b).to(f64) / exact - 1);
    CHECK(error.max().item<double>() < 1e-5);
    CHECK(abs(matmul(a, a.mT().contiguous()).to(f64) / matmul(a.to(f64), a.mT().to(f64)) - 1).max().item<double>() <
          1e-5);
  }
}

TEST_CASE("fused ops: equal their composed twins in value, gradient and second gradient", "[ops][fused]") {
  int64_t compared = 0;
  for_each_sample([&](const OpRecord&, const Sample& sample, const List& drawn) {
    if (!sample.twin) return;
    ++compared;
    for (const DType dtype : {f64, f32}) {
      const List x = cast(drawn, dtype);
      const double tolerance = dtype == f64 ? 1e-11 : sample.f32_tolerance;
      const Evaluation fast = evaluate(sample.fn, x), plain = evaluate(sample.twin, x);
      INFO(name_of(dtype));
      CHECK(difference(fast.outputs, plain.outputs, tolerance) == "");
      CHECK(difference(fast.gradients, plain.gradients, tolerance) == "");
      const SecondGradients a = evaluate_twice(sample.fn, x), b = evaluate_twice(sample.twin, x);
      CHECK(difference(a.first, b.first, tolerance) == "");
      CHECK(difference(a.second, b.second, tolerance) == "");
    }
  });
  CHECK(compared > 60);
}

// Arrays long enough to be shared out among threads: nothing is lost or doubled where the shares meet.
#include <cmath>
#include <memory>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/reduce.h>
#include <heed/tensor/kernels/unary.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/random.h>
#include "difference.h"
#include "kernels.h"

using namespace heed;
using kernels::Unary;

namespace {

constexpr int64_t kLong = 5 * 32768 + 3;  // more than two shares of any elementwise kernel, and no whole vectors
constexpr int64_t kShort = 1000;          // one share of any

template <class F>
void on_several_threads(F test) {
  const int before = num_threads();
  for (const int threads : {2, 3, 5}) {
    CAPTURE(threads);
    set_num_threads(threads);
    test();
  }
  set_num_threads(before);
}

/// Calls f(first, count) for the pieces of [0, n): none is worth a second thread.
template <class F>
void in_pieces(int64_t n, F f) {
  for (int64_t i = 0; i < n; i += kShort) f(i, std::min(kShort, n - i));
}

}  // namespace

TEMPLATE_TEST_CASE("elementwise kernels: long arrays get the bits that short pieces get", "[kernels][threads]", float,
                   double) {
  using T = TestType;
  const auto x = normal<T>(kLong, 1), g = normal<T>(kLong, 2);
  const auto keep = std::make_unique<bool[]>(kLong);
  for (int64_t i = 0; i < kLong; ++i) keep[i] = i * 7 % 11 < 6;
  std::vector<T> y(kLong), expected(kLong);
  on_several_threads([&] {
    for (const Unary f : {Unary::exp, Unary::tanh, Unary::sigmoid, Unary::silu, Unary::gelu}) {
      kernels::unary(f, x.data(), y.data(), kLong);
      in_pieces(kLong, [&](int64_t i, int64_t n) { kernels::unary(f, x.data() + i, expected.data() + i, n); });
      CHECK(y == expected);
    }
    for (const Unary f : {Unary::gelu, Unary::gelu_tanh}) {
      kernels::unary_backward(f, g.data(), x.data(), y.data(), kLong);
      in_pieces(kLong, [&](int64_t i, int64_t n) {
        kernels::unary_backward(f, g.data() + i, x.data() + i, expected.data() + i, n);
      });
      CHECK(y == expected);
    }
    kernels::dropout(x.data(), keep.get(), T(1.5), y.data(), kLong);
    for (int64_t i = 0; i < kLong; ++i) expected[i] = keep[i] ? x[i] * T(1.5) : T(0);
    CHECK(y == expected);
  });
}

TEMPLATE_TEST_CASE("row kernels: many rows, and wide ones, are each written once", "[kernels][threads]", float,
                   double) {
  using T = TestType;
  on_several_threads([&] {
    for (const auto& [rows, n] : std::vector<std::pair<int64_t, int64_t>>{{3000, 77}, {7, 40001}, {40001, 5}}) {
      CAPTURE(rows, n);
      const auto b = normal<T>(n, 2);
      auto x = normal<T>(rows * n, 3), expected = x;
      for (int64_t i = 0; i < rows * n; ++i) expected[i] += b[i % n];
      kernels::add_bias(x.data(), b.data(), rows, n);
      CHECK(x == expected);
      std::vector<double> sums(n);
      for (int64_t i = 0; i < rows * n; ++i) sums[i % n] += double(x[i]);
      std::vector<T> y(n, T(7));
      kernels::sum_rows(x.data(), y.data(), rows, n);
      CHECK(worst_error(y, sums, std::sqrt(double(rows)) + 1) <= (sizeof(T) == 4 ? 1e-5 : 1e-13));
    }
  });
}

TEST_CASE("reductions of large tensors: every element counts once, over any axes", "[kernels][threads]") {
  Rng rng(4);
  const Tensor x = randint(-50, 50, {37, 129, 91}, rng);  // integers: sums are exact in any order
  const auto values = x.to_vector<int64_t>();
  const auto naive = [&](bool a, bool b, bool c, auto combine, double initial) {
    const Shape shape{a ? 1 : 37, b ? 1 : 129, c ? 1 : 91};
    std::vector<double> out(size_t(shape.numel()), initial);
    for (int64_t i = 0, at = 0; i < 37; ++i)
      for (int64_t j = 0; j < 129; ++j)
        for (int64_t k = 0; k < 91; ++k, ++at) {
          double& sum = out[size_t(((a ? 0 : i) * shape[1] + (b ? 0 : j)) * shape[2] + (c ? 0 : k))];
          sum = combine(sum, double(values[size_t(at)]));
        }
    return out;
  };
  on_several_threads([&] {
    for (const DType dtype : {f32, f64, i64})
      for (int mask = 1; mask < 8; ++mask) {
        CAPTURE(name_of(dtype), mask);
        const bool a = mask & 1, b = mask & 2, c = mask & 4;
        std::vector<int64_t> axes;
        for (int i = 0; i < 3; ++i)
          if (mask >> i & 1) axes.push_back(i);
        const Tensor t = x.to(dtype), strided = t.transpose(0, 2).contiguous().transpose(0, 2);
        const auto sums = naive(
            a, b, c, [](double u, double v) { return u + v; }, 0);
        const auto tops = naive(
            a, b, c, [](double u, double v) { return std::max(u, v); }, -1e9);
        CHECK(t.sum(axes).to_vector<double>() == sums);
        CHECK(strided.sum(axes).to_vector<double>() == sums);
        CHECK(amax(t, axes).to_vector<double>() == tops);
        CHECK(amax(strided, axes).to_vector<double>() == tops);
      }
  });
}

TEST_CASE("argmax and argmin: the first NaN wins, as the largest and the smallest", "[tensor]") {
  const Tensor x = tensor({{1.0, NAN, 5.0, NAN, 0.0}, {1.0, 5.0, 0.0, 5.0, 0.0}});
  CHECK(x.argmax(1).to_vector<int64_t>() == std::vector<int64_t>{1, 1});
  CHECK(x.argmin(1).to_vector<int64_t>() == std::vector<int64_t>{1, 2});
}

TEST_CASE("cumsum: a long f32 row is added up in f64", "[kernels]") {
  const Tensor sums = cumsum(full({100000}, 0.1), 0);
  CHECK(sums.at<float>({99999}) == Approx(100000 * double(0.1f)).epsilon(1e-7));
}

TEST_CASE("reductions: the same on every instruction set", "[kernels]") {
  Rng rng(8);
  for (const DType dtype : {f32, f64, i64, boolean}) {
    const Tensor x = (randn({37, 130}, rng) * 3).to(dtype);
    const auto reduced = [&] {
      std::vector<std::vector<double>> all;
      for (const Shape& axes : {Shape{0}, {1}, {0, 1}})
        for (const auto& f : {kernels::sum, kernels::prod, kernels::amax, kernels::amin})
          all.push_back(f(x, axes, false).to_vector<double>());
      for (const int axis : {0, 1}) {
        all.push_back(kernels::argmax(x, axis, false).to_vector<double>());
        all.push_back(kernels::argmin(x, axis, false).to_vector<double>());
        all.push_back(kernels::cumsum(x, axis).to_vector<double>());
      }
      return all;
    };
    const auto expected = reduced();
    on_every_simd_target([&] { CHECK(reduced() == expected); });
    if (!is_floating(dtype)) continue;
    const Tensor norms = kernels::sum_of_powers(x, 2, {1}, false);
    on_every_simd_target(
        [&] { CHECK(largest_difference(kernels::sum_of_powers(x, 2, {1}, false), norms) <= 1e-14 * largest(norms)); });
  }
}

TEST_CASE("cumprod, prod: columns that run down together and gradients in one pass equal the twin", "[kernels][ops]") {
  Rng rng(3);
  for (const DType dtype : {f32, f64})
    for (const Shape& shape : {Shape{700}, {5, 300}, {2, 9, 257}})
      for (int axis = 0; axis < shape.rank(); ++axis) {
        CAPTURE(shape, axis);
        const Tensor x = rand(shape, rng, dtype) + 0.5, g = randn(shape, rng, dtype);
        x.narrow(axis, shape[axis] / 2, 1).assign(zeros_like(x.narrow(axis, 0, 1)));
        x.set_requires_grad();
        const Tensor y = cumprod(x, axis), twin = reference::cumprod(x, axis);
        CHECK(largest_difference(y, twin) <= 1e-6 * largest(twin));
        const Tensor dx = grad({y}, {x}, {.seeds = {g}})[0],
                     twins = grad({twin}, {x}, {.seeds = {g}, .retain_graph = true})[0];
        CHECK(largest_difference(dx, twins) <= 1e-6 * largest(twins));
        const Tensor end = g.narrow(axis, 0, 1), all = x.prod(axis, true), last = twin.narrow(axis, shape[axis] - 1, 1);
        CHECK(largest_difference(all, last) <= 1e-6 * largest(last));
        const Tensor of_all = grad({all}, {x}, {.seeds = {end}})[0], of_last = grad({last}, {x}, {.seeds = {end}})[0];
        CHECK(largest(of_last) > 0);
        CHECK(largest_difference(of_all, of_last) <= 1e-6 * largest(of_last));
      }
}

TEST_CASE("where: broadcast conditions and operands, over every layout", "[kernels][ops]") {
  Rng rng(5);
  const Tensor a = randn({20, 40}, rng, f64), b = randn({20, 40}, rng, f64);
  for (const Tensor& condition :
       {lt(randn({20, 1}, rng, f64), 0.0), lt(randn({1, 40}, rng, f64), 0.0), lt(randn({20, 40}, rng, f64), 0.0),
        lt(randn({40, 20}, rng, f64), 0.0).transpose(0, 1), lt(randn({}, rng, f64), 0.0)})
    for (const Tensor& u : {a, a.narrow(0, 2, 1), a.narrow(1, 3, 1), a.transpose(0, 1).contiguous().transpose(0, 1)}) {
      const Tensor y = where(condition, u, b);
      const Tensor c = condition.expand({20, 40}), wide = u.expand({20, 40});
      for (int64_t i = 0; i < 20; ++i)
        for (int64_t j = 0; j < 40; ++j)
          REQUIRE(y.at<double>({i, j}) == (c.at<bool>({i, j}) ? wide.at<double>({i, j}) : b.at<double>({i, j})));
    }
}

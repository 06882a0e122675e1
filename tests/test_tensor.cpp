#include <heed/tensor/tensor.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <heed/autograd/ops.h>
#include <heed/tensor/format.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/random.h>
#include "catch.h"

using namespace heed;

namespace {

std::vector<int64_t> values(const Tensor& x) { return x.to_vector<int64_t>(); }
using Ints = std::vector<int64_t>;

}  // namespace

TEST_CASE("factories: shapes, dtypes and elements", "[tensor]") {
  CHECK(tensor({{1, 2}, {3, 4}}).dtype() == i64);
  CHECK(tensor({{1., 2.}, {3., 4.}}).dtype() == f32);
  CHECK(tensor({true, false}).dtype() == boolean);
  CHECK(tensor({1, 2.5}).dtype() == f32);
  CHECK(tensor({1, 2}, f64).dtype() == f64);
  CHECK(tensor({{{1, 2, 3}}, {{4, 5, 6}}}).shape() == Shape{2, 1, 3});
  CHECK(tensor({int64_t{9007199254740993}}).item<int64_t>() == 9007199254740993);  // beyond what a double holds
  CHECK(values(arange(2, 11, 3)) == Ints{2, 5, 8});
  CHECK(arange(2, 11).dtype() == i64);
  CHECK(arange(0.0, 1.0, 0.25).to_vector<double>() == std::vector<double>{0, 0.25, 0.5, 0.75});
  CHECK(values(arange(3, 0, -1)) == Ints{3, 2, 1});
  CHECK(values(eye(3, i64)) == Ints{1, 0, 0, 0, 1, 0, 0, 0, 1});
  CHECK(values(tril(ones({3, 3}, i64))) == Ints{1, 0, 0, 1, 1, 0, 1, 1, 1});
  CHECK(values(triu(ones({3, 3}, i64), 1)) == Ints{0, 1, 1, 0, 0, 1, 0, 0, 0});
  CHECK(full({2}, 7, f64).to_vector<double>() == std::vector<double>{7, 7});
  CHECK(std::signbit(full({3}, -0.0).at<float>({2})));
  CHECK(scalar(3).rank() == 0);
  CHECK(zeros({0, 3}).numel() == 0);
}

TEST_CASE("factories: bad input is refused with a reason", "[tensor][errors]") {
  CHECK_THROWS_WITH(tensor({{1, 2}, {3}}), Contains("tensor: the list is ragged") && Contains("(2)") &&
                                               Contains("(1)") && Contains("[test_tensor.cpp:"));
  CHECK_THROWS_WITH(zeros({2, -1}), Contains("size -1") && Contains("at least 0"));
  CHECK_THROWS_WITH(zeros({int64_t{1} << 40, int64_t{1} << 40}), Contains("more elements than memory can address"));
  CHECK_THROWS_WITH(from_vector(std::vector<float>{1, 2, 3}, {2, 2}), Contains("3 values") && Contains("need 4"));
  CHECK_THROWS_WITH(arange(0, 3, 0), Contains("step other than 0"));
  CHECK_THROWS_AS(Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
}

TEST_CASE("views share storage; copies do not", "[tensor][views]") {
  const Tensor x = arange(24).reshape({2, 3, 4});
  CHECK(x.transpose(0, 2).storage() == x.storage());
  CHECK(x.transpose(0, 2).shape() == Shape{4, 3, 2});
  CHECK(x.transpose(0, 2).at<int64_t>({3, 1, 1}) == 19);
  CHECK(values(x.permute({2, 0, 1}).select(0, 1)) == Ints{1, 5, 9, 13, 17, 21});
  CHECK(values(x.narrow(1, 1, 2).select(2, -1)) == Ints{7, 11, 19, 23});
  CHECK(x.narrow(1, 1, 2).storage() == x.storage());
  CHECK(x.unsqueeze(-1).shape() == Shape{2, 3, 4, 1});
  CHECK(x.unsqueeze(1).squeeze(1).shape() == x.shape());
  CHECK(x.unsqueeze(0).unsqueeze(0).squeeze().shape() == x.shape());
  CHECK(values(tensor({1, 2, 3}).expand({2, 3})) == Ints{1, 2, 3, 1, 2, 3});
  CHECK(tensor({1, 2, 3}).expand({2, -1}).strides() == Shape{0, 1});
  CHECK(x.flatten(1).shape() == Shape{2, 12});
  CHECK(x[1].shape() == Shape{3, 4});
  CHECK(x.clone().storage() != x.storage());
  CHECK(x.contiguous().storage() == x.storage());
  CHECK(x.transpose(0, 1).contiguous().storage() != x.storage());
}

TEST_CASE("reshape is a view where strides allow, and a copy with the same elements where not", "[tensor][views]") {
  const Tensor x = arange(24).reshape({2, 3, 4});
  CHECK(x.reshape({6, -1}).storage() == x.storage());
  CHECK(x.transpose(0, 1).reshape({3, 2, 2, 2}).storage() == x.storage());
  const Tensor turned = x.transpose(1, 2);
  CHECK(turned.reshape({2, 12}).storage() != x.storage());
  CHECK(values(turned.reshape({2, 12})) == values(turned));
  CHECK(values(x.narrow(2, 1, 2).reshape({12})) == values(x.narrow(2, 1, 2)));
  CHECK(values(x.transpose(0, 2).reshape({4, 1, 6})) == values(x.transpose(0, 2)));
  CHECK(zeros({0, 3}).reshape({3, 0}).shape() == Shape{3, 0});
  CHECK_THROWS_WITH(x.reshape({5, -1}), Contains("do not divide"));
  CHECK_THROWS_WITH(x.reshape({5, 5}), Contains("24 elements") && Contains("holds 25"));
  CHECK_THROWS_WITH(x.reshape({-1, -1}), Contains("at most one -1"));
}

TEST_CASE("views: indices and axes out of range name both", "[tensor][errors]") {
  const Tensor x = arange(6).reshape({2, 3});
  CHECK_THROWS_WITH(x.select(0, 2), Contains("index 2") && Contains("(2, 3)") && Contains("need -2 <= index < 2"));
  CHECK_THROWS_WITH(x.transpose(0, 2), Contains("axis 2") && Contains("need -2 <= axis < 2"));
  CHECK_THROWS_WITH(x.narrow(1, 2, 2), Contains("length 2 from start 2") && Contains("<= 1"));
  CHECK_THROWS_WITH(x.permute({0, 0}), Contains("axis 0 is given twice"));
  CHECK_THROWS_WITH(x.permute({0}), Contains("1 axes for shape (2, 3)"));
  CHECK_THROWS_WITH(x.expand({2, 4}), Contains("axis 1 has size 3; need 1 or 4"));
  CHECK(x.squeeze(0).shape() == x.shape());
  CHECK_THROWS_WITH(x.at<int64_t>({0}), Contains("1 indices for shape (2, 3)"));
  CHECK_THROWS_WITH(x.item<int64_t>(), Contains("6 elements; need exactly 1"));
  CHECK_THROWS_WITH(x.data<float>(), Contains("read as f32 but the tensor is i64"));
  CHECK_THROWS_WITH(Tensor().item<float>(), Contains("undefined"));
}

TEST_CASE("broadcasting follows NumPy's rule", "[tensor]") {
  const Op op{"test"};
  CHECK(broadcast_shapes(op, {2, 1, 4}, {3, 1}) == Shape{2, 3, 4});
  CHECK(broadcast_shapes(op, {}, {3}) == Shape{3});
  CHECK(broadcast_shapes(op, {0, 1}, {1, 5}) == Shape{0, 5});
  CHECK_THROWS_WITH(broadcast_shapes(op, {2, 3}, {2, 4}), Contains("(2, 3)") && Contains("(2, 4)"));
  CHECK(values(arange(3).reshape({3, 1}) + arange(2)) == Ints{0, 1, 1, 2, 2, 3});
}

TEST_CASE("casts: what no i64 holds becomes the lowest one", "[tensor]") {
  constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Tensor x = tensor({std::nan(""), kInfinity, -kInfinity, 0x1p63, -0x1p64, -0x1p63});
  CHECK(values(x.to(i64)) == Ints(6, kLowest));
  CHECK(values(x.to(f32).to(i64)) == Ints(6, kLowest));
  CHECK(values(tensor({0x1p62, -0x1p62}).to(i64)) == Ints{int64_t{1} << 62, -(int64_t{1} << 62)});
}

TEST_CASE("casts: to i64 truncates, to boolean is != 0", "[tensor]") {
  CHECK(values(tensor({1.9, -1.9}).to(i64)) == Ints{1, -1});
  CHECK(values(tensor({0., 0.5, -2.}).to(boolean)) == Ints{0, 1, 1});
  CHECK(tensor({1, 0}).to(f64).to_vector<double>() == std::vector<double>{1, 0});
  CHECK(arange(6).reshape({2, 3}).transpose(0, 1).to(f32).to_vector<float>() == std::vector<float>{0, 3, 1, 4, 2, 5});
}

TEST_CASE("kernels walk any strides, across the size where threads share the work", "[tensor][kernels]") {
  Rng rng(1);
  const Tensor x = rand({37, 41, 43}, rng, f64);
  const Tensor turned = x.permute({2, 0, 1});
  const std::vector<double> direct = (turned * 2).to_vector<double>();
  int64_t at = 0, wrong = 0;
  for (int64_t i = 0; i < 43; ++i)
    for (int64_t j = 0; j < 37; ++j)
      for (int64_t k = 0; k < 41; ++k) wrong += direct[size_t(at++)] != 2 * x.data<double>()[(j * 41 + k) * 43 + i];
  CHECK(wrong == 0);
}

TEST_CASE("reductions over any axes agree with loops, and accumulate f32 in f64", "[tensor][kernels]") {
  Rng rng(2);
  const Tensor x = randn({5, 7, 150}, rng, f64);
  const auto loop = [&](std::vector<bool> reduced) {
    std::vector<double> sums(size_t((reduced[0] ? 1 : 5) * (reduced[1] ? 1 : 7) * (reduced[2] ? 1 : 150)), 0.0);
    for (int64_t i = 0; i < 5; ++i)
      for (int64_t j = 0; j < 7; ++j)
        for (int64_t k = 0; k < 150; ++k) {
          int64_t at = reduced[0] ? 0 : i;
          if (!reduced[1]) at = at * 7 + j;
          if (!reduced[2]) at = at * 150 + k;
          sums[size_t(at)] += x.at<double>({i, j, k});
        }
    return sums;
  };
  const auto close = [](const Tensor& y, const std::vector<double>& expected) {
    const auto got = y.to_vector<double>();
    REQUIRE(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).margin(1e-12));
  };
  close(x.sum({0}), loop({true, false, false}));
  close(x.sum({1}), loop({false, true, false}));
  close(x.sum({2}), loop({false, false, true}));
  close(x.sum({0, 2}), loop({true, false, true}));
  close(x.sum({0, 1}), loop({true, true, false}));
  close(x.transpose(0, 2).sum({0}).transpose(0, 1), loop({false, false, true}));
  close(x.sum(), loop({true, true, true}));
  CHECK(full({20000000}, 0.1).sum().item<double>() == Approx(2000000.0).epsilon(1e-7));
  CHECK(zeros({0, 3}).sum(0).to_vector<float>() == std::vector<float>{0, 0, 0});
  CHECK(tensor({true, true, false}).sum().item<int64_t>() == 2);
}

TEST_CASE(
    "reductions of a long row to one number: every element counts once, and the bits are the same at any number of "
    "threads",
    "[tensor][kernels]") {
  const int before = num_threads();
  const int64_t n = 3 * 16384 + 5;  // blocks and a rest
  Rng rng(1);
  for (const DType dtype : {f32, f64, i64, boolean}) {
    const Tensor x = dtype == boolean ? gt(rand({2 * n}, rng), 0.5) : (randn({2 * n}, rng) * 1000).to(dtype);
    for (const Tensor& row : {x.narrow(0, 0, n), x.reshape({n, 2}).select(1, 1)}) {
      CAPTURE(dtype == f32, dtype == f64, dtype == i64, row.is_contiguous());
      const std::vector<double> values = row.to_vector<double>();
      const double sum = std::accumulate(values.begin(), values.end(), 0.0);
      std::vector<double> found;
      for (const int threads : {1, 2}) {
        set_num_threads(threads);
        CHECK(row.sum().item<double>() == Approx(sum).epsilon(1e-6));
        CHECK(row.max().item<double>() == *std::max_element(values.begin(), values.end()));
        CHECK(row.min().item<double>() == *std::min_element(values.begin(), values.end()));
        found.push_back(row.sum().item<double>());
      }
      CHECK(found[0] == found[1]);
    }
  }
  for (const int64_t place : {int64_t{0}, int64_t{16383}, int64_t{16384}, n - 1}) {
    std::vector<float> values(static_cast<size_t>(n), 1.0f);
    values[static_cast<size_t>(place)] = NAN;
    const Tensor x = from_vector(values, {n});
    CHECK(std::isnan(x.max().item<float>()));
    CHECK(std::isnan(x.min().item<float>()));
    CHECK(std::isnan(x.sum().item<float>()));
  }
  set_num_threads(before);
}

TEST_CASE("max, min and argmax: the first of equals, and NaN wins", "[tensor][kernels]") {
  const Tensor x = tensor({{1., 3., 3.}, {-1., -5., -1.}});
  CHECK(values(x.argmax(1)) == Ints{1, 0});
  CHECK(values(x.argmax(0)) == Ints{0, 0, 0});
  CHECK(x.max(1).to_vector<float>() == std::vector<float>{3, -1});
  CHECK(x.min().item<float>() == -5);
  CHECK(std::isnan(tensor({1., NAN, 2.}).max().item<float>()));
  CHECK(values(tensor({1., NAN, 2.}).argmax()) == Ints{1});
  CHECK(values(tensor({1., NAN, 2.}).argmin()) == Ints{1});
  CHECK(values(x.argmin(1)) == Ints{0, 1});
  CHECK(x.argmax().item<int64_t>() == 1);  // without an axis, over all: as NumPy and PyTorch
  CHECK(x.argmin().item<int64_t>() == 4);
  CHECK(x.mT().argmin().item<int64_t>() == 3);
  CHECK_THROWS_WITH(zeros({2, 0}).max(1), Contains("no elements to reduce"));
}

TEST_CASE("division is division: x / x is 1, and so is the mean of ones", "[tensor]") {
  for (const int n : {3, 49, 93, 1000003}) {  // 49 * (1. / 49) is not 1
    CAPTURE(n);
    CHECK((full({1}, n, f64) / n).item<double>() == 1);
    CHECK((n / full({1}, n, f64)).item<double>() == 1);
    CHECK(ones({n}, f64).mean().item<double>() == 1);
  }
  CHECK((arange(3) / 2).to_vector<float>() == std::vector<float>{0, 0.5, 1});
}

TEST_CASE("the variance of none or of one is NaN, unless divided by n", "[tensor]") {
  CHECK(std::isnan(zeros({0}).var().item<double>()));
  CHECK(std::isnan(zeros({0, 2}).var(0).at<double>({1})));
  CHECK(std::isnan(zeros({1}).var().item<double>()));
  CHECK(zeros({1}).var(0, false, false).item<double>() == 0);
}

TEST_CASE("abs of -0 is 0", "[tensor]") {
  CHECK_FALSE(std::signbit(abs(tensor({-0.0})).item<double>()));
  CHECK(values(abs(tensor({-3, 0, 3}))) == Ints{3, 0, 3});
}

TEST_CASE("arange: a number with a point anywhere makes it floating", "[tensor]") {
  CHECK(arange(2.5).to_vector<float>() == std::vector<float>{0, 1, 2});
  CHECK(arange(0, 1, 0.25).to_vector<float>() == std::vector<float>{0, 0.25, 0.5, 0.75});
  CHECK(arange(1, 2.5).dtype() == f32);
  CHECK(values(arange(5, 0, -2)) == Ints{5, 3, 1});
  CHECK(values(arange(2, size_t{4})) == Ints{2, 3});
  CHECK(arange(0, 3, 1, f64).dtype() == f64);
}

TEST_CASE("numbers that are given as integers stay whole in i64, as wide as it is", "[tensor]") {
  constexpr int64_t kOdd = (int64_t{1} << 60) + 1;  // no double
  CHECK(values(full({2}, kOdd, i64)) == Ints{kOdd, kOdd});
  CHECK(scalar(-kOdd, i64).item<int64_t>() == -kOdd);
  CHECK(values(full_like(arange(1), kOdd)) == Ints{kOdd});
  CHECK(values(tensor({kOdd})) == Ints{kOdd});
}

TEST_CASE("integers of every width become i64", "[tensor]") {
  const std::vector<int> ints = {3, -1};
  const std::vector<uint8_t> bytes = {255, 0};
  CHECK(values(from_vector(ints, {2})) == Ints{3, -1});
  CHECK(values(from_vector(bytes, {2})) == Ints{255, 0});
  CHECK(tensor({1LL, 2LL}).dtype() == i64);
  CHECK(values(tensor({ints.size(), bytes.size()})) == Ints{2, 2});
  CHECK(tensor({true, false}).dtype() == boolean);
}

TEST_CASE("a handle is taken over, elements are written: only what has a name is assigned to with =", "[tensor]") {
  static_assert(!std::is_assignable_v<Tensor, const Tensor&> && !std::is_assignable_v<Tensor, Tensor>);  // x(0) = y
  static_assert(std::is_assignable_v<Tensor&, const Tensor&> && std::is_assignable_v<Tensor&, Tensor>);
  const Tensor x = zeros({4});
  x(0).assign(scalar(5));
  x(slice(2, 4)).assign(ones({2}));
  CHECK(values(x) == Ints{5, 0, 1, 1});
}

TEST_CASE("shapes: a negative entry counts from the end", "[tensor]") {
  const Tensor x = zeros({2, 3, 4});
  CHECK(x.shape()[-1] == 4);
  CHECK(x.shape()[-3] == x.shape()[0]);
}

TEST_CASE("split: of no elements is one empty part, as in PyTorch", "[tensor]") {
  REQUIRE(split(zeros({0, 2}), 2).size() == 1);
  CHECK(split(zeros({0, 2}), 2)[0].shape() == Shape{0, 2});
}

TEST_CASE("index: an i64 tensor of rank 0 is an integer, as in PyTorch", "[tensor]") {
  const Tensor x = arange(24).reshape({2, 3, 4}), one = scalar(1, i64), two = tensor({0, 2});
  CHECK(x(one, all, two).shape() == Shape{3, 2});
  CHECK(values(x(one, all, two)) == values(x(1, all, two)));
  x(one).assign(zeros({3, 4}, i64));  // a view
  CHECK(values(x(1).sum()) == Ints{0});
  CHECK_THROWS_AS(x(scalar(2, i64)), IndexError);
}

TEST_CASE("multinomial: a row of weights at a time, as PyTorch draws", "[tensor][random]") {
  // torch.manual_seed(5); w = torch.tensor([[1., 2., 3.], [0., 5., 1.]]); torch.multinomial(w, 2), then (w.double(), 6,
  // True)
  Rng rng(5);
  const Tensor w = tensor({{1., 2., 3.}, {0., 5., 1.}});
  CHECK(values(multinomial(w, 2, rng)) == Ints{2, 1, 1, 2});
  CHECK(values(multinomial(w.to(f64), 6, rng, true)) == Ints{2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  CHECK(multinomial(w.mT().mT()[1], 1, rng).shape() == Shape{1});
  CHECK(multinomial(zeros({0, 3}), 2, rng).shape() == Shape{0, 2});
}

TEST_CASE("printing looks like NumPy's", "[tensor][format]") {  // expected strings from NumPy 1.24 at precision 4
  CHECK(to_string(tensor({{1.5, 2.25}, {3., 4.}})) == "[[1.5  2.25]\n [3.   4.  ]]");
  CHECK(to_string(tensor({1e-5, 1.0, 1234.5})) == "[1.0000e-05 1.0000e+00 1.2345e+03]");
  CHECK(to_string(arange(12).reshape({2, 2, 3})) == "[[[ 0  1  2]\n  [ 3  4  5]]\n\n [[ 6  7  8]\n  [ 9 10 11]]]");
  CHECK(to_string(tensor({true, false})) == "[ True False]");
  CHECK(to_string(tensor({double(NAN), double(INFINITY), -double(INFINITY), 1.})) == "[ nan  inf -inf   1.]");
  CHECK(to_string(arange(0.0, 2000.0)) == "[0.000e+00 1.000e+00 2.000e+00 ... 1.997e+03 1.998e+03 1.999e+03]");
  CHECK(to_string(arange(0, 2000)) == "[   0    1    2 ... 1997 1998 1999]");
  CHECK(to_string(tensor({-1, 10, 100})) == "[ -1  10 100]");
  CHECK(to_string(scalar(3.5)) == "3.5");
  CHECK(to_string(tensor({1e10, 1.0})) == "[1.e+10 1.e+00]");
  CHECK(to_string(tensor({{1.123456, -2.}, {1000.5, 0.}})) == "[[   1.1235   -2.    ]\n [1000.5       0.    ]]");
  CHECK(to_string(arange(0., 30.) * (1. / 7)) ==
        "[0.     0.1429 0.2857 0.4286 0.5714 0.7143 0.8571 1.     1.1429 1.2857\n"
        " 1.4286 1.5714 1.7143 1.8571 2.     2.1429 2.2857 2.4286 2.5714 2.7143\n"
        " 2.8571 3.     3.1429 3.2857 3.4286 3.5714 3.7143 3.8571 4.     4.1429]");
  CHECK(fmt::format("{}", scalar(2, f64)) == "2. f64");
  CHECK(to_string(Tensor()) == "undefined");
}

// torch.linspace(0, 1, 7): the ends are exact, in f32 too.
TEST_CASE("linspace: equal steps with exact ends; one step is the start", "[tensor]") {
  const std::vector<float> expected = {0.0F, 0.1666666716F, 0.3333333433F, 0.5F, 0.6666666269F, 0.8333333135F, 1.0F};
  CHECK(linspace(0, 1, 7).to_vector<float>() == expected);
  CHECK(linspace(2, -1, 4, f64).to_vector<double>() == std::vector<double>{2, 1, 0, -1});
  CHECK(linspace(3, 5, 1).to_vector<float>() == std::vector<float>{3});
  CHECK(linspace(3, 5, 0).shape() == Shape{0});
}

TEST_CASE("full_like, rand_like and randn_like have the other's shape and dtype, and rand's numbers", "[tensor]") {
  const Tensor x = zeros({2, 3}, f64);
  CHECK(full_like(x, 2.5).to_vector<double>() == std::vector<double>(6, 2.5));
  CHECK(full_like(zeros({2}, i64), 2).dtype() == i64);
  Rng a(1), b(1);
  CHECK(rand_like(x, a).to_vector<double>() == rand({2, 3}, b, f64).to_vector<double>());
  CHECK(randn_like(x, a).to_vector<double>() == randn({2, 3}, b, f64).to_vector<double>());
}

TEST_CASE("index: a part without index tensors is a view, one with them is a copy", "[tensor]") {
  const Tensor x = arange(12).reshape({3, 4});
  const Tensor part = x(slice(1, none), slice(none, none, 2));
  CHECK(part.storage() == x.storage());
  CHECK(part.to_vector<int64_t>() == std::vector<int64_t>{4, 6, 8, 10});
  CHECK(diagonal(x, 1).storage() == x.storage());
  CHECK(x(tensor({0})).storage() != x.storage());
}

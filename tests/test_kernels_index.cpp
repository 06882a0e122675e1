// Kernels that move elements by indices, against loops over single elements: threads, edges of their shares, strangers
// beside what is written.
#include <heed/tensor/kernels/index.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <type_traits>

#include <heed/autograd/ops.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "difference.h"

using namespace heed;

namespace {

/// Runs `test` on one thread, on two and on five.
template <class F>
void on_every_number_of_threads(F test) {
  const int before = num_threads();
  for (const int threads : {1, 2, 5}) {
    CAPTURE(threads);
    set_num_threads(threads);
    test();
  }
  set_num_threads(before);
}

struct Around {
  int64_t outer, n, inner;
};

// Inner sizes around the shares of 16 columns that a thread takes at least, and outer ones that fill them.
const std::vector<Around> kShapes = {{1, 3, 1},   {2, 5, 3},    {3, 4, 15},   {3, 40, 16},
                                     {4, 50, 17}, {40, 40, 33}, {30, 60, 65}, {20, 100, 200}};

}  // namespace

TEMPLATE_TEST_CASE("index_add and index_select kernels: equal loops over elements at any number of threads",
                   "[kernels][index]", float, double) {
  using T = TestType;
  on_every_number_of_threads([] {
    for (const auto& [outer, n, inner] : kShapes) {
      CAPTURE(outer, n, inner);
      const int64_t size = n / 2 + 1;  // equal indices meet
      Rng rng(uint64_t(7 + outer * n * inner));
      const Tensor g = randn({outer, n, inner}, rng, dtype_of<T>()), index = randint(0, size, {n}, rng);
      const auto values = g.to_vector<T>();
      const auto places = index.to_vector<int64_t>();
      std::vector<T> sums(size_t(outer * size * inner)), chosen(size_t(outer * n * inner));
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j < inner; ++j)
            sums[(o * size + places[i]) * inner + j] += values[(o * n + i) * inner + j];
      const Tensor added = kernels::index_add(zeros({outer, size, inner}, g.dtype()), 1, index, g);
      CHECK(added.to_vector<T>() == sums);
      const Tensor x = randn({outer, size, inner}, rng, dtype_of<T>());
      const auto from = x.to_vector<T>();
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j < inner; ++j)
            chosen[(o * n + i) * inner + j] = from[(o * size + places[i]) * inner + j];
      CHECK(kernels::index_select(x, 1, index).template to_vector<T>() == chosen);
    }
  });
}

TEST_CASE("gather, scatter and scatter_add kernels: equal loops over elements along every axis", "[kernels][index]") {
  Rng rng(5);
  const Shape shape{4, 5, 6};
  const Tensor x = randn(shape, rng, f64);
  for (int axis = 0; axis < 3; ++axis) {
    CAPTURE(axis);
    Shape few = shape;
    few[axis] = 9;
    for (const bool strided : {false, true}) {
      Tensor index = randint(0, shape[axis], few, rng), source = randn(few, rng, f64);
      if (strided) {  // the same elements as views of other layouts
        index = index.transpose(0, 2).contiguous().transpose(0, 2);
        source = source.transpose(1, 2).contiguous().transpose(1, 2);
      }
      const Tensor taken = kernels::gather(x, axis, index),
                   added = kernels::scatter_add(zeros(shape, f64), axis, index, source),
                   put = kernels::scatter(x, axis, index, source);
      std::vector<double> sums(size_t(x.numel())), last = x.to_vector<double>();
      for (int64_t i = 0; i < few[0]; ++i)
        for (int64_t j = 0; j < few[1]; ++j)
          for (int64_t k = 0; k < few[2]; ++k) {
            int64_t at[3] = {i, j, k};
            at[axis] = index.at<int64_t>({i, j, k});
            CHECK(taken.at<double>({i, j, k}) == x.at<double>({at[0], at[1], at[2]}));
            const auto place = size_t((at[0] * 5 + at[1]) * 6 + at[2]);
            sums[place] += source.at<double>({i, j, k});
            last[place] = source.at<double>({i, j, k});
          }
      CHECK(added.to_vector<double>() == sums);
      CHECK(put.to_vector<double>() == last);
    }
  }
}

TEMPLATE_TEST_CASE("order kernel: every prefix of the sorted row, ties by place, NaN last or first", "[kernels][index]",
                   float, double, int64_t, bool) {
  using T = TestType;
  using Limits = std::numeric_limits<T>;
  const std::vector<T> special{T(0), T(-0.0), Limits::max(), Limits::lowest(), Limits::infinity(), Limits::quiet_NaN()};
  const auto less = [](T a, T b) { return a < b || (b != b && a == a); };
  Rng rng(6);
  for (const int64_t n : {1, 2, 17, 64, 127, 128, 1000}) {
    auto values = (randn({3 * n * 2}, rng) * 3).to(i64).to(dtype_of<T>()).template to_vector<T>();  // with equals
    for (size_t i = 0; i < values.size(); i += 7) values[i] = special[i / 7 % special.size()];
    const Tensor x = from_vector<T>({values.begin(), values.end()}, {3, n, 2});
    for (const bool descending : {false, true})
      for (int64_t k = 1; k <= n; k += n > 64 && k > 3 && k < n - 3 ? n - 6 : 1) {
        CAPTURE(n, k, descending);
        const Tensor order = kernels::order(x, 1, k, descending);
        for (int64_t o = 0; o < 3; ++o)
          for (int64_t i = 0; i < 2; ++i) {
            const auto value = [&](int64_t place) { return values[size_t((o * n + place) * 2 + i)]; };
            std::vector<int64_t> places(static_cast<size_t>(n));
            std::iota(places.begin(), places.end(), 0);
            std::stable_sort(places.begin(), places.end(), [&](int64_t a, int64_t b) {
              return descending ? less(value(b), value(a)) : less(value(a), value(b));
            });
            for (int64_t j = 0; j < k; ++j) REQUIRE(order.at<int64_t>({o, j, i}) == places[size_t(j)]);
          }
      }
  }
}

namespace {

/// Each element of x fetched by itself, in row-major order.
template <class T>
std::vector<T> one_by_one(const Tensor& x) {
  std::vector<T> values;
  for (int64_t i = 0; i < x.size(0); ++i)
    for (int64_t j = 0; j < x.size(1); ++j)
      for (int64_t k = 0; k < x.size(2); ++k) values.push_back(x.template at<T>({i, j, k}));
  return values;
}

}  // namespace

TEMPLATE_TEST_CASE("copies of permuted and reversed tensors: equal the elements fetched one by one", "[kernels][copy]",
                   float, double, int64_t, bool) {
  using T = TestType;
  // Sides around the squares of 2, 4 and 16, the tiles of 16 and the strips of 64.
  for (const auto& [a, b, c] : std::vector<Around>{{1, 1, 1}, {2, 3, 5}, {1, 16, 17}, {3, 31, 70}, {2, 130, 64}}) {
    Rng rng(uint64_t(a + b + c));
    const Tensor x = randint(0, 100, {a, b, c}, rng).to(dtype_of<T>());
    const Tensor gapped = cat({x, x}, 2).narrow(2, 1, c);
    for (const Tensor& t : {x, gapped})
      for (const Shape& axes : std::vector<Shape>{{0, 2, 1}, {2, 1, 0}, {2, 0, 1}, {1, 2, 0}}) {
        CAPTURE(t.shape(), t.strides(), axes);
        const Tensor y = t.permute(axes);
        CHECK(y.contiguous().template to_vector<T>() == one_by_one<T>(y));
        for (int axis = 0; axis < 3; ++axis) {
          const Tensor places = y.size(axis) - 1 - arange(y.size(axis));
          CHECK(flip(y, axis).template to_vector<T>() == index_select(y, axis, places).template to_vector<T>());
        }
        Tensor room = zeros(y.shape(), dtype_of<T>()).permute({2, 1, 0}).contiguous().permute({2, 1, 0});
        kernels::copy_into(y, room);  // y lies close along no axis of its own
        CHECK(one_by_one<T>(room) == one_by_one<T>(y));
      }
  }
}

TEMPLATE_TEST_CASE("argmax and argmin: the first of equals in long rows and in columns, and NaN", "[kernels][index]",
                   float, double, int64_t) {
  using T = TestType;
  for (const int64_t n : {1, 5, 63, 64, 65, 200}) {
    Rng rng(uint64_t{3} + uint64_t(n));
    for (const int64_t most : {2, 1000}) {
      Tensor x = randint(0, most, {7, n}, rng).to(dtype_of<T>());
      if (std::is_floating_point_v<T> && n > 63) x = where(eq(x, 1), NAN, x);
      const Tensor down = x.transpose(0, 1).contiguous();
      std::vector<int64_t> highest, lowest;
      for (int64_t i = 0; i < 7; ++i) {
        const std::vector<T> row = x.select(0, i).template to_vector<T>();
        const auto nan = std::find_if(row.begin(), row.end(), [](T v) { return v != v; });
        highest.push_back((nan != row.end() ? nan : std::max_element(row.begin(), row.end())) - row.begin());
        lowest.push_back((nan != row.end() ? nan : std::min_element(row.begin(), row.end())) - row.begin());
      }
      CAPTURE(n, most);
      CHECK(x.argmax(1).template to_vector<int64_t>() == highest);
      CHECK(x.argmin(1).template to_vector<int64_t>() == lowest);
      CHECK(down.argmax(0).template to_vector<int64_t>() == highest);
      CHECK(down.argmin(0).template to_vector<int64_t>() == lowest);
    }
  }
}

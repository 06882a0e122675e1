#include <limits>
#include <memory>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops/reference.h>
#include <heed/tensor/kernels/unary.h>
#include <heed/tensor/random.h>
#include "kernels.h"

using namespace heed;

TEMPLATE_TEST_CASE("fused kernels: add_bias adds to every row", "[kernels][fused]", float, double) {
  using T = TestType;
  on_every_simd_target([&] {
    for (const int64_t n : kSizes) {
      const auto b = normal<T>(n, 2);
      auto rows = normal<T>(5 * n, 3), sums = rows;
      for (int64_t i = 0; i < 5 * n; ++i) sums[i] += b[i % n];
      kernels::add_bias(rows.data(), b.data(), 5, n);
      CHECK(rows == sums);
    }
  });
}

TEMPLATE_TEST_CASE("fused kernels: dropout scales what is kept and zeroes the rest, NaN included", "[kernels][fused]",
                   float, double) {
  using T = TestType;
  on_every_simd_target([&] {
    for (const int64_t n : kSizes) {
      auto x = normal<T>(n, 7);
      const auto keep = std::make_unique<bool[]>(n + 1);
      std::vector<T> y(n), expected(n);
      for (int64_t i = 0; i < n; ++i) {
        keep[i] = i * 7 % 3 != 0;
        if (i % 9 == 0) x[i] = std::numeric_limits<T>::quiet_NaN();
        expected[i] = keep[i] ? x[i] * T(1.25) : T(0);
      }
      kernels::dropout(x.data(), keep.get(), T(1.25), y.data(), n);
      CHECK(y == expected);
    }
  });
}

TEST_CASE("fused kernels: binary cross-entropy beside logits is its twin, bit by bit", "[kernels][fused]") {
  on_every_simd_target([] {
    Rng rng(5);
    for (const int64_t n : kSizes) {
      const Tensor x = (randn({n}, rng) * 20).set_requires_grad(), g = randn({n}, rng), target = rand({n}, rng);
      const Tensor weight = rand({n}, rng) * 3;
      const Tensor y =
          binary_cross_entropy_with_logits(x, target, {.reduction = Reduction::none, .pos_weight = weight});
      const Tensor twin = reference::binary_cross_entropy_with_logits(x, target, weight * target);
      CHECK(y.to_vector<float>() == twin.to_vector<float>());
      const auto gradient = [&](const Tensor& of) { return grad((of * g).sum(), x).to_vector<float>(); };
      CHECK(gradient(y) == gradient(twin));
    }
  });
}

// Gradient checks as tests of Catch2, version 2 or 3.
#define CATCH_CONFIG_MAIN  // of version 2
#include <heed.h>
#include <heed/autograd/check/gradcheck_catch.h>
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#endif

using namespace heed;

TEST_CASE("gradients are right where they are, and wrong where a part of them is lost") {
  Rng rng(1);
  const Tensor a = randn({2, 3}, rng, f64), b = randn({3, 4}, rng, f64);
  CHECK_THAT([](const Tensor& x, const Tensor& y) { return tanh(matmul(x, y)); }, HasRightGradients({a, b}));
  CHECK_THAT([](const Tensor& x) { return x * tanh(x); }, HasRightSecondGradients(a));
  CHECK_THAT([](const Tensor& x) { return x * x.detach(); }, !HasRightGradients(a));
}

// Large activations that backward computes once more instead of keeping them.
#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>
#include <heed/tensor/storage.h>
#include "catch.h"

using namespace heed;

namespace {

constexpr int64_t kRows = 1024, kWide = 1024;  // 4 MiB in f32: worth remaking

/// linear(gelu(u), w) by the two formulas of its gradients, with gelu(u) kept.
std::vector<Tensor> kept_gradients(const Tensor& u, const Tensor& w, const Tensor& g) {
  const NoGrad no_grad;
  const Tensor du = [&] {
    const GradMode recording(true);
    const Tensor x = u.detach().set_requires_grad();
    return grad(gelu(x), x, {.seeds = {matmul(g, w)}});
  }();
  return {du, matmul(g.mT(), gelu(u))};
}

float difference(const Tensor& a, const Tensor& b) { return abs(a - b).max().item<float>(); }
constexpr float kTol = 5e-4f;  // sums of 1,024 products in f32, in another order

}  // namespace

TEST_CASE("linear: a large activation under it is remade in backward, with the gradients of one that is kept",
          "[engine][memory]") {
  Rng rng(1);
  const Tensor u = randn({kRows, kWide}, rng).set_requires_grad(), w = randn({8, kWide}, rng).set_requires_grad();
  const Tensor g = randn({kRows, 8}, rng);
  const std::vector<Tensor> kept = kept_gradients(u.detach(), w.detach(), g);

  const int64_t before = memory_stats().live_bytes;
  const Tensor y = linear(gelu(u), w);
  CHECK(memory_stats().live_bytes - before < kRows * kWide);  // gelu(u) alone has four times as many bytes
  for (int pass = 0; pass < 2; ++pass) {
    const std::vector<Tensor> remade = grad({y}, {u, w}, {.seeds = {g}, .retain_graph = true});
    CHECK(difference(remade[0], kept[0]) < kTol);
    CHECK(difference(remade[1], kept[1]) < kTol);
  }
}

TEST_CASE("linear: remakes its input after another pass has freed what made it", "[engine][memory]") {
  Rng rng(1);
  const Tensor u = randn({kRows, kWide}, rng).set_requires_grad(), w = randn({8, kWide}, rng).set_requires_grad();
  const Tensor g = randn({kRows, 8}, rng);
  Tensor h = gelu(u);
  const Tensor y = linear(h, w);
  h.sum().backward();
  h = Tensor();
  CHECK(difference(grad(y, w, {.seeds = {g}}), kept_gradients(u.detach(), w.detach(), g)[1]) < kTol);
}

TEST_CASE("linear: second gradients reach through an input that is remade", "[engine][memory]") {
  Rng rng(1);
  const Tensor u = randn({kRows, kWide}, rng).set_requires_grad(), w = randn({8, kWide}, rng).set_requires_grad();
  const auto second = [&](const Tensor& h) {
    const Tensor dw = grad(linear(h, w).sum(), w, {.create_graph = true});
    return grad(dw.sum(), u);
  };
  // d/du of sum over outputs of sum_r gelu(u): 8 gelu'(u).
  const Tensor found = second(gelu(u)), expected = grad(gelu(u).sum(), u) * 8;
  CHECK(difference(found, expected) < kTol);
}

#include <cmath>

#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>
#include <heed/train/clip.h>
#include <heed/train/schedule.h>
#include "catch.h"

using namespace heed;

namespace {

struct Two {
  Rng rng{0};
  nn::Parameters params{rng};
  Tensor a = nn::Scope(params).param("a", {2}, [](const Tensor&, Rng&) {});
  Tensor b = nn::Scope(params).param("b", {1, 2}, [](const Tensor&, Rng&) {});
};

}  // namespace

TEST_CASE("clip: gradients above the norm are brought down to it together, and the norm before is returned", "[clip]") {
  const Two two;
  two.a.set_grad(tensor({3.0, 0.0}));
  two.b.set_grad(tensor({{0.0, 4.0}}));
  CHECK(train::grad_norm(two.params) == Approx(5));
  CHECK(train::clip_scale(5, 1) == Approx(0.2).epsilon(1e-5));
  CHECK(train::clip_grad_norm(two.params, 10) == Approx(5));
  CHECK(two.a.grad().at<float>({0}) == 3);  // below the limit: untouched
  CHECK(train::clip_grad_norm(two.params, 2.5) == Approx(5));
  CHECK(two.a.grad().at<float>({0}) == Approx(1.5).epsilon(1e-5));
  CHECK(two.b.grad().at<float>({0, 1}) == Approx(2).epsilon(1e-5));
  CHECK(train::grad_norm(two.params) == Approx(2.5).epsilon(1e-5));
}

TEST_CASE("clip: the limit is divided by the norm and 1e-6, as PyTorch's clip_grad_norm_", "[clip]") {
  CHECK(train::clip_scale(1e-6, 1e-6) == Approx(0.5).epsilon(1e-12));
  CHECK(train::clip_scale(3e-6, 1e-6) == Approx(0.25).epsilon(1e-12));
  CHECK(train::clip_scale(0.9e-6, 1e-6) == Approx(1 / 1.9).epsilon(1e-12));  // below the limit already
  const Two two;
  two.a.set_grad(tensor({3e-6, 0.0}));
  train::clip_grad_norm(two.params, 1e-6);
  CHECK(two.a.grad().at<float>({0}) == Approx(0.75e-6).epsilon(1e-5));
  CHECK(train::clip_scale(1, 1) == Approx(1 / (1 + 1e-6)).epsilon(1e-12));
}

TEST_CASE("clip: absent gradients count as zero, and a norm beyond f32 is still a number", "[clip]") {
  const Two two;
  CHECK(train::grad_norm(two.params) == 0);
  CHECK(train::clip_grad_norm(two.params, 1) == 0);
  two.a.set_grad(full({2}, 3e38));
  CHECK(train::grad_norm(two.params) == Approx(3e38 * std::sqrt(2.0)));
}

TEST_CASE("clip: a norm that is not finite scales nothing, and a limit must be above 0", "[clip]") {
  const Two two;
  two.a.set_grad(tensor({1.0, NAN}));
  CHECK(std::isnan(train::clip_grad_norm(two.params, 1)));
  CHECK(two.a.grad().at<float>({0}) == 1);
  two.a.set_grad(tensor({1.0, INFINITY}));
  CHECK(train::clip_grad_norm(two.params, 1) == INFINITY);
  CHECK(two.a.grad().at<float>({0}) == 1);
  CHECK_THROWS_AS(train::clip_grad_norm(two.params, 0), ValueError);
  CHECK_THROWS_AS(train::clip_scale(1, NAN), ValueError);
}

// nanoGPT's get_lr with learning_rate 1e-3, min_lr 1e-4, warmup_iters 100, lr_decay_iters 2000.
TEST_CASE("schedule: warm-up and cosine as nanoGPT's", "[schedule]") {
  const auto lr = train::warmup_cosine({.lr = 1e-3, .min_lr = 1e-4, .warmup = 100, .decay_steps = 2000});
  CHECK(lr(0) == Approx(1e-3 / 101));
  CHECK(lr(99) == Approx(1e-3 * 100 / 101));
  CHECK(lr(100) == Approx(1e-3));
  CHECK(lr(1050) == Approx(5.5e-4));  // half way
  CHECK(lr(2000) == Approx(1e-4));
  CHECK(lr(2500) == Approx(1e-4));
  CHECK(lr(5000) == Approx(1e-4));
}

TEST_CASE("schedule: a trapezoid grows, stays, and falls to the end", "[schedule]") {
  const auto lr = train::trapezoid({.lr = 1, .min_lr = 0.1, .warmup = 3, .decay = 4, .steps = 10});
  const std::vector<double> expected{0.25, 0.5, 0.75, 1, 1, 1, 1, 0.775, 0.55, 0.325, 0.1, 0.1};
  for (size_t i = 0; i < expected.size(); ++i) CHECK(lr(static_cast<int64_t>(i)) == Approx(expected[i]));
  CHECK(train::trapezoid({.lr = 2, .warmup = 0, .decay = 0, .steps = 5})(0) == 2);
}

TEST_CASE("schedule: Noam's grows to its peak at the end of warm-up and falls as the inverse root", "[schedule]") {
  const auto lr = train::noam({.model_size = 512, .warmup = 4000});
  CHECK(lr(0) == Approx(std::pow(512, -0.5) * std::pow(4000, -1.5)));
  CHECK(lr(3999) == Approx(std::pow(512, -0.5) * std::pow(4000, -0.5)));
  CHECK(lr(15999) == Approx(lr(3999) / 2));
  CHECK(train::constant(0.5)(12345) == 0.5);
}

TEST_CASE("schedule: options that make no sense are refused", "[schedule]") {
  CHECK_THROWS_WITH(
      train::trapezoid({.warmup = 7, .decay = 4, .steps = 10}),
      Contains("trapezoid: 7 steps of warm-up and 4 of decay in 10; need 0 <= both, together at most that"));
  CHECK_THROWS_AS(train::warmup_cosine({.warmup = 100, .decay_steps = 99}), ValueError);
  CHECK_THROWS_AS(train::warmup_cosine({.lr = -1}), ValueError);
  CHECK_THROWS_AS(train::warmup_cosine({.warmup = -1}), ValueError);
  CHECK_THROWS_AS(train::noam({.model_size = 0}), ValueError);
  CHECK_THROWS_AS(train::noam({.factor = 0}), ValueError);
}

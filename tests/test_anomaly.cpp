#include <heed/autograd/check/anomaly.h>

#include <algorithm>
#include <cmath>

#include <heed/autograd/ops.h>
#include <heed/models/gpt.h>
#include <heed/nn/init.h>
#include <heed/nn/linear.h>
#include <heed/tensor/random.h>
#include "catch.h"

using namespace heed;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

TEST_CASE("anomaly: the op that made the first NaN is named with its inputs and the caller's line", "[anomaly]") {
  const DetectAnomaly detect;
  const Tensor x = tensor({{1.0, 4.0}, {-4.0, 9.0}});
  CHECK_THROWS_AS(sqrt(x), AnomalyError);
  CHECK_THROWS_WITH(sqrt(x), Contains("sqrt: the result (2, 2) has 1 NaN and 0 infinities, first at (1, 0)") &&
                                 Contains("f32 (2, 2) in [-4, 9]") && Contains("test_anomaly.cpp"));
}

TEST_CASE("anomaly: an infinity is named where it was made, not where it passes", "[anomaly]") {
  const DetectAnomaly detect;
  CHECK_THROWS_WITH(log(tensor({1.0, 0.0})), Contains("log") && Contains("1 infinities, first at (1)"));
  CHECK_THROWS_WITH(exp(tensor({100.0})), Contains("exp"));
  const Tensor scores = masked_fill(ones({2}), tensor({true, false}), -INFINITY);
  CHECK(softmax(scores, 0).at<float>({1}) == 1);
  CHECK_NOTHROW(ones({2}) + scores);
  CHECK_THROWS_WITH(softmax(full({2}, -INFINITY) * full({2}, 0), 0), Contains("mul"));
}

TEST_CASE("anomaly: a gradient that is not finite is named by the op whose backward made it", "[anomaly]") {
  Tensor x = tensor({4.0, 0.0});
  x.set_requires_grad();
  const Tensor loss = sqrt(x).sum();
  const DetectAnomaly detect;
  CHECK_THROWS_WITH(loss.backward(), Contains("sqrt: its gradient 0, (2), has 0 NaN and 1 infinities, first at (1)") &&
                                         Contains("test_anomaly.cpp"));
}

TEST_CASE("anomaly: nothing is checked outside the guard, and guards nest", "[anomaly]") {
  const Tensor negative = tensor({-1.0});
  {
    const DetectAnomaly detect;
    {
      const DetectAnomaly off(false);
      CHECK_NOTHROW(sqrt(negative));
    }
    CHECK_THROWS_AS(sqrt(negative), AnomalyError);
  }
  CHECK(std::isnan(sqrt(negative).item<double>()));
}

namespace {

/// A module of the user's own: the square root of a linear map.
struct Root {
  ModuleName name;
  nn::Linear inner;
  Tensor scale;

  explicit Root(nn::Scope s)
      : name(s.name()), inner(s / "inner", 2, 2), scale(s.param("scale", {2}, nn::init::ones())) {}
  Tensor operator()(const Tensor& x) const {
    const Op here{"Root", name};
    return sqrt(inner(x)) * scale;
  }
};

void fill(const Tensor& x, float value) { x.assign(full(x.shape(), value)); }

/// A GPT of two blocks whose second block's MLP has overflowing weights.
struct Overflowing {
  Rng rng{1};
  nn::Parameters params{rng};
  models::Gpt gpt{params, {.vocabulary = 5, .context = 4, .layers = 2, .heads = 2, .channels = 4}};
  Tensor tokens = zeros({1, 3}, i64);

  Overflowing() { fill(gpt.h[1].mlp.c_fc.bias, 1e30f), fill(gpt.h[1].mlp.c_proj.weight, 1e30f); }
};

}  // namespace

TEST_CASE("anomaly: the module is named, forward and backward", "[anomaly]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const Root root(params / "blocks" / 3);
  fill(root.inner.weight, 0);
  fill(root.inner.bias, -1);
  const Tensor x = ones({1, 2});
  {
    const DetectAnomaly detect;
    CHECK_THROWS_WITH(root(x), StartsWith("sqrt in blocks.3: the result (1, 2) has 2 NaN"));
  }
  fill(root.inner.bias, 0);
  const Tensor loss = root(x).sum();
  const DetectAnomaly detect;
  CHECK_THROWS_WITH(loss.backward(),
                    StartsWith("sqrt in blocks.3: its gradient 0, (1, 2), has 0 NaN and 2 infinities"));
}

TEST_CASE("anomaly: within a model of heed's, the caller's own line is named", "[anomaly]") {
  const Overflowing model;
  const DetectAnomaly detect;
  const std::string line = fmt::format("[test_anomaly.cpp:{}]", __LINE__ + 1);
  const auto run = [&] { model.gpt(model.tokens); };
  CHECK_THROWS_WITH(run(), StartsWith("linear in h.1.mlp.c_proj: the result (1, 3, 4) has ") && EndsWith(line));
}

TEST_CASE("anomaly: a gradient's message names the line of the forward pass, not that of backward()", "[anomaly]") {
  const Overflowing model;
  fill(model.gpt.h[1].mlp.c_fc.bias,
       -1e30f);  // gelu gives 0: the loss is finite, the gradient of its infinite weights' input is not
  fill(model.gpt.h[1].mlp.c_proj.weight, 3e38f);
  const std::string line = fmt::format("[test_anomaly.cpp:{}]", __LINE__ + 1);
  const Tensor loss = model.gpt(model.tokens).sum() * 1e3;
  const DetectAnomaly detect;
  CHECK_THROWS_WITH(loss.backward(), StartsWith("linear in h.1.mlp.c_proj: its gradient 0") && EndsWith(line));
}

TEST_CASE("anomaly: a loss that is NaN without any module around has no path", "[anomaly]") {
  const DetectAnomaly detect;
  CHECK_THROWS_WITH(log(tensor({-1.0})), StartsWith("log: the result"));
}

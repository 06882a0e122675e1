#include "autograd/anomaly.h"

#include <cmath>

#include "autograd/ops.h"
#include "tests/catch.h"

using namespace heed;

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

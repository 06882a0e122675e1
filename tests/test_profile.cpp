#include <heed/autograd/check/profile.h>

#include <heed/autograd/ops.h>
#include "catch.h"

using namespace heed;

TEST_CASE("Profile: counts calls, products and bytes of forward and backward by op", "[profile]") {
  const Tensor x = ones({8, 16}), w = ones({4, 16}).set_requires_grad();
  Profile profile;
  linear(x, w).sum().backward();
  CHECK(profile.rows().at("linear").calls == 1);
  CHECK(profile.rows().at("linear").flops == 2 * 8 * 16 * 4);
  CHECK(profile.rows().at("linear").bytes >= 8 * 4 * 4);
  CHECK(profile.rows().at("linear backward").flops == 2 * 8 * 16 * 4);  // dw alone: x needs no gradient
  CHECK(profile.rows().at("sum").calls == 1);
  CHECK_THAT(profile.table(), Contains("linear backward") && Contains("total"));
}

TEST_CASE("Profile: counts the products inside a recurrent layer, for the steps that run", "[profile]") {
  const int64_t T = 3, B = 2, H = 4;
  const Tensor gates = ones({T, B, 3 * H}), w_hh = ones({3 * H, H}).set_requires_grad();
  Profile profile;
  recurrent(Cell::gru, gates, w_hh, {}, {}, {}, {.lengths = from_vector(std::vector<int64_t>{3, 1}, {B})})
      .sum()
      .backward();
  const int64_t steps = 3 + 1, product = 2 * 3 * H * H;
  CHECK(profile.rows().at("recurrent").flops == steps * product);
  CHECK(profile.rows().at("recurrent backward").flops ==
        steps * product + T * B * product);  // dw takes resting rows too
}

TEST_CASE("Profile: counts nothing while observers are silent", "[profile]") {
  Profile profile;
  {
    const autograd::Observer::Silence off;
    exp(ones({2}));
  }
  CHECK(profile.rows().empty());
}

#include "autograd/profile.h"

#include "autograd/ops.h"
#include "tests/catch.h"

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

TEST_CASE("Profile: a suspended profile counts nothing", "[profile]") {
  Profile profile;
  {
    const Profile::Suspended off;
    exp(ones({2}));
  }
  CHECK(profile.rows().empty());
}

// Integers at the ends of int64_t where users give some: each is refused, or means what it says. Sanitizers see what
// overflows on the way.
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <heed/autograd/ops.h>
#include <heed/tensor/error.h>
#include <heed/tensor/random.h>
#include "catch.h"

using namespace heed;

namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(), kMost = std::numeric_limits<int64_t>::max();

std::vector<double> values(const Tensor& x) { return x.to_vector<double>(); }

}  // namespace

TEST_CASE("ops: sizes, axes and counts at the ends of int64_t are refused", "[ops][errors]") {
  Rng rng(1);
  const Tensor x = arange(6, f32).reshape({2, 3}), i = tensor({0, 1});
  for (const int64_t n : {kLeast, kLeast + 1, kMost, kMost - 1, kMost / 2, kMost / 4 + 1}) {
    const std::vector<std::pair<const char*, std::function<void()>>> calls = {
        {"zeros",
         [&] {
           zeros({n, 4});
         }},
        {"full",
         [&] {
           full({4, n}, 1);
         }},
        {"arange", [&] { arange(n); }},
        {"arange by steps", [&] { arange(0.0, 1e30 * (n > 0 ? 1 : 2), 1e-3); }},
        {"linspace", [&] { linspace(0, 1, n); }},
        {"eye", [&] { eye(n); }},
        {"randn",
         [&] {
           randn({n, 2}, rng);
         }},
        {"randperm", [&] { randperm(n, rng); }},
        {"Rng::randperm", [&] { rng.randperm(n); }},
        {"multinomial", [&] { multinomial(x + 1, n, rng, true); }},
        {"reshape",
         [&] {
           x.reshape({n, 2});
         }},
        {"reshape with -1",
         [&] {
           x.reshape({n, -1, 2});
         }},
        {"reshape of nothing",
         [&] {
           zeros({0}).reshape({n, n});
         }},
        {"expand",
         [&] {
           x.unsqueeze(0).expand({n, 2, 3});
         }},
        {"repeat",
         [&] {
           repeat(x, {n, 2});
         }},
        {"tile", [&] { tile(x, {n}); }},
        {"transpose", [&] { x.transpose(n, 0); }},
        {"permute",
         [&] {
           x.permute({n, 0});
         }},
        {"select", [&] { x.select(0, n); }},
        {"select by axis", [&] { x.select(n, 0); }},
        {"narrow from", [&] { x.narrow(0, n, 1); }},
        {"narrow by", [&] { x.narrow(0, 1, n); }},
        {"index", [&] { x(n); }},
        {"split into",
         [&] {
           split(x, {n, n, 5}, 1);
         }},
        {"pad",
         [&] {
           pad(x, {n, n}, 0);
         }},
        {"pad one side",
         [&] {
           pad(x, {0, n}, 0);
         }},
        {"sum", [&] { x.sum(n); }},
        {"softmax", [&] { softmax(x, n); }},
        {"cumsum", [&] { cumsum(x, n); }},
        {"flip", [&] { flip(x, n); }},
        {"roll by axis", [&] { roll(x, 1, n); }},
        {"sort", [&] { sort(x, n); }},
        {"topk", [&] { topk(x, n); }},
        {"gather",
         [&] {
           gather(x, 1, tensor({{n}, {0}}));
         }},
        {"index_select", [&] { index_select(x, 0, tensor({n})); }},
        {"embedding", [&] { embedding(tensor({n}), x); }},
        {"one_hot", [&] { one_hot(tensor({n})); }},
        {"one_hot of classes", [&] { one_hot(i, n); }},
        {"cross_entropy",
         [&] {
           cross_entropy(x, tensor({n, 0}));
         }},
        {"diagonal's axis", [&] { diagonal(x, 0, n, 1); }},
        {"unsqueeze", [&] { x.unsqueeze(n); }},
        {"flatten", [&] { x.flatten(n, 1); }},
        {"shape", [&] { x.size(n); }},
    };
    for (const auto& [name, call] : calls) {
      INFO(name << " with " << n);
      CHECK_THROWS_AS(call(), Error);
    }
  }
  CHECK_THROWS_AS(zeros({4}).reshape({(int64_t(1) << 62) + 1, 4}), ShapeError);  // 4, where the product wraps
}

TEST_CASE("ops: what is far beyond a tensor's end means its end", "[ops]") {
  Rng rng(2);
  const Tensor x = arange(6, f32).reshape({2, 3}) + 1;
  for (const int64_t far : {kMost, kMost - 1, kMost / 2, int64_t(1) << 41}) {
    INFO("far is " << far);
    CHECK(values(tril(x, far)) == values(x));
    CHECK(values(tril(x, -far)) == values(x * 0));
    CHECK(values(triu(x, far)) == values(x * 0));
    CHECK(values(triu(x, -far)) == values(x));
    CHECK(values(x(slice(-far, far))) == values(x));
    CHECK(values(x(slice(0, none, far))) == values(x(slice(0, 1))));
    CHECK(values(x(slice(far, none))).empty());
    CHECK(diagonal(x, far).numel() == 0);
    CHECK(diagonal(x, -far - 1).numel() == 0);
    CHECK(chunk(x, far, 1).size() == 3);
    CHECK(split(x, far, 1).size() == 1);
    CHECK(values(roll(x, far, 0)) == values(roll(x, far % 2, 0)));

    const Tensor q = randn({2, 300, 8}, rng), k = randn({2, 300, 8}, rng), v = randn({2, 300, 8}, rng);
    const Tensor all_seen = scaled_dot_product_attention(q, k, v, {.causal = true});
    CHECK(values(scaled_dot_product_attention(q, k, v, {.causal = true, .window = far})) == values(all_seen));
    CHECK_THROWS_AS(scaled_dot_product_attention(q, k, v, {.causal = true, .causal_offset = far}), ValueError);
  }
  CHECK(values(tril(x, kLeast)) == values(x * 0));
  CHECK(values(triu(x, kLeast)) == values(x));
  CHECK(diagonal(x, kLeast).numel() == 0);
}

TEST_CASE("ops: i64 wraps around", "[ops]") {
  const Tensor x = tensor({kLeast, kMost});
  const auto whole = [](const Tensor& y) { return y.to_vector<int64_t>(); };
  CHECK(whole(-x) == std::vector{kLeast, -kMost});
  CHECK(whole(abs(x)) == std::vector{kLeast, kMost});
  CHECK(whole(x + 1) == std::vector{kLeast + 1, kLeast});
  CHECK(whole(x - kLeast) == std::vector<int64_t>{0, -1});
  CHECK(whole(x * 2) == std::vector<int64_t>{0, -2});
  CHECK(x.sum().item<int64_t>() == -1);
  CHECK(whole(cumsum(x, 0)) == std::vector{kLeast, int64_t{-1}});
  CHECK(whole(floor_divide(x, -1)) == std::vector{kLeast, -kMost});
  CHECK(whole(x % -1) == std::vector<int64_t>{0, 0});
}

TEST_CASE("ops: a number given to i64 keeps all its digits", "[ops]") {
  const Tensor x = tensor({1, 2}), first = tensor({true, false});
  const auto whole = [](const Tensor& y) { return y.to_vector<int64_t>(); };
  for (const int64_t far : {kMost, kMost - 2, kLeast + 1}) {
    CHECK(whole(full({1}, far, i64)) == std::vector{far});
    CHECK(whole(full_like(x, far)) == std::vector{far, far});
    CHECK(whole(masked_fill(x, first, far)) == std::vector{far, int64_t{2}});
    CHECK(whole(where(first, far, x)) == std::vector{far, int64_t{2}});
    CHECK(whole(pad(x, {1, 0}, far)) == std::vector{far, int64_t{1}, int64_t{2}});
    CHECK(whole(scatter(x, 0, tensor({0}), far)) == std::vector{far, int64_t{2}});
    CHECK(whole(maximum(x * kLeast, far)) == std::vector{std::max(kLeast, far), std::max(int64_t{0}, far)});
    CHECK(whole(eq(full({1}, far, i64), far).to(i64)) == std::vector<int64_t>{1});
    CHECK(whole(eq(full({1}, far, i64), far - 1).to(i64)) == std::vector<int64_t>{0});
  }
}

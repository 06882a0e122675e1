#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include <heed/tensor/kernels/random.h>
#include <heed/tensor/random.h>
#include "catch.h"

using namespace heed;

namespace {

template <class T>
std::vector<T> uniform(Rng& rng, int64_t n, double from = 0, double to = 1) {
  std::vector<T> out(static_cast<size_t>(n));
  rng.uniform(out.data(), n, from, to);
  return out;
}
template <class T>
std::vector<T> normal(Rng& rng, int64_t n, double mean = 0, double std = 1) {
  std::vector<T> out(static_cast<size_t>(n));
  rng.normal(out.data(), n, mean, std);
  return out;
}
std::vector<uint8_t> mask(Rng& rng, int64_t n, double p) {
  const auto keep = std::make_unique<bool[]>(static_cast<size_t>(n));
  rng.bernoulli(keep.get(), n, p);
  return std::vector<uint8_t>(keep.get(), keep.get() + n);
}
std::vector<int64_t> multinomial(Rng& rng, const std::vector<double>& weights, int64_t samples, bool replacement) {
  std::vector<int64_t> out(static_cast<size_t>(std::max<int64_t>(samples, 0)));
  rng.multinomial(out.data(), samples, weights.data(), static_cast<int64_t>(weights.size()), replacement);
  return out;
}

// Calls f with the kernels of each instruction set that this processor has, the plainest included.
void for_each_target(const std::function<void()>& f) {
  const int64_t all = hwy::SupportedTargets();
  for (int64_t rest = all; rest != 0; rest &= rest - 1) {
    hwy::SetSupportedTargetsForTest(rest & -rest);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    f();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace

TEST_CASE("Rng: the words are those of std::mt19937, drawn one by one or in bulk", "[random]") {
  Rng rng(5489);
  for (int i = 0; i < 9999; ++i) rng.random();
  CHECK(rng.random() == 4123659995u);  // the C++ standard, [rand.predef]

  for (const uint64_t seed : {uint64_t{0}, uint64_t{1337}, uint64_t{UINT32_MAX}, (uint64_t{9} << 32) + 5}) {
    CAPTURE(seed);
    Rng ours(seed);
    std::mt19937 theirs(static_cast<uint32_t>(seed));
    for (const int64_t n : {1, 1, 623, 3, 2000, 624, 1, 1247}) {  // across the ends of blocks of 624
      const auto bulk = uniform<float>(ours, n);
      for (const float u : bulk) REQUIRE(u == static_cast<float>(theirs() & 0xffffff) * 0x1p-24f);
      REQUIRE(ours.random() == theirs());
      const uint64_t high = theirs();
      REQUIRE(ours.random64() == (high << 32 | theirs()));
    }
  }
}

TEST_CASE("Rng: gives the numbers of torch.manual_seed(123)", "[random]") {
  // Printed by PyTorch 1.13.1 on x86: torch.manual_seed(123), then one call for each line.
  Rng rng(123);
  CHECK(uniform<float>(rng, 4) ==
        std::vector<float>{0.29611194133758545f, 0.516562283039093f, 0.2516707181930542f, 0.6885567903518677f});
  rng.seed(123);
  CHECK(normal<float>(rng, 3) == std::vector<float>{-0.11146711558103561f, 0.12036294490098953f, -0.3696345090866089f});
  CHECK(normal<float>(rng, 2) ==
        std::vector<float>{-0.2404179722070694f, -1.1969243288040161f});  // the first one waited
  rng.seed(123);
  const auto blocks = normal<float>(rng, 18);
  CHECK(std::vector<float>(blocks.end() - 3, blocks.end()) ==
        std::vector<float>{-2.839993953704834f, -0.7848533391952515f, -1.4095724821090698f});
  rng.seed(123);
  CHECK(rng.randperm(10) == std::vector<int64_t>{2, 0, 8, 1, 3, 7, 4, 9, 5, 6});
  int64_t below_100[5];
  rng.randint(below_100, 5, 0, 100);
  CHECK(std::vector<int64_t>(below_100, below_100 + 5) == std::vector<int64_t>{54, 11, 21, 66, 21});
  rng.seed(123);
  CHECK(mask(rng, 12, 0.5) == std::vector<uint8_t>{1, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1});  // torch.nn.Dropout(0.5)
  rng.seed(123);
  CHECK(rng.epoch_order(6) == std::vector<int64_t>{0, 3, 2, 5, 4, 1});
}

TEST_CASE("Rng: every instruction set gives the same bits as plain loops", "[random]") {
  const int64_t n = GENERATE(1, 7, 16, 35, 512, 513, 5000);
  CAPTURE(n);
  for_each_target([&] {
    CAPTURE(hwy::SupportedTargets());
    Rng rng(42);
    std::mt19937 words(42);
    const auto bits53 = [&] {
      const uint64_t high = words();
      return static_cast<double>((high << 32 | words()) & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
    };
    for (const float x : uniform<float>(rng, n, -0.3, 0.7)) {
      REQUIRE(x == std::fma(static_cast<float>(words() & 0xffffff) * 0x1p-24f, 0.7f - -0.3f, -0.3f));
    }
    for (const double x : uniform<double>(rng, n, -0.3, 0.7)) REQUIRE(x == std::fma(bits53(), 0.7 - -0.3, -0.3));
    for (const uint8_t keep : mask(rng, n, 0.9)) REQUIRE(keep == (bits53() < 0.9));
    REQUIRE(rng.random() == words());
  });

  std::vector<std::vector<float>> normals;
  for_each_target([&] {
    Rng rng(42);
    normals.push_back(normal<float>(rng, n, 0.1, 2));
  });
  for (const auto& x : normals) CHECK(x == normals[0]);
}

TEST_CASE("below_of_words: compares exactly where u and p meet", "[random]") {
  for_each_target([] {
    for (const uint64_t k :
         {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, (uint64_t{1} << 52) + 1, (uint64_t{1} << 53) - 1}) {
      const double u = static_cast<double>(k) * 0x1p-53;
      const uint32_t words[2] = {static_cast<uint32_t>(k >> 32) | 0xffe00000u, static_cast<uint32_t>(k)};
      for (const double p : {0.0, std::nextafter(u, -1.0), u, std::nextafter(u, 2.0), 1.0}) {
        if (p < 0) continue;
        bool below = false;
        kernels::below_of_words(words, &below, 1, p);
        INFO("k " << k << ", p " << p);
        CHECK(below == (u < p));
      }
    }
  });
}

TEST_CASE("box_muller: the float version is within 2e-6 of the formula in double", "[random]") {
  constexpr int64_t kBlocks = 4000;
  Rng rng(3);
  auto u = uniform<float>(rng, 16 * kBlocks);
  u[0] = 0, u[8] = 0;                              // the corners: radius 0, angle 0
  u[1] = 1 - 0x1p-24f, u[9] = 1 - 0x1p-24f;        // the largest radius, an angle just short of a turn
  u[2] = 0x1p-24f, u[10] = 0.125f, u[11] = 0.25f;  // edges of octants
  for_each_target([&] {
    auto z = u;
    kernels::box_muller(z.data(), kBlocks, 0.0f, 1.0f);
    double worst = 0;
    for (int64_t i = 0; i < 16 * kBlocks; ++i) {
      const int64_t j = i / 16 * 16 + i % 8;
      const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(u[j])));
      const double angle = 2 * M_PI * u[j + 8];
      worst = std::max(worst, std::abs(z[i] - radius * (i % 16 < 8 ? std::cos(angle) : std::sin(angle))));
    }
    CHECK(worst < 2e-6);
  });
}

TEST_CASE("Rng: a restored state continues with the same bits, a waiting normal included", "[random]") {
  Rng rng(7);
  normal<float>(rng, 3);      // one waits
  uniform<float>(rng, 1000);  // in the middle of a block
  const auto saved = rng.state();
  Rng other(99);
  CHECK_FALSE(other == rng);
  other.set_state(saved);
  CHECK(other == rng);
  CHECK(normal<double>(other, 5) == normal<double>(rng, 5));
  CHECK(other.randperm(2000) == rng.randperm(2000));
  CHECK(mask(other, 777, 0.3) == mask(rng, 777, 0.3));
  CHECK(other == rng);
  rng.random();
  CHECK_FALSE(other == rng);
  rng.set_state(saved);
  CHECK(rng.state() == saved);
}

TEST_CASE("Rng: equality sees what is to come, not what was", "[random]") {
  Rng a(5), b(5);
  const auto waiting = normal<double>(a, 1);
  CHECK_FALSE(a == b);  // a normal waits in a
  normal<double>(a, 1);
  b.random64(), b.random64();
  CHECK(a == b);
  a.seed(5), b.seed(5);
  normal<double>(a, 1);
  a.seed(5);
  CHECK(a == b);  // seeding forgets it
}

TEST_CASE("Rng::set_state: refuses what state() cannot have given", "[random]") {
  Rng rng(1);
  const Rng before = rng;
  const auto good = rng.state();
  const auto with = [&](size_t i, int64_t value) {
    auto bad = good;
    bad[i] = value;
    return bad;
  };
  CHECK_THROWS_WITH(rng.set_state(std::vector<int64_t>(626)), Contains("state of 626 numbers; need 627"));
  CHECK_THROWS_WITH(rng.set_state(with(3, -1)), Contains("word 3 is -1"));
  CHECK_THROWS_AS(rng.set_state(with(623, int64_t{1} << 32)), ValueError);
  CHECK_THROWS_AS(rng.set_state(with(624, 625)), ValueError);
  CHECK_THROWS_AS(rng.set_state(with(624, -1)), ValueError);
  CHECK_THROWS_AS(rng.set_state(with(625, 2)), ValueError);
  CHECK(rng == before);
}

TEST_CASE("Rng: draws of nothing draw nothing", "[random]") {
  Rng rng(1);
  const Rng before = rng;
  rng.uniform<float>(nullptr, 0);
  rng.normal<double>(nullptr, 0);
  rng.trunc_normal<float>(nullptr, 0);
  rng.exponential<float>(nullptr, 0);
  rng.randint(nullptr, 0, 0, 1);
  rng.bernoulli<bool>(nullptr, 0, 0.5);
  CHECK(rng.randperm(0).empty());
  CHECK(rng.randperm(1) == std::vector<int64_t>{0});
  CHECK(rng == before);
}

TEST_CASE("Rng: draws as many words as its documentation says", "[random]") {
  const auto words = [](const std::function<void(Rng&)>& draw) {
    Rng rng(11), count(11);
    draw(rng);
    const uint32_t next[2] = {rng.random(), rng.random()};
    uint32_t last = count.random();
    for (int n = 0; n < 5000; ++n) {
      const uint32_t word = count.random();
      if (last == next[0] && word == next[1]) return n;
      last = word;
    }
    return -1;
  };
  double d[100];
  float f[100], half[100];
  bool b[100];
  int64_t q[100];
  std::fill_n(half, 100, 0.5f);
  CHECK(words([&](Rng& r) { r.uniform(f, 100); }) == 100);
  CHECK(words([&](Rng& r) { r.uniform(d, 100); }) == 200);
  CHECK(words([&](Rng& r) { r.normal(f, 15); }) == 32);
  CHECK(words([&](Rng& r) { r.normal(f, 16); }) == 16);
  CHECK(words([&](Rng& r) { r.normal(f, 17); }) == 33);
  CHECK(words([&](Rng& r) { r.normal(d, 17); }) == 66);
  CHECK(words([&](Rng& r) { r.trunc_normal(f, 100); }) == 100);
  CHECK(words([&](Rng& r) { r.exponential(f, 100); }) == 200);
  CHECK(words([&](Rng& r) { r.randint(q, 100, -3, 10); }) == 100);
  CHECK(words([&](Rng& r) { r.randint(q, 100, 0, int64_t{1} << 32); }) == 200);
  CHECK(words([&](Rng& r) { r.randperm(100); }) == 99);
  CHECK(words([&](Rng& r) { r.bernoulli(b, 100, 1.0); }) == 200);
  CHECK(words([&](Rng& r) { r.bernoulli(f, half, 100); }) == 100);
  CHECK(words([&](Rng& r) { multinomial(r, {1, 2, 3}, 1, true); }) == 6);
  CHECK(words([&](Rng& r) { multinomial(r, {1, 2, 3}, 2, false); }) == 6);
  CHECK(words([&](Rng& r) { multinomial(r, {1, 2, 3}, 50, true); }) == 100);
  CHECK(words([&](Rng& r) { r.epoch_order(10); }) == 4);
}

TEST_CASE("Rng: masks of p = 0 and p = 1 are constant, and others hit their probability", "[random]") {
  Rng rng(2);
  constexpr int64_t n = 100000;
  const auto ones = [](const std::vector<uint8_t>& m) { return std::accumulate(m.begin(), m.end(), int64_t{0}); };
  CHECK(ones(mask(rng, n, 0)) == 0);
  CHECK(ones(mask(rng, n, 1)) == n);
  CHECK(std::abs(ones(mask(rng, n, 0.3)) - 30000) < 725);  // five standard deviations
  std::vector<int64_t> q(n);
  std::vector<float> f(n);
  const auto saved = rng.state();
  rng.bernoulli(q.data(), n, 0.3);
  rng.set_state(saved);
  rng.bernoulli(f.data(), n, 0.3);
  rng.set_state(saved);
  const auto m = mask(rng, n, 0.3);
  CHECK(std::equal(m.begin(), m.end(), q.begin()));
  CHECK(std::equal(m.begin(), m.end(), f.begin()));
}

TEST_CASE("Rng: randint reaches both ends of any range", "[random]") {
  Rng rng(3);
  std::vector<int64_t> out(1000);
  rng.randint(out.data(), 1000, -2, 3);
  CHECK(*std::min_element(out.begin(), out.end()) == -2);
  CHECK(*std::max_element(out.begin(), out.end()) == 2);
  rng.randint(out.data(), 1000, 5, 6);
  CHECK(std::all_of(out.begin(), out.end(), [](int64_t x) { return x == 5; }));
  rng.randint(out.data(), 1000, INT64_MIN, INT64_MAX);  // wider than int64_t can say
  CHECK(*std::min_element(out.begin(), out.end()) < INT64_MIN / 2);
  CHECK(*std::max_element(out.begin(), out.end()) > INT64_MAX / 2);
}

TEST_CASE("Rng: trunc_normal stays in its interval, however far that reaches", "[random]") {
  Rng rng(4);
  std::vector<float> x(20000);
  rng.trunc_normal(x.data(), 20000, 1.0, 0.5, 0.9, 2.5);
  CHECK(std::all_of(x.begin(), x.end(), [](float v) { return v >= 0.9f && v <= 2.5f; }));
  rng.trunc_normal(x.data(), 20000, 0, 1, -1e30, 1e30);  // of which the ends map to -1 and 1 exactly
  CHECK(std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); }));
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / 20000;
  CHECK(std::abs(mean) < 5 / std::sqrt(20000.0));
  rng.trunc_normal(x.data(), 20000, 0, 1, 5, INFINITY);  // f32 has ten numbers between erf's value there and 1
  CHECK(std::all_of(x.begin(), x.end(), [](float v) { return v >= 5 && v < 8; }));
}

TEST_CASE("Rng: multinomial never takes a category of weight 0, and no category twice without replacement",
          "[random]") {
  Rng rng(5);
  std::vector<int64_t> counts(5);
  for (int i = 0; i < 5000; ++i) ++counts[multinomial(rng, {0, 1, 0, 3, 0}, 1, false)[0]];
  for (const int64_t c : multinomial(rng, {0, 1, 0, 3, 0}, 5000, true)) ++counts[c];
  CHECK((counts[0] == 0 && counts[2] == 0 && counts[4] == 0));
  CHECK(std::abs(counts[1] - 2500) < 217);  // five standard deviations
  auto all = multinomial(rng, {0, 1e-300, 2, 5e-324, 0, 4}, 4, false);
  std::sort(all.begin(), all.end());
  CHECK(all == std::vector<int64_t>{1, 2, 3, 5});
}

TEST_CASE("Rng: says what is wrong with an argument, and draws nothing", "[random]") {
  Rng rng(6);
  const Rng before = rng;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();
  float f[4];
  bool b[4];
  int64_t q[4];
  CHECK_THROWS_WITH(rng.uniform(f, -1), Contains("uniform: cannot draw -1 numbers") && Contains("test_random.cpp"));
  CHECK_THROWS_WITH(rng.uniform(f, 4, 2, 1), Contains("from 2 to 1 is not an interval"));
  CHECK_THROWS_AS(rng.uniform(f, 4, 0, kInf), ValueError);
  CHECK_THROWS_AS(rng.uniform(f, 4, -1e300, 1e300), ValueError);  // not finite in float
  CHECK_THROWS_AS(rng.uniform(f, 4, kNan, 1), ValueError);
  CHECK_THROWS_WITH(rng.normal(f, 4, 0, -1), Contains("normal: mean 0 and std -1"));
  CHECK_THROWS_AS(rng.normal(f, 4, kNan, 1), ValueError);
  CHECK_THROWS_AS(rng.normal(f, 4, 0, 1e39), ValueError);  // not finite in float
  CHECK_THROWS_AS(rng.normal(f, -4), ValueError);
  CHECK_THROWS_AS(rng.trunc_normal(f, 4, 0, 0), ValueError);
  CHECK_THROWS_AS(rng.trunc_normal(f, 4, 0, 1, 2, -2), ValueError);
  CHECK_THROWS_WITH(rng.trunc_normal(f, 4, 0, 1, 50, 60), Contains("no part of normal(0, 1) falls in [50, 60]"));
  CHECK_THROWS_AS(rng.trunc_normal(f, 4, 0, 1, -7, -6), ValueError);  // f32 cannot tell its ends apart, f64 can
  double far;
  rng.trunc_normal(&far, 1, 0, 1, -7, -6);
  CHECK((far >= -7 && far <= -6));
  rng = before;
  CHECK_THROWS_AS(rng.exponential(f, 4, 0), ValueError);
  CHECK_THROWS_WITH(rng.randint(q, 4, 3, 3), Contains("no integer in [3, 3); need low < high"));
  CHECK_THROWS_AS(rng.randperm(-1), ValueError);
  CHECK_THROWS_AS(rng.epoch_order(-1), ValueError);
  CHECK_THROWS_WITH(rng.bernoulli(b, 4, 1.5), Contains("probability is 1.5; need 0 to 1"));
  CHECK_THROWS_AS(rng.bernoulli(b, 4, kNan), ValueError);
  const float p[4] = {0, 1, -0.1f, 0.5f};
  CHECK_THROWS_AS(rng.bernoulli(f, p, 4), ValueError);
  CHECK_THROWS_WITH(multinomial(rng, {0, 0}, 1, false), Contains("none of 2 weights is positive"));
  CHECK_THROWS_AS(multinomial(rng, {}, 1, false), ValueError);
  CHECK_THROWS_WITH(multinomial(rng, {1, 0, 2}, 3, false), Contains("3 samples without replacement; need at most 2"));
  CHECK_THROWS_WITH(multinomial(rng, {1, -1}, 1, false), Contains("weight -1 of category 1"));
  CHECK_THROWS_AS(multinomial(rng, {1, kInf}, 1, true), ValueError);
  CHECK_THROWS_AS(multinomial(rng, {1e308, 1e308}, 2, true), ValueError);
  CHECK_THROWS_AS(multinomial(rng, {1}, 0, true), ValueError);
  CHECK(rng == before);
}

#include <heed/train/muon.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <memory>

#include <nlohmann/json.hpp>

#include <heed/autograd/engine.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>
#include "catch.h"
#include "reference_files.h"

using namespace heed;
using train::Adagrad;
using train::Adam;
using train::AdamW;
using train::Muon;
using train::Optimizer;
using train::RMSprop;
using train::SGD;

namespace {

nn::Init constant_values(std::vector<double> values) {
  return [values](Tensor x, Rng&) {
    dispatch_floating(x.dtype(), [&]<class T>() { std::copy(values.begin(), values.end(), x.mutable_data<T>()); });
  };
}

/// Two layers with sigmoids, with the initial values of the reference.
struct Net {
  Rng rng{0};
  nn::Parameters params{rng, f64};
  Tensor w0 = nn::Scope(params).param("0.weight", {3, 2},
                                      constant_values({-0.2109, -0.4976, -0.1413, -0.3420, -0.2524, 0.6976}));
  Tensor b0 = nn::Scope(params).param("0.bias", {3}, constant_values({-0.1085, -0.2979, 0.6892}));
  Tensor w2 = nn::Scope(params).param("2.weight", {1, 3}, constant_values({-0.0508, -0.3941, -0.2843}));
  Tensor b2 = nn::Scope(params).param("2.bias", {1}, constant_values({-0.0711}));

  Tensor loss() const {
    const Tensor x = tensor({{.1, .2}, {.3, .4}, {.5, .6}}, f64);
    return sigmoid(linear(sigmoid(linear(x, w0, b0)), w2, b2)).sum();
  }
  void step(Optimizer& optimizer, double grad_scale = 1) const {
    optimizer.zero_grad();
    loss().backward();
    optimizer.step(grad_scale);
  }
  std::vector<double> values() const {
    std::vector<double> all;
    for (const auto& [name, parameter] : params)
      for (const double v : parameter.to_vector<double>()) all.push_back(v);
    return all;
  }
};

using Make = std::function<std::unique_ptr<Optimizer>(const nn::Parameters&)>;

template <class O, class Options>
Make make(Options options, train::ParameterGroups groups = {}) {
  return [=](const nn::Parameters& params) { return std::make_unique<O>(params, options, groups); };
}

/// One of each kind, every option in use.
std::vector<Make> every_kind() {
  return {make<SGD>(train::SGDOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-2, .nesterov = true}),
          make<Adam>(train::AdamOptions{.lr = 0.1, .weight_decay = 1e-2}),
          make<AdamW>(train::AdamWOptions{.lr = 0.1, .weight_decay = 1e-2, .amsgrad = true}),
          make<RMSprop>(train::RMSpropOptions{.weight_decay = 1e-2, .momentum = 0.9, .centered = true}),
          make<Adagrad>(train::AdagradOptions{.lr = 0.1, .lr_decay = 0.1, .weight_decay = 1e-2})};
}

/// One parameter, on which gradients can be put by hand.
struct One {
  Rng rng{0};
  nn::Parameters params{rng, f64};
  Tensor p = nn::Scope(params).param("p", {2}, constant_values({1, -2}));
  void step(Optimizer& optimizer, double g0, double g1) const {
    p.set_grad(tensor({g0, g1}, f64));
    optimizer.step();
  }
};

}  // namespace

TEST_CASE("optimizers follow PyTorch's trajectories for 1001 steps in f64", "[optimizer]") {
  const tests::json trajectories = tests::reference_file("optimizers.json").at("trajectories");
  const std::vector<std::pair<std::string, Make>> cases = {
      {"SGD lr0.1", make<SGD>(train::SGDOptions{.lr = 0.1})},
      {"SGD lr0.1 wd1e-2 mom0.9", make<SGD>(train::SGDOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-2})},
      {"Adam lr1", make<Adam>(train::AdamOptions{.lr = 1})},
      {"AdamW lr1 wd1e-2", make<AdamW>(train::AdamWOptions{.lr = 1, .weight_decay = 1e-2, .decay_vectors = true})}};
  REQUIRE(trajectories.size() == cases.size());
  constexpr double kTolerance = 1e-9;  // 1001 steps of f64 whose sums run in another order
  for (const auto& [name, make_optimizer] : cases) {
    const Net net;
    const auto optimizer = make_optimizer(net.params);
    for (int step = 0; step <= 1000; ++step) {
      net.step(*optimizer);
      if (step % 100 != 0) continue;
      INFO(name << ", step " << step);
      std::vector<double> expected;
      for (const auto& parameter : trajectories[name][static_cast<size_t>(step / 100)])
        for (const double v : parameter) expected.push_back(v);
      const std::vector<double> got = net.values();
      REQUIRE(got.size() == expected.size());
      for (size_t i = 0; i < got.size(); ++i)
        CHECK(got[i] == Approx(expected[i]).epsilon(kTolerance).margin(kTolerance));
    }
  }
}

TEST_CASE("optimizers: 50 steps equal PyTorch's, with every option and with groups", "[optimizer]") {
  std::ifstream in(HEED_SOURCE_DIR "/tests/reference/optimizer_steps.json");
  const auto expected = nlohmann::json::parse(in);
  const train::ParameterGroups groups = {{"*.bias", {.weight_decay = 0}}, {"0.w*", {.lr = 0.01}}};
  const std::map<std::string, Make> cases = {
      {"SGD, momentum 0.9, Nesterov", make<SGD>(train::SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true})},
      {"SGD, groups", make<SGD>(train::SGDOptions{.lr = 0.1, .weight_decay = 0.1}, groups)},
      {"Adam", make<Adam>(train::AdamOptions{.lr = 0.1})},
      {"Adam, amsgrad",
       make<Adam>(train::AdamOptions{.lr = 0.1, .beta1 = 0.5, .beta2 = 0.6, .weight_decay = 0.05, .amsgrad = true})},
      {"AdamW", make<AdamW>(train::AdamWOptions{.lr = 0.1, .weight_decay = 0.1, .decay_vectors = true})},
      {"AdamW, amsgrad",
       make<AdamW>(train::AdamWOptions{
           .lr = 0.1, .beta1 = 0.5, .beta2 = 0.6, .weight_decay = 0.3, .amsgrad = true, .decay_vectors = true})},
      {"AdamW, groups", make<AdamW>(train::AdamWOptions{.lr = 0.1, .weight_decay = 0.3}, groups)},
      {"RMSprop", make<RMSprop>(train::RMSpropOptions{})},
      {"RMSprop, centered",
       make<RMSprop>(train::RMSpropOptions{.lr = 0.05, .alpha = 0.9, .eps = 1e-3, .centered = true})},
      {"RMSprop, momentum 0.8",
       make<RMSprop>(train::RMSpropOptions{.lr = 0.02, .alpha = 0.9, .weight_decay = 0.1, .momentum = 0.8})},
      {"RMSprop, centered, momentum 0.8",
       make<RMSprop>(train::RMSpropOptions{.lr = 0.02, .alpha = 0.9, .eps = 1e-3, .momentum = 0.8, .centered = true})},
      {"Muon", make<Muon>(train::MuonOptions{.adam = {.lr = 0.02, .weight_decay = 0}})},
      {"Muon, no Nesterov", make<Muon>(train::MuonOptions{.lr = 0.02,
                                                          .momentum = 0.8,
                                                          .weight_decay = 0.5,
                                                          .nesterov = false,
                                                          .adjust = train::MuonOptions::match_rms_adamw,
                                                          .adam = {.lr = 0.01, .weight_decay = 0}},
                                       {{"0.w*", {.adam = true}}})},
      {"Adagrad", make<Adagrad>(train::AdagradOptions{})},
      {"Adagrad, lr_decay", make<Adagrad>(train::AdagradOptions{.lr = 0.1, .lr_decay = 0.05, .weight_decay = 0.1})}};
  REQUIRE(expected.size() == cases.size());
  constexpr double kTolerance = 1e-12;  // 50 steps of f64 in another order
  for (const auto& [name, make_optimizer] : cases) {
    const Net net;
    const auto optimizer = make_optimizer(net.params);
    for (int step = 1; step <= 50; ++step) {
      net.step(*optimizer);
      const auto kept = expected[name].find(std::to_string(step));
      if (kept == expected[name].end()) continue;
      INFO(name << ", step " << step);
      const std::vector<double> got = net.values(), want = *kept;
      REQUIRE(got.size() == want.size());
      for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(want[i]).epsilon(kTolerance).margin(kTolerance));
    }
  }
}

TEST_CASE("parameter groups: set_lr scales a group's rate in proportion, and a tied name counts", "[optimizer]") {
  One one;
  nn::Scope(one.params).tie("q", one.p);
  SGD sgd(one.params, {.lr = 0.5}, {{"q", {.lr = 0.1}}});
  one.step(sgd, 1, 0);
  CHECK(one.p.at<double>({0}) == Approx(0.9));
  sgd.set_lr(1);
  one.step(sgd, 1, 0);
  CHECK(one.p.at<double>({0}) == Approx(0.7));  // 0.1 * 1 / 0.5
  CHECK_THROWS_WITH(
      SGD(one.params, {.lr = 0}, {{"q", {.lr = 0.1}}}),
      Contains("the group \"q\" has lr 0.1 in proportion to the optimiser's, which is 0; need one above 0"));
}

TEST_CASE("parameter groups: a pattern that fits nothing, and a parameter that fits two, are refused", "[optimizer]") {
  const Net net;
  CHECK_THROWS_WITH(
      AdamW(net.params, {{"*.bais", {.weight_decay = 0}}}),
      Contains("AdamW: the group \"*.bais\" fits none of the 4 parameters; need a pattern of names such as "
               "'0.weight'  [test_optimizer.cpp"));
  CHECK_THROWS_WITH(SGD(net.params, {{"*.bias", {.weight_decay = 0}}, {"2.*", {.lr = 1e-5}}}),
                    Contains("SGD: parameter '2.bias' is in the groups \"*.bias\" and \"2.*\"; need one at most"));
  CHECK_THROWS_WITH(Adam(net.params, {{"*", {.lr = -1}}}), Contains("a group's lr is -1"));
  CHECK_THROWS_WITH(Adagrad(net.params, {{"*", {.weight_decay = NAN}}}), Contains("a group's weight_decay is nan"));
}

TEST_CASE("parameter groups: every option of a group is as good as the optimizer's own", "[optimizer]") {
  using train::ParameterGroups;
  const std::vector<std::tuple<const char*, Make, Make>> cases = {
      {"SGD", make<SGD>(train::SGDOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true}),
       make<SGD>(train::SGDOptions{.momentum = 0.5, .dampening = 0.3},
                 {{"*", {.lr = 0.1, .weight_decay = 0.1, .momentum = 0.9, .dampening = 0, .nesterov = true}}})},
      {"Adam", make<Adam>(train::AdamOptions{.lr = 0.1, .beta1 = 0.8, .beta2 = 0.9, .eps = 1e-3, .amsgrad = true}),
       make<Adam>(train::AdamOptions{},
                  {{"*", {.lr = 0.1, .beta1 = 0.8, .beta2 = 0.9, .eps = 1e-3, .amsgrad = true}}})},
      {"RMSprop", make<RMSprop>(train::RMSpropOptions{.alpha = 0.5, .eps = 1e-3, .momentum = 0.7, .centered = true}),
       make<RMSprop>(train::RMSpropOptions{}, {{"*", {.momentum = 0.7, .eps = 1e-3, .alpha = 0.5, .centered = true}}})},
      {"Adagrad", make<Adagrad>(train::AdagradOptions{.lr_decay = 0.1, .initial_accumulator_value = 0.5, .eps = 1e-3}),
       make<Adagrad>(train::AdagradOptions{},
                     {{"*", {.eps = 1e-3, .lr_decay = 0.1, .initial_accumulator_value = 0.5}}})},
      {"Muon",
       make<Muon>(train::MuonOptions{
           .momentum = 0.5, .nesterov = false, .adam = {.lr = 3e-4, .beta1 = 0.7, .weight_decay = 0}}),
       make<Muon>(train::MuonOptions{},
                  {{"*.weight", {.momentum = 0.5, .nesterov = false}}, {"*.bias", {.beta1 = 0.7, .beta2 = 0.999}}})}};
  for (const auto& [name, own, by_group] : cases) {
    INFO(name);
    const Net a, b, c;
    const auto first = own(a.params), second = by_group(b.params);
    for (int i = 0; i < 5; ++i) a.step(*first), b.step(*second);
    CHECK(a.values() == b.values());
    CHECK(a.values() != c.values());
  }
}

TEST_CASE("parameter groups: an option that the optimizer lacks, or that makes no sense, is refused", "[optimizer]") {
  const Net net;
  CHECK_THROWS_WITH(AdamW(net.params, {{"*.bias", {.momentum = 0.9}}}),
                    Contains("AdamW: the group \"*.bias\" has momentum, which is no option of this optimizer"));
  CHECK_THROWS_WITH(SGD(net.params, {{"*", {.adam = true}}}), Contains("has adam, which is no option"));
  CHECK_THROWS_WITH(Adam(net.params, {{"*", {.beta1 = 1}}}), Contains("a group's beta1 is 1; need a number in [0, 1)"));
  CHECK_THROWS_WITH(SGD(net.params, {{"*", {.nesterov = true}}}), Contains("nesterov comes with momentum 0"));
  CHECK_THROWS_WITH(Muon(net.params, {{"*.weight", {.momentum = 1}}}), Contains("momentum is 1"));
  CHECK_THROWS_WITH(Muon(net.params, {}, {{"*.bias", {.adam = false}}}), Contains("'0.bias' of shape (3)"));
}

// p - lr g / (sqrt(v + g^2) + eps), by hand.
TEST_CASE("optimizers: without a decay an infinite element without a gradient stays as it is", "[optimizer]") {
  const auto after = [](auto make) {
    nn::Parameters params(1);
    const Tensor mask = nn::Scope(params).param("mask", {2}, constant_values({-INFINITY, 1}));
    const auto optimizer = make(params);
    mask.set_grad(tensor({0., 1.}));
    for (int step = 0; step < 2; ++step) optimizer->step();
    CHECK(mask[1].template item<float>() < 1);
    return mask[0].template item<float>();
  };
  using P = const nn::Parameters&;
  CHECK(after([](P p) { return std::make_unique<SGD>(p, train::SGDOptions{.lr = 0.1, .momentum = 0.9}); }) ==
        -INFINITY);
  CHECK(after([](P p) { return std::make_unique<Adam>(p); }) == -INFINITY);
  CHECK(after([](P p) { return std::make_unique<AdamW>(p); }) == -INFINITY);
  CHECK(after([](P p) { return std::make_unique<RMSprop>(p); }) == -INFINITY);
  CHECK(after([](P p) { return std::make_unique<Adagrad>(p); }) == -INFINITY);
}

TEST_CASE("Adagrad: the sum of squares begins with initial_accumulator_value", "[optimizer]") {
  const One one;
  Adagrad adagrad(one.params, {.lr = 0.5, .initial_accumulator_value = 16, .eps = 0});
  one.step(adagrad, 3, 0);
  CHECK(one.p.at<double>({0}) == Approx(1 - 0.5 * 3 / 5));
}

// p <- p - lr g' by hand: b1 = g1, b2 = 0.5 b1 + (1 - dampening) g2.
TEST_CASE("SGD: dampening spares the first step, and Nesterov looks ahead", "[optimizer]") {
  const One a;
  SGD dampened(a.params, {.lr = 1, .momentum = 0.5, .dampening = 0.25});
  a.step(dampened, 1, 0);
  CHECK(a.p.at<double>({0}) == Approx(0));  // 1 - 1
  a.step(dampened, 2, 0);
  CHECK(a.p.at<double>({0}) == Approx(-2));  // 0 - (0.5 + 0.75 * 2)
  const One b;
  SGD nesterov(b.params, {.lr = 1, .momentum = 0.5, .nesterov = true});
  b.step(nesterov, 1, 0);
  CHECK(b.p.at<double>({0}) == Approx(-0.5));  // 1 - (1 + 0.5)
  b.step(nesterov, 2, 0);
  CHECK(b.p.at<double>({0}) == Approx(-3.75));  // -0.5 - (2 + 0.5 * 2.5)
}

TEST_CASE("AdamW: only matrices decay unless vectors are asked for", "[optimizer]") {
  for (const bool vectors : {false, true}) {
    const Net net;
    AdamW optimizer(net.params, {.lr = 0.5, .weight_decay = 0.5, .decay_vectors = vectors});
    for (const auto& [name, parameter] : net.params) parameter.set_grad(zeros_like(parameter));
    optimizer.step();
    CHECK(net.w2.at<double>({0, 0}) == Approx(-0.0508 * 0.75));
    CHECK(net.b2.at<double>({0}) == Approx(-0.0711 * (vectors ? 0.75 : 1)));
  }
}

TEST_CASE("optimizers: grad_scale equals gradients scaled before", "[optimizer]") {
  for (const Make& make_optimizer : every_kind()) {
    const Net scaled, by_hand;
    const auto a = make_optimizer(scaled.params), b = make_optimizer(by_hand.params);
    for (int step = 0; step < 5; ++step) {
      scaled.step(*a, 0.25);
      b->zero_grad();
      mul(by_hand.loss(), 0.25).backward();
      b->step();
    }
    const std::vector<double> got = scaled.values(), expected = by_hand.values();
    for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).epsilon(1e-12));
  }
}

// With a constant gradient the corrected moments are g and g^2 at every step, so each step is the same.
TEST_CASE("Adam and AdamW: under a constant gradient, every one of 2,000 steps is lr g / (|g| + eps)", "[optimizer]") {
  for (const double g : {1.0, -1e-4, 3e-8}) {
    CAPTURE(g);
    One plain, decoupled, amsgrad;
    Adam a(plain.params, {.lr = 0.01});
    AdamW b(decoupled.params, {.lr = 0.01, .weight_decay = 0});
    Adam c(amsgrad.params, {.lr = 0.01, .beta1 = 0.5, .beta2 = 0.9});
    const double step = 0.01 * g / (std::abs(g) + 1e-8);
    const auto check = [&](const One& one, train::Optimizer& optimizer) {
      const double first = one.p.to_vector<double>()[0];
      for (int i = 1; i <= 2000; ++i) {
        one.p.set_grad(full(one.p.shape(), g, one.p.dtype()));
        optimizer.step();
        if (i <= 12 || i % 100 == 0) {
          CAPTURE(i);
          REQUIRE(one.p.to_vector<double>()[0] == Approx(first - i * step).epsilon(1e-5));
        }
      }
    };
    check(plain, a);
    check(decoupled, b);
    check(amsgrad, c);
  }
}

TEST_CASE("RMSprop: a gradient whose square leaves f32 takes no step, and never NaN", "[optimizer]") {
  for (const bool centered : {false, true}) {
    nn::Parameters params(1);
    const Tensor p = nn::Scope(params).param("p", {3}, constant_values({1, 1, 1}));
    RMSprop optimizer(params, {.lr = 0.1, .centered = centered});
    p.set_grad(tensor({-5e20f, 1e21f, 3e38f}));
    optimizer.step();
    CHECK(p.to_vector<double>() == std::vector<double>{1, 1, 1});
  }
}

TEST_CASE("RMSprop: centered, a gradient that never changes leaves numbers", "[optimizer]") {
  for (const DType dtype : {f32, f64}) {
    nn::Parameters params(1, dtype);
    const Tensor p = nn::Scope(params).param("p", {64}, constant_values(std::vector<double>(64)));
    RMSprop optimizer(params, {.lr = 1e-3, .alpha = 0.5, .centered = true});
    p.set_grad(arange(1., 65.).to(dtype) / 7);
    for (int step = 0; step < 100; ++step) optimizer.step();
    // Each step is lr g / sqrt(variance), and of the variance no less than an epsilon of g^2 is known.
    CHECK((abs(p) < (dtype == f32 ? 0.3e3 : 0.7e7)).all().item<bool>());
  }
}

TEST_CASE("optimizers: a saved and restored state goes on with the same bits", "[optimizer]") {
  for (const Make& make_optimizer : every_kind()) {
    const Net through, resumed;
    const auto a = make_optimizer(through.params);
    for (int step = 0; step < 3; ++step) through.step(*a);

    const auto b = make_optimizer(resumed.params);
    for (const auto& [name, parameter] : resumed.params) parameter.assign(through.params.at(name).detach());
    a->set_lr(a->lr() / 3);
    b->load_state(a->state());
    CHECK(b->lr() == a->lr());
    for (int step = 0; step < 3; ++step) {
      through.step(*a);
      resumed.step(*b);
    }
    CHECK(through.values() == resumed.values());
  }
}

TEST_CASE("optimizers: a state of something else is refused by name", "[optimizer]") {
  const Net net;
  const One one;
  Adam adam(net.params), other(one.params);
  SGD sgd(net.params, {.momentum = 0.9});
  net.step(sgd);
  net.step(adam);
  one.step(other, 1, 1);
  CHECK_THROWS_WITH(adam.load_state(sgd.state()), Contains("no 'exp_avg.0.weight'"));
  CHECK_THROWS_AS(adam.load_state(other.state()), ShapeError);
  NamedTensors more = adam.state();
  more.emplace_back("extra", ones({1}));
  CHECK_THROWS_WITH(adam.load_state(more), Contains("the state has 'extra', too"));
  more.back() = more[1];
  more[0].second = tensor({1, -1, 1, 1});
  CHECK_THROWS_WITH(adam.load_state(more), Contains("'0.bias' had -1 updates"));
}

TEST_CASE("optimizers: what is frozen has no moments, and begins with its first update after", "[optimizer]") {
  for (const Make& make_optimizer : every_kind()) {
    Net through;
    const Net resumed, older;
    const auto a = make_optimizer(through.params), b = make_optimizer(resumed.params), c = make_optimizer(older.params);
    CHECK(a->state().size() == 2);
    through.params.freeze("*.weight");
    for (int step = 0; step < 3; ++step) through.step(*a);
    NamedTensors as_before = a->state();  // of versions that gave everything moments at once, and kept no rate
    as_before.erase(as_before.begin() + 1);
    const size_t moments = as_before.size() - 1;
    for (size_t i = 1; i <= moments; ++i) {
      const auto [name, x] = as_before[i];
      const std::string moment = name.substr(0, name.find('.'));
      REQUIRE(name.ends_with(".bias"));
      if (name.ends_with("0.bias")) as_before.emplace_back(moment + ".0.weight", zeros({3, 2}, f64));
      else as_before.emplace_back(moment + ".2.weight", zeros({1, 3}, f64));
    }
    for (const Net* net : {&resumed, &older})
      for (const auto& [name, parameter] : net->params) parameter.assign(through.params.at(name).detach());
    b->load_state(a->state());
    c->load_state(as_before);
    CHECK(c->state().size() == moments + 2);
    through.params.unfreeze("*.weight");
    for (int step = 0; step < 3; ++step) {
      through.step(*a);
      resumed.step(*b);
      older.step(*c);
    }
    CHECK(a->state().size() == 2 * moments + 2);
    CHECK(a->state()[0].second.to_vector<int64_t>() == std::vector<int64_t>{3, 6, 3, 6});
    CHECK(through.values() == resumed.values());
    CHECK(through.values() == older.values());
  }
}

TEST_CASE("optimizers: a parameter without a gradient stays, and its steps do not count", "[optimizer]") {
  const Net net;
  Adam adam(net.params, {.lr = 1});
  net.b0.set_grad(ones({3}, f64));
  adam.step();
  adam.zero_grad();
  CHECK(net.w0.at<double>({0, 0}) == -0.2109);
  CHECK(adam.state()[0].second.to_vector<int64_t>() == std::vector<int64_t>{0, 1, 0, 0});
  net.w0.set_grad(ones({3, 2}, f64));
  adam.step();  // the first step of w0: exactly lr against the gradient's sign, but for eps
  CHECK(net.w0.at<double>({0, 0}) == Approx(-1.2109).epsilon(1e-7));
}

TEST_CASE("optimizers: a step between forward and backward is noticed where the graph needs what it wrote",
          "[optimizer]") {
  nn::Parameters params(1);
  const Tensor w = nn::Scope(params).param("w", {2}, constant_values({1, 2}));
  SGD optimizer(params, {.lr = 0.1});
  const Tensor loss = (w * w).sum();
  w.set_grad(ones({2}));
  optimizer.step();
  CHECK_THROWS_WITH(loss.backward(), Contains("was written after the op was recorded"));
}

TEST_CASE("optimizers: options that make no sense are refused", "[optimizer]") {
  const One one;
  Rng rng(0);
  const nn::Parameters none(rng);
  CHECK_THROWS_WITH(SGD(none), Contains("no parameters"));
  CHECK_THROWS_AS(SGD(one.params, {.lr = -1}), ValueError);
  CHECK_THROWS_AS(SGD(one.params, {.lr = 0.1, .nesterov = true}), ValueError);
  CHECK_THROWS_AS(SGD(one.params, {.momentum = -0.1}), ValueError);
  CHECK_THROWS_AS(Adam(one.params, {.beta1 = 1}), ValueError);
  CHECK_THROWS_AS(Adam(one.params, {.beta2 = -0.5}), ValueError);
  CHECK_THROWS_AS(Adam(one.params, {.eps = -1}), ValueError);
  CHECK_THROWS_AS(AdamW(one.params, {.weight_decay = NAN}), ValueError);
  CHECK_THROWS_AS(RMSprop(one.params, {.alpha = 1}), ValueError);
  CHECK_THROWS_AS(RMSprop(one.params, {.momentum = -1}), ValueError);
  CHECK_THROWS_AS(Adagrad(one.params, {.lr_decay = -1}), ValueError);
  CHECK_THROWS_AS(Adagrad(one.params, {.eps = NAN}), ValueError);
  CHECK_THROWS_AS(Adagrad(one.params, {.initial_accumulator_value = -1}), ValueError);
  CHECK_THROWS_AS(Muon(one.params, {.momentum = 1}), ValueError);
  CHECK_THROWS_AS(Muon(one.params, {.newton_schulz_steps = 0}), ValueError);
  CHECK_THROWS_AS(Muon(one.params, {.weight_decay = -1, .adam = {.weight_decay = -1}}), ValueError);
  SGD sgd(one.params);
  CHECK_THROWS_WITH(sgd.set_lr(INFINITY), Contains("SGD: lr is inf"));
}

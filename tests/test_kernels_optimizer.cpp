#include <heed/tensor/kernels/optimizer.h>
#include "kernels.h"

using namespace heed;
using kernels::AdamSlot;
using kernels::AdamStep;
using kernels::SgdSlot;
using kernels::SgdStep;

namespace {

// Some roundings a step; in f32 the moments' cancel for a few elements.
template <class T>
constexpr double tolerance() {
  return std::is_same_v<T, float> ? 1e-6 : 1e-14;
}

/// PyTorch's loop for one element, in f64.
struct AdamTwin {
  double p, m = 0, v = 0;
  explicit AdamTwin(double parameter) : p(parameter) {}
  void step(double g, const AdamStep& s) {
    g *= s.grad_scale;
    if (s.decoupled_decay) p *= 1 - s.lr * s.weight_decay;
    else g += s.weight_decay * p;
    m = m * s.beta1 + (1 - s.beta1) * g;
    v = v * s.beta2 + (1 - s.beta2) * g * g;
    const double correction1 = 1 - std::pow(s.beta1, double(s.step)),
                 correction2 = 1 - std::pow(s.beta2, double(s.step));
    p -= s.lr / correction1 * m / (std::sqrt(v) / std::sqrt(correction2) + s.eps);
  }
};

struct SgdTwin {
  double p, b = 0;
  explicit SgdTwin(double parameter) : p(parameter) {}
  void step(double g, const SgdStep& s) {
    g = g * s.grad_scale + s.weight_decay * p;
    if (s.momentum != 0) {
      b = s.first ? g : s.momentum * b + (1 - s.dampening) * g;
      g = s.nesterov ? g + s.momentum * b : b;
    }
    p -= s.lr * g;
  }
};

const std::vector<int64_t> kParameterSizes = {0, 1, 17, 4095, 4096, 4097, 20'000};

}  // namespace

TEMPLATE_TEST_CASE("adam kernel: several steps on several parameters equal the formula", "[kernels][optimizer]", float,
                   double) {
  using T = TestType;
  on_every_simd_target([&] {
    for (const bool decoupled : {false, true}) {
      std::vector<std::vector<T>> p, m, v, g;
      std::vector<std::vector<AdamTwin>> twins;
      for (const int64_t n : kParameterSizes) {
        p.push_back(normal<T>(n, 1)), m.emplace_back(n), v.emplace_back(n), g.emplace_back(n);
        twins.emplace_back(p.back().begin(), p.back().end());
      }
      for (int step = 1; step <= 5; ++step) {
        std::vector<AdamSlot<T>> slots;
        const AdamStep options{.lr = 0.01,
                               .beta1 = 0.9,
                               .beta2 = 0.95,
                               .eps = 1e-8,
                               .weight_decay = 0.1,
                               .step = step,
                               .grad_scale = 0.5,
                               .decoupled_decay = decoupled};
        for (size_t k = 0; k < p.size(); ++k) {
          g[k] = normal<T>(kParameterSizes[k], 100 + step);
          for (size_t i = 0; i < g[k].size(); ++i) twins[k][i].step(double(g[k][i]), options);
          slots.push_back({p[k].data(), g[k].data(), m[k].data(), v[k].data(), kParameterSizes[k]});
        }
        kernels::adam<T>(slots, options);
      }
      for (size_t k = 0; k < p.size(); ++k) {
        CAPTURE(decoupled, kParameterSizes[k]);
        std::vector<double> expected;
        for (const AdamTwin& twin : twins[k]) expected.push_back(twin.p);
        CHECK(worst_error(p[k], expected, 1) <= tolerance<T>());
      }
    }
  });
}

TEST_CASE("adam kernel: a zero gradient moves nothing and makes no NaN", "[kernels][optimizer]") {
  std::vector<float> p(40, 3), g(40, 0), m(40, 0), v(40, 0);
  const std::vector<AdamSlot<float>> slots = {{p.data(), g.data(), m.data(), v.data(), 40}};
  kernels::adam<float>(slots, {});
  CHECK(p == std::vector<float>(40, 3));
}

TEMPLATE_TEST_CASE("sgd kernel: equals the formula for every option", "[kernels][optimizer]", float, double) {
  using T = TestType;
  for (const double momentum : {0.0, 0.9})
    for (const double dampening : {0.0, 0.3})
      for (const bool nesterov : {false, true})
        for (const int64_t n : kParameterSizes) {
          CAPTURE(momentum, dampening, nesterov, n);
          std::vector<T> p = normal<T>(n, 2), b(n);
          std::vector<SgdTwin> twins(p.begin(), p.end());
          for (int step = 0; step < 4; ++step) {
            const SgdStep options{.lr = 0.1,
                                  .momentum = momentum,
                                  .dampening = dampening,
                                  .weight_decay = 0.01,
                                  .nesterov = nesterov,
                                  .first = step == 0,
                                  .grad_scale = 2};
            const auto g = normal<T>(n, 200 + step);
            for (int64_t i = 0; i < n; ++i) twins[i].step(double(g[i]), options);
            const std::vector<SgdSlot<T>> slots = {{p.data(), g.data(), momentum != 0 ? b.data() : nullptr, n}};
            kernels::sgd<T>(slots, options);
          }
          std::vector<double> expected;
          for (const SgdTwin& twin : twins) expected.push_back(twin.p);
          CHECK(worst_error(p, expected, 1) <= tolerance<T>());
        }
}

TEMPLATE_TEST_CASE("adam (AMSGrad), rmsprop and adagrad kernels: f32 and f64, split into parts, equal the formula",
                   "[kernels][optimizer]", float, double) {
  using T = TestType;
  for (const int64_t n : kParameterSizes) {
    const std::vector<T> first = normal<T>(n, 1);
    std::vector<T> p[3] = {first, first, first}, m(n), v(n), v_max(n), square(n), mean(n), momentum(n), sum(n);
    std::vector<double> twin[3];
    for (auto& t : twin) t.assign(first.begin(), first.end());
    std::vector<double> tm(n), tv(n), tv_max(n), ts(n), tmean(n), tb(n), tsum(n);
    for (int step = 1; step <= 5; ++step) {
      const std::vector<T> g = normal<T>(n, 100 + step);
      const std::vector<AdamSlot<T>> adam{{p[0].data(), g.data(), m.data(), v.data(), n, v_max.data()}};
      kernels::adam<T>(adam, {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.5, .step = step});
      const std::vector<kernels::RmsPropSlot<T>> rms{
          {p[1].data(), g.data(), square.data(), mean.data(), momentum.data(), n}};
      kernels::rmsprop<T>(rms, {.lr = 0.01, .alpha = 0.9, .eps = 0.1, .weight_decay = 0.1, .momentum = 0.5});
      const std::vector<kernels::AdagradSlot<T>> ada{{p[2].data(), g.data(), sum.data(), n}};
      kernels::adagrad<T>(ada, {.lr = 0.1, .weight_decay = 0.1, .grad_scale = 0.5});
      for (size_t i = 0; i < size_t(n); ++i) {
        const double d = double(g[i]);
        tm[i] = 0.9 * tm[i] + 0.1 * d;
        tv[i] = 0.5 * tv[i] + 0.5 * d * d;
        tv_max[i] = std::max(tv_max[i], tv[i]);
        twin[0][i] -=
            0.01 / (1 - std::pow(0.9, step)) * tm[i] / (std::sqrt(tv_max[i] / (1 - std::pow(0.5, step))) + 1e-8);
        const double e = d + 0.1 * twin[1][i];
        ts[i] = 0.9 * ts[i] + 0.1 * e * e;
        tmean[i] = 0.9 * tmean[i] + 0.1 * e;
        tb[i] = 0.5 * tb[i] + e / (std::sqrt(ts[i] - tmean[i] * tmean[i]) + 0.1);
        twin[1][i] -= 0.01 * tb[i];
        const double a = 0.5 * d + 0.1 * twin[2][i];
        tsum[i] += a * a;
        twin[2][i] -= 0.1 * a / (std::sqrt(tsum[i]) + 1e-10);
      }
    }
    CAPTURE(n);
    double worst = 0;
    for (int k = 0; k < 3; ++k)
      for (size_t i = 0; i < size_t(n); ++i) worst = std::max(worst, std::abs(double(p[k][i]) - twin[k][i]));
    CHECK(worst < 10 * tolerance<T>());
  }
}

#include <heed/tensor/kernels/optimizer.h>

#include <heed/nn/init.h>
#include <heed/train/optimizer.h>
#include "kernels.h"

using namespace heed;
using kernels::AdamStep;
using kernels::ParameterPart;

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
  void step(double g, const train::SGDOptions& s, bool first) {
    g = g * 2 + s.weight_decay * p;
    if (s.momentum != 0) {
      b = first ? g : s.momentum * b + (1 - s.dampening) * g;
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
        std::vector<ParameterPart<T>> slots;
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
          slots.push_back({p[k].data(), g[k].data(), {m[k].data(), v[k].data()}, kParameterSizes[k]});
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
  const std::vector<ParameterPart<float>> slots = {{p.data(), g.data(), {m.data(), v.data()}, 40}};
  kernels::adam<float>(slots, {});
  CHECK(p == std::vector<float>(40, 3));
}

/// Parameters of all sizes at normal numbers, and what an optimiser makes of them in steps with such gradients too.
template <class T>
struct Trained {
  nn::Parameters params{0, dtype_of<T>()};
  std::vector<std::vector<T>> first;

  Trained() {
    for (const int64_t n : kParameterSizes) {
      first.push_back(normal<T>(n, 2));
      nn::Scope(params).param(std::to_string(n), {n}, nn::init::zeros()).assign(from_vector(first.back(), {n}));
    }
  }
  static std::vector<T> gradient(int64_t n, int step) { return normal<T>(n, 200 + step); }
  void steps(train::Optimizer& optimizer, int count, double grad_scale) {
    for (int step = 0; step < count; ++step) {
      for (const auto& [name, p] : params) p.set_grad(from_vector(gradient(p.numel(), step), p.shape()));
      optimizer.step(grad_scale);
    }
  }
  /// The largest difference from what twin(first, gradients of each step) says of every element.
  template <class Twin>
  double worst(int count, Twin twin) const {
    double largest = 0;
    for (const std::vector<T>& values : first) {
      const auto n = static_cast<int64_t>(values.size());
      const std::vector<T> p = params.at(std::to_string(n)).template to_vector<T>();
      std::vector<std::vector<T>> g;
      for (int step = 0; step < count; ++step) g.push_back(gradient(n, step));
      for (size_t i = 0; i < p.size(); ++i) {
        std::vector<double> mine;
        for (const auto& of_step : g) mine.push_back(double(of_step[i]));
        largest = std::max(largest, std::abs(double(p[i]) - twin(double(values[i]), mine)));
      }
    }
    return largest;
  }
};

TEMPLATE_TEST_CASE("sgd: f32 and f64, split into parts, equals the formula for every option", "[kernels][optimizer]",
                   float, double) {
  for (const double momentum : {0.0, 0.9})
    for (const double dampening : {0.0, 0.3})
      for (const bool nesterov : {false, true}) {
        if (nesterov && (momentum == 0 || dampening != 0)) continue;
        CAPTURE(momentum, dampening, nesterov);
        const train::SGDOptions options{
            .lr = 0.1, .momentum = momentum, .dampening = dampening, .weight_decay = 0.01, .nesterov = nesterov};
        Trained<TestType> t;
        train::SGD sgd(t.params, options);
        t.steps(sgd, 4, 2);
        CHECK(t.worst(4, [&](double p, const std::vector<double>& g) {
          SgdTwin twin(p);
          for (size_t i = 0; i < g.size(); ++i) twin.step(g[i], options, i == 0);
          return twin.p;
        }) < 10 * tolerance<TestType>());
      }
}

TEMPLATE_TEST_CASE("rmsprop and adagrad: f32 and f64, split into parts, equal the formula", "[kernels][optimizer]",
                   float, double) {
  Trained<TestType> one, two;
  train::RMSprop rms(one.params,
                     {.lr = 0.01, .alpha = 0.9, .eps = 0.1, .weight_decay = 0.1, .momentum = 0.5, .centered = true});
  train::Adagrad ada(two.params, {.lr = 0.1, .weight_decay = 0.1});
  one.steps(rms, 5, 1);
  two.steps(ada, 5, 0.5);
  CHECK(one.worst(5, [](double p, const std::vector<double>& grads) {
    double square = 0, mean = 0, buffer = 0;
    for (const double raw : grads) {
      const double g = raw + 0.1 * p;
      square = 0.9 * square + 0.1 * g * g;
      mean = 0.9 * mean + 0.1 * g;
      buffer = 0.5 * buffer + g / (std::sqrt(square - mean * mean) + 0.1);
      p -= 0.01 * buffer;
    }
    return p;
  }) < 10 * tolerance<TestType>());
  CHECK(two.worst(5, [](double p, const std::vector<double>& grads) {
    double sum = 0;
    for (const double raw : grads) {
      const double g = 0.5 * raw + 0.1 * p;
      sum += g * g;
      p -= 0.1 * g / (std::sqrt(sum) + 1e-10);
    }
    return p;
  }) < 10 * tolerance<TestType>());
}

TEMPLATE_TEST_CASE("adam kernel: AMSGrad, split into parts, equals the formula", "[kernels][optimizer]", float,
                   double) {
  using T = TestType;
  for (const int64_t n : kParameterSizes) {
    std::vector<T> p = normal<T>(n, 1), m(n), v(n), v_max(n);
    std::vector<double> twin(p.begin(), p.end()), tm(n), tv(n), tv_max(n);
    for (int step = 1; step <= 5; ++step) {
      const std::vector<T> g = normal<T>(n, 100 + step);
      kernels::adam<T>({{p.data(), g.data(), {m.data(), v.data(), v_max.data()}, n}},
                       {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.5, .step = step});
      for (size_t i = 0; i < size_t(n); ++i) {
        const double d = double(g[i]);
        tm[i] = 0.9 * tm[i] + 0.1 * d;
        tv[i] = 0.5 * tv[i] + 0.5 * d * d;
        tv_max[i] = std::max(tv_max[i], tv[i]);
        twin[i] -= 0.01 / (1 - std::pow(0.9, step)) * tm[i] / (std::sqrt(tv_max[i] / (1 - std::pow(0.5, step))) + 1e-8);
      }
    }
    CAPTURE(n);
    CHECK(worst_error(p, twin, 1) <= 10 * tolerance<T>());
  }
}

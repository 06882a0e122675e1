#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <heed/tensor/kernels/additive_attention.h>
#include <heed/tensor/parallel.h>
#include "kernels.h"

using namespace heed;
using namespace heed::kernels;

namespace {

// A (B, rows, width) array with `gap` strangers after each row; they must stay 77. Time-major: rows outside,
// batch inside.
template <class Real>
struct Array {
  int64_t B, rows, width;
  std::vector<Real> data;
  Strided<Real, 2> view;

  Array(int64_t b, int64_t n, int64_t w, int64_t gap = 0, bool time_major = false)
      : B(b), rows(n), width(w), data(b * n * (w + gap), Real(77)) {
    view = {data.data(), {n * (w + gap), w + gap}};
    if (time_major) view.strides[0] = w + gap, view.strides[1] = b * (w + gap);
  }
  Real& operator()(int64_t b, int64_t i, int64_t d) const { return view.at(b, i)[d]; }
  Strided<const Real, 2> read() const { return {view.data, {view.strides[0], view.strides[1]}}; }
  template <class F>
  void each(F f) const {
    for (int64_t b = 0; b < B; ++b)
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t d = 0; d < width; ++d) f((*this)(b, i, d), b, i, d);
  }
};

template <class Real>
struct Problem {
  AdditiveShape shape;
  Array<Real> query, keys, values, context, dcontext, dquery, dkeys, dvalues;
  std::vector<Real> score, weights, dscore;
  std::unique_ptr<bool[]> allowed;
  Strided<const bool, 2> mask;
  std::mt19937 random{11};

  explicit Problem(const AdditiveShape& s, int64_t gap = 0, bool time_major = false)
      : shape(s),
        query(s.B, s.T, s.A, gap),
        keys(s.B, s.S, s.A, gap, time_major),
        values(s.B, s.S, s.D, gap, time_major),
        context(s.B, s.T, s.D, gap),
        dcontext(s.B, s.T, s.D, gap),
        dquery(s.B, s.T, s.A, gap),
        dkeys(s.B, s.S, s.A, gap, time_major),
        dvalues(s.B, s.S, s.D, gap, time_major),
        score(s.A),
        weights(s.B * s.T * s.S),
        dscore(s.A) {
    for (auto* x : {&query, &keys, &values, &dcontext}) x->each([&](Real& e, auto...) { e = normal(); });
    for (auto* x : {&dkeys, &dvalues}) x->each([&](Real& e, auto...) { e = 0; });
    for (Real& e : score) e = normal();
  }
  Problem(const Problem&) = delete;

  float normal() { return std::normal_distribution<float>()(random); }
  /// Position s of row b, for query t, may be attended to if f(b, t, s).
  template <class F>
  void allow(F f) {
    allowed.reset(new bool[shape.B * shape.T * shape.S + 1]);
    mask = {allowed.get(), {shape.T * shape.S, shape.S}};
    for (int64_t b = 0; b < shape.B; ++b)
      for (int64_t t = 0; t < shape.T; ++t)
        for (int64_t s = 0; s < shape.S; ++s) allowed[(b * shape.T + t) * shape.S + s] = f(b, t, s);
  }
  void limit(std::vector<int64_t> lengths) {
    allow([&](int64_t b, int64_t, int64_t s) { return s < lengths[b]; });
  }
  bool sees(int64_t b, int64_t t, int64_t s) const { return !mask.data || mask.at(b, t)[s]; }
  void forward() {
    additive_attention<Real>(
        {shape, query.read(), keys.read(), score.data(), values.read(), mask, weights.data(), context.view});
  }
  void backward() {
    additive_attention_backward<Real>({shape,
                                       query.read(),
                                       keys.read(),
                                       score.data(),
                                       values.read(),
                                       weights.data(),
                                       dcontext.read(),
                                       {dquery.view, dkeys.view, dscore.data(), dvalues.view}});
  }
  double loss() {
    forward();
    double sum = 0;
    context.each([&](Real y, auto... at) { sum += double(y) * double(dcontext(at...)); });
    return sum;
  }
};

// The naive twin, in f64: every tanh kept, formulas straight from the paper.
template <class Real>
struct Twin {
  Array<double> context, dquery, dkeys, dvalues;
  std::vector<double> weights, dscore;

  explicit Twin(const Problem<Real>& p)
      : context(p.shape.B, p.shape.T, p.shape.D),
        dquery(p.shape.B, p.shape.T, p.shape.A),
        dkeys(p.shape.B, p.shape.S, p.shape.A),
        dvalues(p.shape.B, p.shape.S, p.shape.D),
        weights(p.weights.size()),
        dscore(p.shape.A) {
    for (auto* x : {&context, &dquery, &dkeys, &dvalues}) x->each([](double& e, auto...) { e = 0; });
    for (int64_t b = 0; b < p.shape.B; ++b)
      for (int64_t t = 0; t < p.shape.T; ++t) attend(p, b, t);
  }

  void attend(const Problem<Real>& p, int64_t b, int64_t t) {
    const auto& s = p.shape;
    double* w = &weights[(b * s.T + t) * s.S];
    std::vector<std::vector<double>> hidden(s.S, std::vector<double>(s.A));
    double top = -std::numeric_limits<double>::infinity(), total = 0, mean = 0;
    for (int64_t j = 0; j < s.S; ++j) {
      for (int64_t a = 0; a < s.A; ++a) {
        hidden[j][a] = std::tanh(double(p.query(b, t, a)) + double(p.keys(b, j, a)));
        w[j] += double(p.score[a]) * hidden[j][a];
      }
      if (p.sees(b, t, j)) top = std::max(top, w[j]);
    }
    for (int64_t j = 0; j < s.S; ++j) total += w[j] = p.sees(b, t, j) ? std::exp(w[j] - top) : 0;
    std::vector<double> dw(s.S);
    for (int64_t j = 0; j < s.S; ++j) {
      w[j] = total > 0 ? w[j] / total : 0;
      for (int64_t d = 0; d < s.D; ++d) {
        context(b, t, d) += w[j] * double(p.values(b, j, d));
        dvalues(b, j, d) += w[j] * double(p.dcontext(b, t, d));
        dw[j] += double(p.dcontext(b, t, d)) * double(p.values(b, j, d));
      }
      mean += w[j] * dw[j];
    }
    for (int64_t j = 0; j < s.S; ++j)
      for (int64_t a = 0; a < s.A; ++a) {
        const double ds = w[j] * (dw[j] - mean), dx = ds * double(p.score[a]) * (1 - hidden[j][a] * hidden[j][a]);
        dscore[a] += ds * hidden[j][a];
        dquery(b, t, a) += dx;
        dkeys(b, j, a) += dx;
      }
  }
};

// Sums of a few hundred products of numbers near 1; f32 carries 24 bits through them.
template <class Real>
constexpr double kTolerance = std::is_same_v<Real, double> ? 1e-12 : 2e-5;

template <class Real>
void check_against_twin(Problem<Real>& p) {
  const auto& s = p.shape;
  CAPTURE(s.B, s.T, s.S, s.A, s.D, sizeof(Real));
  const Twin<Real> twin(p);
  p.forward();
  CHECK(distance(p.context, twin.context) < kTolerance<Real>);
  CHECK(distance(p.weights, twin.weights) < kTolerance<Real>);
  p.backward();
  CHECK(distance(p.dquery, twin.dquery) < kTolerance<Real>);
  CHECK(distance(p.dkeys, twin.dkeys) < kTolerance<Real>);
  CHECK(distance(p.dvalues, twin.dvalues) < kTolerance<Real>);
  CHECK(distance(p.dscore, twin.dscore) < kTolerance<Real> * 10);  // summed over the batch
}

const std::vector<AdditiveShape> kShapes{{1, 1, 1, 1, 1},   {2, 1, 5, 8, 6},     {3, 2, 20, 32, 64},
                                         {2, 3, 33, 17, 5}, {4, 1, 20, 64, 130}, {1, 2, 7, 3, 259}};

TEMPLATE_TEST_CASE("additive attention: equals its naive twin, forward and backward", "[kernels][attention]", float,
                   double) {
  for (const auto& shape : kShapes)
    for (const int64_t gap : {0, 3})
      for (const bool time_major : {false, true}) {
        Problem<TestType> p(shape, gap, time_major);
        check_against_twin(p);
      }
}

TEMPLATE_TEST_CASE("additive attention: lengths and masks hide positions", "[kernels][attention]", float, double) {
  for (const auto& shape : kShapes)
    for (const bool per_query : {false, true}) {
      Problem<TestType> p(shape);
      std::vector<bool> hidden(shape.B * (per_query ? shape.T : 1) * shape.S);
      for (size_t i = 0; i < hidden.size(); ++i) hidden[i] = p.normal() < -0.4f;
      p.allow([&](int64_t b, int64_t t, int64_t s) {
        const int64_t length = b % 3 == 0 ? shape.S : b % 3 == 1 ? 1 : (shape.S + 1) / 2;
        return s < length && !hidden[(per_query ? b * shape.T + t : b) * shape.S + s];
      });
      if (!per_query) p.mask.strides[1] = 0;
      check_against_twin(p);
    }
}

TEMPLATE_TEST_CASE("additive attention: a query that sees nothing gets zeros and passes no gradient",
                   "[kernels][attention]", float, double) {
  Problem<TestType> p({3, 2, 9, 8, 5});
  p.limit({9, 0, 4});
  check_against_twin(p);
  for (int64_t t = 0; t < 2; ++t) {
    for (int64_t d = 0; d < 5; ++d) CHECK(p.context(1, t, d) == 0);
    for (int64_t a = 0; a < 8; ++a) CHECK(p.dquery(1, t, a) == 0);
  }
  for (int64_t s = 0; s < 9; ++s) CHECK(p.weights[2 * 9 + s] == 0);
}

TEST_CASE("additive attention: what lies beyond a length changes nothing, not even as NaN", "[kernels][attention]") {
  Problem<float> clean({2, 1, 12, 16, 16}), dirty({2, 1, 12, 16, 16});
  for (auto* p : {&clean, &dirty}) p->limit({12, 5});
  for (int64_t s = 5; s < 12; ++s)
    for (int64_t i = 0; i < 16; ++i) dirty.keys(1, s, i) = dirty.values(1, s, i) = std::nanf("");
  for (auto* p : {&clean, &dirty}) p->forward(), p->backward();
  CHECK(clean.context.data == dirty.context.data);
  CHECK(clean.dquery.data == dirty.dquery.data);
  CHECK(clean.dkeys.data == dirty.dkeys.data);
  CHECK(clean.dvalues.data == dirty.dvalues.data);
  CHECK(clean.dscore == dirty.dscore);
}

TEST_CASE("additive attention: gradients equal central differences", "[kernels][attention]") {
  Problem<double> p({2, 2, 5, 4, 3});
  p.limit({5, 3});
  p.forward();
  p.backward();
  const auto difference = [&](double& x) { return central_difference(x, [&] { return p.loss(); }); };
  const auto check = [&](const Array<double>& x, const Array<double>& dx) {
    x.each([&](double& e, auto... at) { CHECK(std::abs(difference(e) - dx(at...)) < kDifferenceTolerance); });
  };
  check(p.query, p.dquery);
  check(p.keys, p.dkeys);
  check(p.values, p.dvalues);
  for (size_t a = 0; a < p.score.size(); ++a)
    CHECK(std::abs(difference(p.score[a]) - p.dscore[a]) < kDifferenceTolerance);
}

TEST_CASE("additive attention: gradients of keys, values and score add up over steps", "[kernels][attention]") {
  Problem<double> once({2, 1, 6, 8, 8}), twice({2, 1, 6, 8, 8});
  once.forward(), once.backward();
  twice.forward(), twice.backward(), twice.backward();
  once.dkeys.each([&](double x, auto... at) { CHECK(twice.dkeys(at...) == Approx(2 * x).margin(1e-14)); });
  once.dvalues.each([&](double x, auto... at) { CHECK(twice.dvalues(at...) == Approx(2 * x).margin(1e-14)); });
  for (size_t a = 0; a < 8; ++a) CHECK(twice.dscore[a] == Approx(2 * once.dscore[a]).margin(1e-14));
  CHECK(twice.dquery.data == once.dquery.data);
}

TEST_CASE("additive attention: gradients that are not wanted can be left out", "[kernels][attention]") {
  Problem<double> all({2, 2, 6, 8, 8}), none({2, 2, 6, 8, 8});
  all.forward(), all.backward();
  none.forward();
  additive_attention_backward<double>({none.shape,
                                       none.query.read(),
                                       none.keys.read(),
                                       none.score.data(),
                                       none.values.read(),
                                       none.weights.data(),
                                       none.dcontext.read(),
                                       {.dquery = none.dquery.view}});
  CHECK(none.dquery.data == all.dquery.data);
}

TEMPLATE_TEST_CASE("additive attention: scores of 1e4 do not overflow", "[kernels][attention]", float, double) {
  Problem<TestType> p({2, 1, 9, 16, 4});
  // tanh of 0, 20, 40 ... is 0 or 1 to the last bit, and whole numbers add up exactly
  for (TestType& x : p.score) x = std::round(x * 10000);
  p.query.each([](TestType& x, auto...) { x = std::round(x) * 20; });
  p.keys.each([](TestType& x, auto...) { x = std::round(x) * 20; });
  const Twin<TestType> twin(p);
  p.forward();
  CHECK(distance(p.context, twin.context) < kTolerance<TestType>);
  CHECK(distance(p.weights, twin.weights) < kTolerance<TestType>);
}

TEST_CASE("additive attention: NaN in a visible key comes out as NaN", "[kernels][attention]") {
  Problem<float> p({2, 1, 9, 16, 4});
  p.keys(1, 3, 2) = std::nanf("");
  p.forward();
  p.context.each([](float y, int64_t b, auto...) { CHECK(std::isnan(y) == (b == 1)); });
}

TEMPLATE_TEST_CASE("additive attention: threads do not change a bit, and strangers between rows stay",
                   "[kernels][attention]", float, double) {
  const int threads = num_threads();
  Problem<TestType> one({19, 2, 40, 33, 65}, 2), three({19, 2, 40, 33, 65}, 2);
  set_num_threads(1);
  one.forward(), one.backward();
  set_num_threads(3);
  three.forward(), three.backward();
  set_num_threads(threads);
  CHECK(one.context.data == three.context.data);
  CHECK(one.dquery.data == three.dquery.data);
  CHECK(one.dkeys.data == three.dkeys.data);
  CHECK(one.dvalues.data == three.dvalues.data);
  CHECK(one.dscore == three.dscore);
  for (const auto* x : {&one.context, &one.dquery, &one.dkeys, &one.dvalues})
    for (int64_t i = 0; i < x->B * x->rows; ++i)
      for (int64_t j = 0; j < 2; ++j) CHECK(x->data[i * (x->width + 2) + x->width + j] == 77);
}

TEST_CASE("additive attention: sizes of 0 are no work", "[kernels][attention]") {
  for (const AdditiveShape& s : std::vector<AdditiveShape>{{0, 1, 3, 4, 4}, {2, 0, 3, 4, 4}, {2, 1, 0, 4, 4}}) {
    Problem<double> p(s);
    p.forward();
    p.backward();
    p.context.each([](double y, auto...) { CHECK(y == 0); });
    p.dquery.each([](double y, auto...) { CHECK(y == 0); });
  }
}

TEMPLATE_TEST_CASE("additive attention: every instruction set of the machine gives the twin's numbers",
                   "[kernels][attention]", float, double) {
  const std::string best = simd_target();
  for (const std::string& target : simd_targets()) {
    CAPTURE(target);
    use_simd_target(target);
    for (const auto& shape : kShapes) {
      Problem<TestType> p(shape);
      check_against_twin(p);
    }
  }
  use_simd_target(best);
}

}  // namespace

#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <heed/tensor/kernels/attention.h>
#include <heed/tensor/parallel.h>
#include "kernels.h"

using namespace heed;
using namespace heed::kernels;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A (B, H, rows, width) array in one of the layouts that callers have.
enum class Layout {
  contiguous,  // (B, H, rows, width)
  merged,      // (B, rows, H, width): what the output projection reads
  packed       // the second of three (H, width) parts of a (B, rows, 3, H, width) array
};

template <class Real>
struct Array {
  int64_t B, H, rows, width;
  std::vector<Real> data;
  Strided<Real, 3> view;

  Array(int64_t b, int64_t h, int64_t n, int64_t w, Layout layout) : B(b), H(h), rows(n), width(w) {
    const int64_t parts = layout == Layout::packed ? 3 : 1, row = parts * H * width;
    data.assign(B * rows * row, Real(77));  // what lies around the view must stay 77
    view = {data.data(), {rows * row, width, row}};
    if (layout == Layout::contiguous) view.strides[1] = rows * width, view.strides[2] = width;
    if (layout == Layout::packed) view.data += H * width;
  }
  Real& operator()(int64_t b, int64_t h, int64_t i, int64_t d) const { return view.at(b, h, i)[d]; }
  Strided<const Real, 3> read() const { return {view.data, {view.strides[0], view.strides[1], view.strides[2]}}; }

  template <class F>
  void each(F f) const {
    for (int64_t b = 0; b < B; ++b)
      for (int64_t h = 0; h < H; ++h)
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t d = 0; d < width; ++d) f((*this)(b, h, i, d), b, h, i, d);
  }
  int64_t untouched() const {
    int64_t count = 0;
    for (const Real x : data) count += x == Real(77);
    return count;
  }
};

// One call of attention with all its arguments. The values are floats, so that f32 and f64 see the same.
template <class Real>
struct Problem {
  AttentionShape shape;
  Layout layout;
  Array<Real> q, k, v, out, dout, dq, dk, dv;
  std::vector<Real> norms, bias, dbias;
  std::unique_ptr<bool[]> allowed, keep;
  ScoreOptions<Real> options;
  Strided<Real, 4> dbias_view;
  std::mt19937 random{7};

  explicit Problem(const AttentionShape& s, Layout l = Layout::contiguous)
      : shape(s),
        layout(l),
        q(s.B, s.H, s.T, s.D, l),
        k(s.B, s.H / s.group, s.S, s.D, l),
        v(s.B, s.H / s.group, s.S, s.Dv, l),
        out(s.B, s.H, s.T, s.Dv, l == Layout::contiguous ? l : Layout::merged),
        dout(out),
        dq(q),
        dk(k),
        dv(v),
        norms(2 * s.B * s.H * s.T) {
    // copies share nothing: let each view point at its own data
    dout.view.data = dout.data.data();
    dq.view.data = dq.data.data() + (q.view.data - q.data.data());
    dk.view.data = dk.data.data() + (k.view.data - k.data.data());
    dv.view.data = dv.data.data() + (v.view.data - v.data.data());
    for (auto* x : {&q, &k, &v, &dout}) x->each([&](Real& e, auto...) { e = normal(); });
    options.scale = Real(0.375);
  }
  Problem(const Problem&) = delete;

  float normal() { return std::normal_distribution<float>()(random); }
  float uniform() { return std::uniform_real_distribution<float>()(random); }

  // A random mask over the given sizes (1 or the full size); hidden is the share of false.
  void mask(int64_t b, int64_t h, int64_t t, int64_t s, double hidden) {
    allowed.reset(new bool[b * h * t * s + 1]);
    for (int64_t i = 0; i < b * h * t * s; ++i) allowed[i] = uniform() >= hidden;
    options.allowed = {allowed.get(), {b > 1 ? h * t * s : 0, h > 1 ? t * s : 0, t > 1 ? s : 0, s > 1 ? 1 : 0}};
  }
  void add_bias(int64_t b, int64_t h, int64_t t, int64_t s) {
    bias.resize(b * h * t * s);
    dbias.assign(bias.size(), 0);
    for (Real& x : bias) x = uniform() < 0.1 ? -std::numeric_limits<Real>::infinity() : normal();
    dbias_view = {dbias.data(), {b > 1 ? h * t * s : 0, h > 1 ? t * s : 0, t > 1 ? s : 0, s > 1 ? 1 : 0}};
    options.bias = {bias.data(), {}};
    std::copy_n(dbias_view.strides, 4, options.bias.strides);
  }
  void dropout(double p) {
    const int64_t n = shape.B * shape.H * shape.T * shape.S;
    keep.reset(new bool[n + 1]);
    for (int64_t i = 0; i < n; ++i) keep[i] = uniform() >= p;
    options.keep = keep.get();
    options.keep_scale = Real(1 / (1 - p));
  }
  void forward() { attention(shape, q.read(), k.read(), v.read(), options, out.view, norms.data()); }
  void backward() {
    attention_backward(shape, {q.read(), k.read(), v.read(), out.read(), dout.read(), norms.data()}, options, dq.view,
                       dk.view, dv.view, dbias_view);
  }
  std::vector<Real> lse() const {
    std::vector<Real> all;
    for (size_t i = 0; i < norms.size(); i += 2)
      all.push_back(norms[i + 1] == 0 ? -std::numeric_limits<Real>::infinity() : norms[i] - std::log(norms[i + 1]));
    return all;
  }
  double loss() {
    forward();
    double sum = 0;
    out.each([&](Real y, auto... at) { sum += double(y) * double(dout(at...)); });
    return sum;
  }
};

template <class Real, class F>
void each_weight(const Problem<Real>& p, F f) {
  for (int64_t b = 0; b < p.shape.B; ++b)
    for (int64_t h = 0; h < p.shape.H; ++h)
      for (int64_t i = 0; i < p.shape.T; ++i)
        for (int64_t j = 0; j < p.shape.S; ++j) f(b, h, i, j, ((b * p.shape.H + h) * p.shape.T + i) * p.shape.S + j);
}

// The naive twin: every (B, H, T, S) array in full, in f64, by the formulas of the textbook.
template <class Real>
struct Twin {
  std::vector<double> weights, dropped, dscores, lse, slopes;
  std::vector<double> dbias;
  Array<double> out, dq, dk, dv;

  explicit Twin(const Problem<Real>& p)
      : out(p.shape.B, p.shape.H, p.shape.T, p.shape.Dv, Layout::contiguous),
        dq(p.shape.B, p.shape.H, p.shape.T, p.shape.D, Layout::contiguous),
        dk(p.shape.B, p.k.H, p.shape.S, p.shape.D, Layout::contiguous),
        dv(p.shape.B, p.v.H, p.shape.S, p.shape.Dv, Layout::contiguous) {
    const auto& s = p.shape;
    for (auto* x : {&out, &dq, &dk, &dv}) std::fill(x->data.begin(), x->data.end(), 0.0);
    weights.resize(s.B * s.H * s.T * s.S);
    dropped = dscores = weights;
    each_weight(p, [&](int64_t b, int64_t h, int64_t i, int64_t j, int64_t at) {
      slopes.push_back(1);
      weights[at] = score(p, b, h, i, j, slopes.back());
    });
    for (int64_t row = 0; row < s.B * s.H * s.T; ++row) lse.push_back(softmax(&weights[row * s.S], s.S));
    each_weight(p, [&](int64_t b, int64_t h, int64_t i, int64_t j, int64_t at) {
      const double factor = p.keep ? (p.keep[at] ? double(p.options.keep_scale) : 0) : 1;
      dropped[at] = weights[at] * factor;
      for (int64_t d = 0; d < s.Dv; ++d) {
        out(b, h, i, d) += dropped[at] * double(p.v(b, h / s.group, j, d));
        dv(b, h / s.group, j, d) += dropped[at] * double(p.dout(b, h, i, d));
        dscores[at] +=
            factor * double(p.v(b, h / s.group, j, d)) * double(p.dout(b, h, i, d));  // the weights' gradient so far
      }
    });
    for (int64_t row = 0; row < s.B * s.H * s.T; ++row) softmax_gradient(&weights[row * s.S], &dscores[row * s.S], s.S);
    dbias.assign(p.bias.size(), 0);
    each_weight(p, [&](int64_t b, int64_t h, int64_t i, int64_t j, int64_t at) {
      const auto& m = p.options.bias;
      if (m.data) dbias[static_cast<size_t>(m.at(b, h, i, j) - m.data)] += dscores[at];
      for (int64_t d = 0; d < s.D; ++d) {
        dq(b, h, i, d) += double(p.options.scale) * slopes[at] * dscores[at] * double(p.k(b, h / s.group, j, d));
        dk(b, h / s.group, j, d) += double(p.options.scale) * slopes[at] * dscores[at] * double(p.q(b, h, i, d));
      }
    });
  }

  // Its slope too, of the cap.
  static double score(const Problem<Real>& p, int64_t b, int64_t h, int64_t i, int64_t j, double& slope) {
    const auto& o = p.options;
    if (o.causal && (j > i + o.offset || (o.window && j <= i + o.offset - o.window))) return -kInfinity;
    const auto& a = o.allowed;
    if (a.data && !*a.at(b, h, i, j)) return -kInfinity;
    double sum = 0;
    for (int64_t d = 0; d < p.shape.D; ++d) sum += double(p.q(b, h, i, d)) * double(p.k(b, h / p.shape.group, j, d));
    const auto& m = o.bias;
    sum *= double(o.scale);
    if (o.softcap) {
      const double t = std::tanh(sum / double(o.softcap));
      sum = double(o.softcap) * t, slope = 1 - t * t;
    }
    return sum + (m.data ? double(*m.at(b, h, i, j)) : 0);
  }
  static double softmax(double* x, int64_t n) {
    double top = -kInfinity, sum = 0;
    for (int64_t j = 0; j < n; ++j) top = std::max(top, x[j]);
    for (int64_t j = 0; j < n; ++j) sum += x[j] = top == -kInfinity ? 0 : std::exp(x[j] - top);
    for (int64_t j = 0; j < n; ++j) x[j] = sum > 0 ? x[j] / sum : 0;
    return top + std::log(sum);
  }
  static void softmax_gradient(const double* w, double* dw, int64_t n) {
    double delta = 0;
    for (int64_t j = 0; j < n; ++j) delta += w[j] * dw[j];
    for (int64_t j = 0; j < n; ++j) dw[j] = w[j] * (dw[j] - delta);
  }
};

// Sums of up to a few hundred products of numbers near 1; f32 carries 24 bits through them.
template <class Real>
constexpr double kTolerance = std::is_same_v<Real, double> ? 1e-12 : 2e-5;

template <class Real>
void check_against_twin(Problem<Real>& p, double tolerance = kTolerance<Real>) {
  const auto& s = p.shape;
  CAPTURE(s.B, s.H, s.T, s.S, s.D, s.Dv, s.group, int(p.layout), p.options.causal, p.options.offset, sizeof(Real));
  CAPTURE(p.options.window, p.options.softcap);
  const Twin<Real> twin(p);
  p.forward();
  CHECK(distance(p.out, twin.out) < tolerance);
  CHECK(distance(p.lse(), twin.lse) < tolerance);
  p.backward();
  CHECK(distance(p.dq, twin.dq) < tolerance);
  CHECK(distance(p.dk, twin.dk) < tolerance);
  CHECK(distance(p.dv, twin.dv) < tolerance);
  CHECK(distance(p.dbias, twin.dbias) < tolerance);
}

const std::vector<AttentionShape> kShapes{{1, 1, 1, 1, 1, 1},       {2, 3, 5, 7, 4, 6},       {1, 2, 64, 64, 32, 32},
                                          {2, 2, 65, 63, 16, 20},   {1, 1, 33, 1, 8, 8},      {1, 2, 3, 150, 17, 33},
                                          {1, 1, 150, 3, 5, 2},     {1, 1, 131, 257, 64, 48}, {3, 1, 16, 16, 1, 1},
                                          {1, 3, 129, 129, 40, 40}, {1, 1, 600, 2, 4, 3},     {3, 3, 170, 40, 4, 3},
                                          {4, 4, 330, 9, 2, 2}};

TEMPLATE_TEST_CASE("attention: equals its naive twin, forward and backward", "[kernels][attention]", float, double) {
  for (const auto& shape : kShapes)
    for (const Layout layout : {Layout::contiguous, Layout::merged, Layout::packed}) {
      Problem<TestType> plain(shape, layout);
      check_against_twin(plain);
      Problem<TestType> causal(shape, layout);
      causal.options.causal = true;
      check_against_twin(causal);
    }
}

TEMPLATE_TEST_CASE("attention: causal with an offset, either sign, equals its twin", "[kernels][attention]", float,
                   double) {
  for (const auto& shape : kShapes)
    for (const int64_t offset : {-70, -3, 2, 40, 1000}) {
      Problem<TestType> p(shape);
      p.options.causal = true;
      p.options.offset = offset;
      check_against_twin(p);
    }
}

TEMPLATE_TEST_CASE("attention: a window and capped scores equal the twin", "[kernels][attention]", float, double) {
  for (const auto& shape : kShapes)
    for (const int64_t window : {0, 1, 5, 33, 128, 129, 300})
      for (const int64_t offset : {0, 40, 130}) {
        Problem<TestType> p(shape, Layout::merged);
        p.options.causal = true;
        p.options.offset = offset;
        p.options.window = window;
        p.options.softcap = offset == 40 ? 0 : TestType(1.25);
        check_against_twin(p);
      }
}

TEMPLATE_TEST_CASE("attention: heads of queries share heads of keys, with every option", "[kernels][attention]", float,
                   double) {
  for (AttentionShape s : kShapes)
    for (const int64_t kv_heads : {1, 2, 3})
      for (const int64_t group : {2, 4}) {
        s.H = kv_heads * group, s.group = group;
        Problem<TestType> plain(s, Layout::packed);
        check_against_twin(plain);
        Problem<TestType> p(s, Layout::packed);
        p.options.causal = true;
        p.options.window = 70;
        p.options.softcap = 2;
        p.dropout(0.25);
        p.mask(s.B, s.H, 1, s.S, 0.2);
        p.add_bias(s.B, group == 2 ? s.H : 1, s.T, s.S);
        check_against_twin(p, kTolerance<TestType> * 10);
      }
}

TEMPLATE_TEST_CASE("attention: a boolean mask broadcasts over any dimension", "[kernels][attention]", float, double) {
  for (const auto& s : kShapes)
    for (int broadcast = 0; broadcast < 16; ++broadcast) {
      Problem<TestType> p(s, Layout::packed);
      CAPTURE(broadcast);
      p.mask(broadcast & 1 ? 1 : s.B, broadcast & 2 ? 1 : s.H, broadcast & 4 ? 1 : s.T, broadcast & 8 ? 1 : s.S, 0.4);
      p.options.causal = broadcast % 3 == 0;
      check_against_twin(p);
    }
}

TEMPLATE_TEST_CASE("attention: an additive mask broadcasts, and so does its gradient", "[kernels][attention]", float,
                   double) {
  for (const auto& s : kShapes)
    for (int broadcast = 0; broadcast < 16; ++broadcast) {
      Problem<TestType> p(s, Layout::merged);
      CAPTURE(broadcast);
      p.add_bias(broadcast & 1 ? 1 : s.B, broadcast & 2 ? 1 : s.H, broadcast & 4 ? 1 : s.T, broadcast & 8 ? 1 : s.S);
      p.options.causal = broadcast % 3 == 0;
      // a broadcast gradient sums as many terms as the mask is spread over
      check_against_twin(p, kTolerance<TestType> * 10);
    }
}

TEMPLATE_TEST_CASE("attention: dropout, masks and causality together equal the twin", "[kernels][attention]", float,
                   double) {
  for (const auto& s : kShapes) {
    Problem<TestType> p(s, Layout::packed);
    p.dropout(0.25);
    p.options.causal = true;
    p.options.offset = 3;
    p.mask(s.B, 1, 1, s.S, 0.2);
    p.add_bias(1, s.H, s.T, s.S);
    check_against_twin(p, kTolerance<TestType> * 10);
  }
}

TEST_CASE("attention: gradients equal central differences", "[kernels][attention]") {
  Problem<double> p({2, 2, 5, 6, 3, 4}, Layout::packed);
  p.options.causal = true;
  p.options.offset = 1;
  p.mask(2, 1, 1, 6, 0.3);
  p.add_bias(1, 2, 5, 6);
  p.dropout(0.2);
  p.forward();
  p.backward();
  const auto difference = [&](double& x) { return central_difference(x, [&] { return p.loss(); }); };
  const auto check = [&](const Array<double>& x, const Array<double>& dx) {
    x.each([&](double& e, auto... at) { CHECK(std::abs(difference(e) - dx(at...)) < kDifferenceTolerance); });
  };
  check(p.q, p.dq);
  check(p.k, p.dk);
  check(p.v, p.dv);
  for (size_t i = 0; i < p.bias.size(); ++i)
    if (p.bias[i] != -kInfinity) CHECK(std::abs(difference(p.bias[i]) - p.dbias[i]) < kDifferenceTolerance);
}

TEMPLATE_TEST_CASE("attention: a query that sees nothing gives 0, and takes and passes no gradient",
                   "[kernels][attention]", float, double) {
  const AttentionShape s{2, 2, 70, 70, 8, 8};
  Problem<TestType> p(s);
  p.mask(2, 1, 70, 70, 0.1);
  for (int64_t j = 0; j < 70; ++j) p.allowed[3 * 70 + j] = p.allowed[(70 + 69) * 70 + j] = false;
  check_against_twin(p);
  for (int64_t h = 0; h < 2; ++h)
    for (int64_t d = 0; d < 8; ++d) {
      CHECK(p.out(0, h, 3, d) == 0);
      CHECK(p.out(1, h, 69, d) == 0);
      CHECK(p.dq(0, h, 3, d) == 0);
      CHECK(p.dq(1, h, 69, d) == 0);
    }
  CHECK(p.lse()[3] == -std::numeric_limits<TestType>::infinity());
}

TEMPLATE_TEST_CASE("attention: everything hidden gives zeros everywhere", "[kernels][attention]", float, double) {
  Problem<TestType> p({2, 1, 9, 11, 4, 4});
  p.options.causal = true;
  p.options.offset = -20;
  p.forward();
  p.backward();
  for (const auto* x : {&p.out, &p.dq, &p.dk, &p.dv}) x->each([](TestType e, auto...) { CHECK(e == 0); });
}

TEMPLATE_TEST_CASE("attention: logits of 1e4 neither overflow nor lose the distribution", "[kernels][attention]", float,
                   double) {
  Problem<TestType> p({1, 2, 37, 41, 8, 8});
  p.q.each([](TestType& x, auto...) { x *= 4096; });  // powers of two: exact in f32
  p.k.each([](TestType& x, auto...) { x = std::round(x * 4); });
  p.q.each([](TestType& x, auto...) { x = std::round(x); });
  p.options.scale = 1;
  const Twin<TestType> twin(p);
  p.forward();
  CHECK(distance(p.out, twin.out) < kTolerance<TestType>);
  CHECK(distance(p.lse(), twin.lse) < kTolerance<TestType>);
  p.backward();
  CHECK(distance(p.dv, twin.dv) < kTolerance<TestType>);
}

TEMPLATE_TEST_CASE("attention: a query whose keys a mask all sends far down has the gradients of its weights",
                   "[kernels][attention]", float, double) {
  for (const float far : {-1e9f, std::numeric_limits<float>::lowest()})
    for (const auto& [T, S] : {std::pair<int64_t, int64_t>{1, 41}, {37, 41}, {37, 300}}) {  // 300: several tiles
      CAPTURE(far, T, S);
      Problem<TestType> p({1, 2, T, S, 8, 8});
      p.q.each([](TestType& x, auto...) { x = 0; });  // a score is what the mask says, exactly
      p.add_bias(1, 1, T, S);
      std::fill_n(p.bias.end() - S, S, TestType(far));
      check_against_twin(p);
    }
}

TEMPLATE_TEST_CASE("attention: sizes of 0 are no work", "[kernels][attention]", float, double) {
  for (const AttentionShape& s : std::vector<AttentionShape>{{0, 2, 3, 3, 4, 4}, {1, 2, 0, 3, 4, 4}}) {
    Problem<TestType> p(s);
    p.forward();
    p.backward();
    p.dk.each([](TestType e, auto...) { CHECK(e == 0); });
  }
  Problem<TestType> no_keys({1, 2, 3, 0, 4, 4});
  no_keys.forward();
  no_keys.backward();
  no_keys.out.each([](TestType e, auto...) { CHECK(e == 0); });
  no_keys.dq.each([](TestType e, auto...) { CHECK(e == 0); });
}

TEMPLATE_TEST_CASE("attention: writes its views and nothing around them", "[kernels][attention]", float, double) {
  Problem<TestType> p({2, 3, 21, 35, 5, 9}, Layout::packed);
  p.forward();
  p.backward();
  CHECK(p.out.untouched() == 0);
  CHECK(p.dq.untouched() == 2 * 2 * 3 * 21 * 5);
  CHECK(p.dk.untouched() == 2 * 2 * 3 * 35 * 5);
  CHECK(p.dv.untouched() == 2 * 2 * 3 * 35 * 9);
}

TEMPLATE_TEST_CASE("attention: one query after a cache of keys equals the last row of the whole",
                   "[kernels][attention]", float, double) {
  Problem<TestType> whole({2, 2, 75, 75, 16, 16});
  whole.options.causal = true;
  whole.forward();
  Problem<TestType> last({2, 2, 1, 75, 16, 16});
  last.q.each([&](TestType& x, int64_t b, int64_t h, int64_t, int64_t d) { x = whole.q(b, h, 74, d); });
  last.k.each([&](TestType& x, auto... at) { x = whole.k(at...); });
  last.v.each([&](TestType& x, auto... at) { x = whole.v(at...); });
  last.options.causal = true;
  last.options.offset = 74;
  last.forward();
  last.out.each([&](TestType y, int64_t b, int64_t h, int64_t, int64_t d) {
    CHECK(std::abs(y - whole.out(b, h, 74, d)) < kTolerance<TestType>);
  });
}

TEMPLATE_TEST_CASE("attention: every instruction set of the machine gives the twin's numbers", "[kernels][attention]",
                   float, double) {
  const std::string best = simd_target();
  for (const std::string& target : simd_targets()) {
    CAPTURE(target);
    use_simd_target(target);
    for (const auto& shape : kShapes) {
      Problem<TestType> p(shape, Layout::packed);
      p.options.causal = true;
      p.options.offset = 5;
      check_against_twin(p);
    }
  }
  use_simd_target(best);
}

TEST_CASE("attention: NaN in a query or a visible key comes out as NaN", "[kernels][attention]") {
  Problem<float> p({1, 1, 40, 40, 8, 8});
  p.options.causal = true;
  p.q(0, 0, 5, 2) = std::nanf("");
  p.k(0, 0, 20, 1) = std::nanf("");
  p.forward();
  p.out.each([](float y, int64_t, int64_t, int64_t i, int64_t) { CHECK(std::isnan(y) == (i == 5 || i >= 20)); });
}

TEMPLATE_TEST_CASE("attention: the same call gives the same bits, on one thread and on more", "[kernels][attention]",
                   float, double) {
  const int threads = num_threads();
  for (const bool shared_bias : {true, false}) {
    std::unique_ptr<Problem<TestType>> first;
    for (const int n : {1, 1, 2, 3}) {
      CAPTURE(n);
      set_num_threads(n);
      auto p = std::make_unique<Problem<TestType>>(AttentionShape{1, 3, 300, 300, 16, 16});
      p->options.causal = true;
      p->add_bias(1, shared_bias ? 1 : 3, 300, 300);
      p->forward();
      p->backward();
      if (!first) {
        first = std::move(p);
        continue;
      }
      CHECK(first->out.data == p->out.data);
      CHECK(first->dq.data == p->dq.data);
      CHECK(first->dk.data == p->dk.data);
      CHECK(first->dv.data == p->dv.data);
      CHECK(first->dbias == p->dbias);
    }
  }
  set_num_threads(threads);
}

}  // namespace

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <heed/tensor/kernels/recurrent.h>
#include <heed/tensor/parallel.h>
#include "kernels.h"

using namespace heed;
using namespace heed::kernels;

namespace {

constexpr Cell kCells[] = {Cell::rnn_tanh, Cell::rnn_relu, Cell::lstm, Cell::gru};

enum class Layout {
  time_major,   // (T, B, width)
  batch_major,  // (B, T, width)
  wide          // (T, B, width) inside (T, B, width + 5): no matrix of T B rows with whole steps in between
};

// A (T, B, width) array in one of the layouts; what lies around the view is 77 and must stay so.
template <class Real>
struct Sequence {
  int64_t T, B, width;
  std::vector<Real> data;
  Strided<Real, 2> view;

  Sequence(int64_t t, int64_t b, int64_t w, Layout layout) : T(t), B(b), width(w) {
    const int64_t gap = layout == Layout::wide ? 5 : 0, extra = layout == Layout::wide ? 3 : 0;
    data.assign(T * (B + extra) * (w + gap), Real(77));
    view = {data.data(), {(B + extra) * (w + gap), w + gap}};
    if (layout == Layout::batch_major) view.strides[0] = w, view.strides[1] = T * w;
  }
  Real& operator()(int64_t t, int64_t b, int64_t j) const { return view.at(t, b)[j]; }
  Strided<const Real, 2> read() const { return {view.data, {view.strides[0], view.strides[1]}}; }
  template <class F>
  void each(F f) const {
    for (int64_t t = 0; t < T; ++t)
      for (int64_t b = 0; b < B; ++b)
        for (int64_t j = 0; j < width; ++j) f((*this)(t, b, j), t, b, j);
  }
  int64_t untouched() const { return std::count(data.begin(), data.end(), Real(77)); }
};

// One run of a cell with all its arguments. The values are floats, so that f32 and f64 see the same.
template <class Real>
struct Problem {
  Cell cell;
  RecurrentShape shape;
  int64_t G;
  Sequence<Real> gates, out, dout, dgates;
  std::vector<Real> w, bias, h0, c0, hn, cn, dhn, dcn, dh0, dc0, dw, db, saved;
  std::vector<int64_t> lengths;
  StepOrder options;
  std::mt19937 random{5};

  Problem(Cell c, const RecurrentShape& s, Layout layout = Layout::time_major)
      : cell(c),
        shape(s),
        G(gates_of(c) * s.H),
        gates(s.T, s.B, G, layout),
        out(s.T, s.B, s.H, layout),
        dout(s.T, s.B, s.H, layout),
        dgates(s.T, s.B, G, layout),
        w(G * s.H),
        bias(G),
        h0(s.B * s.H),
        c0(h0),
        hn(h0),
        cn(h0),
        dhn(h0),
        dcn(h0),
        dh0(h0),
        dc0(h0),
        dw(w),
        db(bias),
        saved(recurrent_saved_size(c, s)) {
    for (auto* x : {&gates, &dout}) x->each([&](Real& e, auto...) { e = normal(); });
    for (auto* x : {&bias, &h0, &c0, &dhn, &dcn})
      for (Real& e : *x) e = normal();
    for (Real& e : w) e = normal() / std::sqrt(float(s.H));
  }
  Problem(const Problem&) = delete;

  float normal() { return std::normal_distribution<float>()(random); }
  void limit(std::vector<int64_t> n) { lengths = n, options.lengths = lengths.data(); }
  void limit_randomly() {
    std::vector<int64_t> n(shape.B);
    for (int64_t& x : n) x = std::uniform_int_distribution<int64_t>(0, shape.T)(random);
    if (shape.B > 1) n[0] = std::min<int64_t>(1, shape.T), n[1] = shape.T;
    limit(n);
  }
  CellState<const Real> first() const { return {h0.data(), cell == Cell::lstm ? c0.data() : nullptr}; }
  CellState<const Real> dlast() const { return {dhn.data(), cell == Cell::lstm ? dcn.data() : nullptr}; }
  void forward() {
    recurrent<Real>(cell, shape, gates.read(), {w.data(), bias.data()}, first(), options, out.view,
                    {hn.data(), cell == Cell::lstm ? cn.data() : nullptr}, saved.data());
  }
  void backward(bool accumulate = false) {
    recurrent_backward<Real>(
        cell, shape, {w.data(), bias.data()}, first(), options, out.read(), saved.data(), dout.read(), dlast(),
        {dgates.view, {dh0.data(), cell == Cell::lstm ? dc0.data() : nullptr}, dw.data(), db.data(), accumulate});
  }
  double loss() {
    forward();
    double sum = 0;
    out.each([&](Real y, auto... at) { sum += double(y) * double(dout(at...)); });
    for (size_t i = 0; i < hn.size(); ++i) {
      sum += double(hn[i]) * double(dhn[i]);
      if (cell == Cell::lstm) sum += double(cn[i]) * double(dcn[i]);
    }
    return sum;
  }
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// The naive twin, in f64: one row and one step at a time, PyTorch's formulas as its documentation prints
// them.
template <class Real>
struct Twin {
  const Problem<Real>& p;
  int64_t H, G;
  Sequence<double> out, dgates;
  std::vector<double> hn, cn, dh0, dc0, dw, db;

  // What one step of one row leaves for the way back.
  struct Step {
    int64_t t;
    std::vector<double> h, c, u, gate, c_new, h_new;
  };

  explicit Twin(const Problem<Real>& problem)
      : p(problem),
        H(p.shape.H),
        G(p.G),
        out(p.shape.T, p.shape.B, H, Layout::time_major),
        dgates(p.shape.T, p.shape.B, G, Layout::time_major),
        hn(p.h0.begin(), p.h0.end()),
        cn(p.c0.begin(), p.c0.end()),
        dh0(p.dhn.begin(), p.dhn.end()),
        dc0(p.dcn.begin(), p.dcn.end()),
        dw(G * H),
        db(G) {
    for (auto* x : {&out, &dgates}) x->each([](double& e, auto...) { e = 0; });
    for (int64_t b = 0; b < p.shape.B; ++b) row(b);
  }

  void row(int64_t b) {
    const int64_t n = p.options.lengths ? p.options.lengths[b] : p.shape.T;
    std::vector<Step> steps;
    double *h = &hn[b * H], *c = &cn[b * H];
    for (int64_t i = 0; i < n; ++i) {
      steps.push_back({p.options.reverse ? n - 1 - i : i, {h, h + H}, {c, c + H}, {}, {}, {}, {}});
      forward(steps.back(), b);
      std::copy_n(steps.back().h_new.data(), H, h);
      std::copy_n(steps.back().c_new.data(), H, c);
    }
    for (int64_t i = n - 1; i >= 0; --i) backward(steps[i], b);
  }

  void forward(Step& s, int64_t b) {
    s.u.assign(G, 0), s.gate = s.u, s.c_new = s.c, s.h_new = s.h;
    for (int64_t k = 0; k < G; ++k) {
      s.u[k] = double(p.bias[k]);
      for (int64_t d = 0; d < H; ++d) s.u[k] += double(p.w[k * H + d]) * s.h[d];
    }
    const auto x = [&](int64_t k) { return double(p.gates(s.t, b, k)); };
    for (int64_t j = 0; j < H; ++j) {
      const int64_t a = j, f = H + j, g = 2 * H + j, o = 3 * H + j;
      switch (p.cell) {
        case Cell::rnn_tanh: s.h_new[j] = std::tanh(x(a) + s.u[a]); break;
        case Cell::rnn_relu: s.h_new[j] = std::max(x(a) + s.u[a], 0.0); break;
        case Cell::lstm:
          for (const int64_t k : {a, f, o}) s.gate[k] = sigmoid(x(k) + s.u[k]);
          s.gate[g] = std::tanh(x(g) + s.u[g]);
          s.c_new[j] = s.gate[f] * s.c[j] + s.gate[a] * s.gate[g];
          s.h_new[j] = s.gate[o] * std::tanh(s.c_new[j]);
          break;
        case Cell::gru:
          for (const int64_t k : {a, f}) s.gate[k] = sigmoid(x(k) + s.u[k]);
          s.gate[g] = std::tanh(x(g) + s.gate[a] * s.u[g]);
          s.h_new[j] = (1 - s.gate[f]) * s.gate[g] + s.gate[f] * s.h[j];
          break;
      }
      out(s.t, b, j) = s.h_new[j];
    }
  }

  void backward(const Step& s, int64_t b) {
    std::vector<double> du(G), dh(H);
    for (int64_t j = 0; j < H; ++j) {
      const double dy = dh0[b * H + j] + double(p.dout(s.t, b, j)), y = s.h_new[j];
      const int64_t a = j, f = H + j, g = 2 * H + j, o = 3 * H + j;
      switch (p.cell) {
        case Cell::rnn_tanh: du[a] = dy * (1 - y * y); break;
        case Cell::rnn_relu: du[a] = y > 0 ? dy : 0; break;
        case Cell::lstm: {
          const double tanh_c = std::tanh(s.c_new[j]), dc = dc0[b * H + j] + dy * s.gate[o] * (1 - tanh_c * tanh_c);
          du[a] = dc * s.gate[g] * s.gate[a] * (1 - s.gate[a]);
          du[f] = dc * s.c[j] * s.gate[f] * (1 - s.gate[f]);
          du[g] = dc * s.gate[a] * (1 - s.gate[g] * s.gate[g]);
          du[o] = dy * tanh_c * s.gate[o] * (1 - s.gate[o]);
          dc0[b * H + j] = dc * s.gate[f];
          break;
        }
        case Cell::gru: {
          const double dn = dy * (1 - s.gate[f]) * (1 - s.gate[g] * s.gate[g]);
          du[a] = dn * s.u[g] * s.gate[a] * (1 - s.gate[a]);
          du[f] = dy * (s.h[j] - s.gate[g]) * s.gate[f] * (1 - s.gate[f]);
          du[g] = dn * s.gate[a];
          dgates(s.t, b, g) = dn;
          dh[j] = dy * s.gate[f];
          break;
        }
      }
    }
    for (int64_t k = 0; k < G; ++k) {
      if (p.cell != Cell::gru || k < 2 * H) dgates(s.t, b, k) = du[k];
      db[k] += du[k];
      for (int64_t d = 0; d < H; ++d) {
        dw[k * H + d] += du[k] * s.h[d];
        dh[d] += du[k] * double(p.w[k * H + d]);
      }
    }
    std::copy_n(dh.data(), H, &dh0[b * H]);
  }
};

// Errors of f32 pass from step to step, so they grow with T.
template <class Real>
double tolerance(int64_t T) {
  return std::is_same_v<Real, double> ? 1e-12 * double(1 + T) : 5e-6 * double(1 + T);
}

template <class Real>
void check_against_twin(Problem<Real>& p) {
  const auto& s = p.shape;
  CAPTURE(int(p.cell), s.T, s.B, s.H, p.options.reverse, sizeof(Real));
  const double limit = tolerance<Real>(s.T);
  const Twin<Real> twin(p);
  p.forward();
  CHECK(distance(p.out, twin.out) < limit);
  CHECK(distance(p.hn, twin.hn) < limit);
  if (p.cell == Cell::lstm) CHECK(distance(p.cn, twin.cn) < limit);
  p.backward();
  CHECK(distance(p.dgates, twin.dgates) < limit);
  CHECK(distance(p.dh0, twin.dh0) < limit);
  if (p.cell == Cell::lstm) CHECK(distance(p.dc0, twin.dc0) < limit);
  CHECK(distance(p.dw, twin.dw) < limit * 10);  // sums over steps and rows
  CHECK(distance(p.db, twin.db) < limit * 10);
}

const std::vector<RecurrentShape> kShapes{{1, 1, 1},  {3, 2, 5},   {7, 17, 16}, {5, 33, 24},
                                          {4, 64, 9}, {11, 5, 37}, {1, 40, 33}};

TEMPLATE_TEST_CASE("recurrent: every cell equals its naive twin, forward and backward", "[kernels][recurrent]", float,
                   double) {
  for (const Cell cell : kCells)
    for (const auto& shape : kShapes)
      for (const Layout layout : {Layout::time_major, Layout::batch_major, Layout::wide}) {
        Problem<TestType> p(cell, shape, layout);
        p.options.reverse = layout != Layout::batch_major;
        check_against_twin(p);
      }
}

TEMPLATE_TEST_CASE("recurrent: rows of any length, in both directions, equal the twin", "[kernels][recurrent]", float,
                   double) {
  for (const Cell cell : kCells)
    for (const auto& shape : kShapes)
      for (const Layout layout : {Layout::time_major, Layout::batch_major})
        for (const bool reverse : {false, true}) {
          Problem<TestType> p(cell, shape, layout);
          p.options.reverse = reverse;
          p.limit_randomly();
          check_against_twin(p);
        }
}

TEST_CASE("recurrent: gradients equal central differences", "[kernels][recurrent]") {
  for (const Cell cell : kCells)
    for (const bool reverse : {false, true}) {
      CAPTURE(int(cell), reverse);
      Problem<double> p(cell, {4, 3, 3});
      p.options.reverse = reverse;
      p.limit({4, 2, 1});
      p.forward();
      p.backward();
      const auto check = [&](double& x, double dx) {
        CHECK(std::abs(central_difference(x, [&] { return p.loss(); }) - dx) < kDifferenceTolerance);
      };
      p.gates.each([&](double& x, auto... at) { check(x, p.dgates(at...)); });
      for (size_t i = 0; i < p.h0.size(); ++i) check(p.h0[i], p.dh0[i]);
      for (size_t i = 0; i < p.c0.size() && cell == Cell::lstm; ++i) check(p.c0[i], p.dc0[i]);
      for (size_t i = 0; i < p.w.size(); ++i) check(p.w[i], p.dw[i]);
      for (size_t i = 0; i < p.bias.size(); ++i) check(p.bias[i], p.db[i]);
    }
}

TEMPLATE_TEST_CASE("recurrent: what lies past a row's length changes no bit of anything, not even as NaN",
                   "[kernels][recurrent]", float, double) {
  for (const Cell cell : kCells)
    for (const bool reverse : {false, true}) {
      Problem<TestType> clean(cell, {6, 35, 20}), dirty(cell, {6, 35, 20});
      for (auto* p : {&clean, &dirty}) p->options.reverse = reverse, p->limit_randomly();
      const auto past = [&](TestType& x, int64_t t, int64_t b, int64_t) {
        if (t >= dirty.lengths[b]) x = std::numeric_limits<TestType>::quiet_NaN();
      };
      dirty.gates.each(past);
      dirty.dout.each(past);
      for (auto* p : {&clean, &dirty}) p->forward(), p->backward();
      CHECK(clean.out.data == dirty.out.data);
      CHECK(clean.hn == dirty.hn);
      CHECK(clean.dgates.data == dirty.dgates.data);
      CHECK(clean.dh0 == dirty.dh0);
      CHECK(clean.dw == dirty.dw);
      CHECK(clean.db == dirty.db);
    }
}

TEMPLATE_TEST_CASE("recurrent: a row alone gives the bits that it gives in a batch of any lengths",
                   "[kernels][recurrent]", float, double) {
  for (const Cell cell : kCells)
    for (const bool reverse : {false, true}) {
      Problem<TestType> batch(cell, {6, 35, 20});
      batch.options.reverse = reverse;
      batch.limit_randomly();
      batch.forward(), batch.backward();
      for (const int64_t b : {0, 1, 17, 34}) {
        const int64_t n = batch.lengths[b];
        Problem<TestType> alone(cell, {n, 1, 20});
        alone.options.reverse = reverse;
        alone.w = batch.w, alone.bias = batch.bias;
        const auto copy = [&](const Sequence<TestType>& from, Sequence<TestType>& to) {
          to.each([&](TestType& x, int64_t t, int64_t, int64_t j) { x = from(t, b, j); });
        };
        copy(batch.gates, alone.gates), copy(batch.dout, alone.dout);
        const auto state = [&](const std::vector<TestType>& x) {
          return std::vector<TestType>(x.begin() + b * 20, x.begin() + (b + 1) * 20);
        };
        alone.h0 = state(batch.h0), alone.c0 = state(batch.c0), alone.dhn = state(batch.dhn),
        alone.dcn = state(batch.dcn);
        alone.forward(), alone.backward();
        alone.out.each([&](TestType y, int64_t t, int64_t, int64_t j) { CHECK(y == batch.out(t, b, j)); });
        alone.dgates.each([&](TestType y, int64_t t, int64_t, int64_t j) { CHECK(y == batch.dgates(t, b, j)); });
        CHECK(alone.hn == state(batch.hn));
        CHECK(alone.dh0 == state(batch.dh0));
      }
    }
}

TEMPLATE_TEST_CASE("recurrent: absent states and bias are zeros, and unwanted results can be left out",
                   "[kernels][recurrent]", float, double) {
  for (const Cell cell : kCells) {
    Problem<TestType> zeros(cell, {3, 4, 6}), absent(cell, {3, 4, 6});
    for (auto* x : {&zeros.bias, &zeros.h0, &zeros.c0, &zeros.dhn, &zeros.dcn})
      std::fill(x->begin(), x->end(), TestType(0));
    zeros.dout.each([](TestType& x, auto...) { x = 0; });
    zeros.dout(2, 1, 3) = 1;
    zeros.forward(), zeros.backward();
    absent.dout.each([](TestType& x, auto...) { x = 0; });
    absent.dout(2, 1, 3) = 1;
    recurrent<TestType>(cell, absent.shape, absent.gates.read(), {absent.w.data(), nullptr}, {}, {}, absent.out.view,
                        {}, absent.saved.data());
    recurrent_backward<TestType>(cell, absent.shape, {absent.w.data(), nullptr}, {}, {}, absent.out.read(),
                                 absent.saved.data(), absent.dout.read(), {}, {.dgates = absent.dgates.view});
    CHECK(zeros.out.data == absent.out.data);
    CHECK(zeros.dgates.data == absent.dgates.data);
    // no gradient of the outputs at all: only the last state's
    std::fill(absent.dhn.begin(), absent.dhn.end(), TestType(1));
    recurrent_backward<TestType>(cell, absent.shape, {absent.w.data(), nullptr}, {}, {}, absent.out.read(),
                                 absent.saved.data(), {}, {absent.dhn.data(), nullptr},
                                 {.dgates = absent.dgates.view, .dw_hh = absent.dw.data()});
    zeros.dout.each([](TestType& x, auto...) { x = 0; });
    std::fill(zeros.dhn.begin(), zeros.dhn.end(), TestType(1));
    zeros.backward();
    CHECK(zeros.dgates.data == absent.dgates.data);
    CHECK(zeros.dw == absent.dw);
  }
}

TEST_CASE("recurrent: nothing saved gives the same outputs", "[kernels][recurrent]") {
  for (const Cell cell : kCells) {
    Problem<float> with(cell, {3, 5, 7}), without(cell, {3, 5, 7});
    with.forward();
    recurrent<float>(cell, without.shape, without.gates.read(), {without.w.data(), without.bias.data()},
                     without.first(), {}, without.out.view, {without.hn.data(), nullptr}, nullptr);
    CHECK(with.out.data == without.out.data);
    CHECK(with.hn == without.hn);
  }
}

TEST_CASE("recurrent: gradients of the weights add up over decoder steps when asked", "[kernels][recurrent]") {
  for (const Cell cell : kCells) {
    Problem<double> p(cell, {1, 5, 6});
    p.forward(), p.backward();
    const auto dw = p.dw, db = p.db;
    p.backward(true);
    for (size_t i = 0; i < dw.size(); ++i) CHECK(p.dw[i] == Approx(2 * dw[i]).margin(1e-14));
    for (size_t i = 0; i < db.size(); ++i) CHECK(p.db[i] == Approx(2 * db[i]).margin(1e-14));
  }
}

TEMPLATE_TEST_CASE("recurrent: steps run one by one are the sequence run at once", "[kernels][recurrent]", float,
                   double) {
  for (const Cell cell : kCells) {
    Problem<TestType> whole(cell, {4, 3, 18});
    whole.forward();
    std::vector<TestType> h = whole.h0, c = whole.c0;
    for (int64_t t = 0; t < 4; ++t) {
      Sequence<TestType> out(1, 3, 18, Layout::time_major);
      const Strided<const TestType, 2> gates{&whole.gates(t, 0, 0),
                                             {whole.gates.view.strides[0], whole.gates.view.strides[1]}};
      recurrent<TestType>(cell, {1, 3, 18}, gates, {whole.w.data(), whole.bias.data()}, {h.data(), c.data()}, {},
                          out.view, {h.data(), c.data()}, nullptr);
      out.each([&](TestType y, int64_t, int64_t b, int64_t j) { CHECK(y == whole.out(t, b, j)); });
    }
    CHECK(h == whole.hn);
  }
}

TEST_CASE("recurrent: no steps and no rows are no work", "[kernels][recurrent]") {
  for (const Cell cell : kCells) {
    Problem<double> still(cell, {0, 3, 4});
    still.forward(), still.backward();
    CHECK(still.hn == still.h0);
    CHECK(still.dh0 == still.dhn);
    CHECK(still.dw == std::vector<double>(still.dw.size()));
    CHECK(still.db == std::vector<double>(still.db.size()));
    Problem<double> empty(cell, {3, 0, 4});
    empty.forward(), empty.backward();
    CHECK(empty.dw == std::vector<double>(empty.dw.size()));
  }
}

TEMPLATE_TEST_CASE("recurrent: gates of 1e4 saturate and stay finite", "[kernels][recurrent]", float, double) {
  for (const Cell cell : {Cell::rnn_tanh, Cell::lstm, Cell::gru}) {
    Problem<TestType> p(cell, {3, 4, 5});
    p.gates.each([](TestType& x, auto...) { x *= 10000; });
    check_against_twin(p);
  }
}

TEST_CASE("recurrent: NaN in a row's gates comes out in that row alone", "[kernels][recurrent]") {
  for (const Cell cell : kCells) {
    Problem<float> p(cell, {3, 20, 6});
    for (int64_t k = 0; k < p.G; ++k) p.gates(1, 7, k) = std::nanf("");
    p.forward();
    p.out.each([](float y, int64_t t, int64_t b, int64_t) { CHECK(std::isnan(y) == (b == 7 && t >= 1)); });
  }
}

TEMPLATE_TEST_CASE("recurrent: writes its views and nothing around them; threads do not change a bit",
                   "[kernels][recurrent]", float, double) {
  const int threads = num_threads();
  for (const int64_t batch : {20, 70})
    for (const Cell cell : kCells) {
      Problem<TestType> one(cell, {3, batch, 12}, Layout::wide), three(cell, {3, batch, 12}, Layout::wide);
      set_num_threads(1);
      one.forward(), one.backward();
      set_num_threads(3);
      three.forward(), three.backward();
      set_num_threads(threads);
      CHECK(one.out.data == three.out.data);
      CHECK(one.dgates.data == three.dgates.data);
      CHECK(one.dh0 == three.dh0);
      CHECK(one.dw == three.dw);
      CHECK(one.db == three.db);
      CHECK(one.out.untouched() == static_cast<int64_t>(one.out.data.size()) - 3 * batch * 12);
      CHECK(one.dgates.untouched() == static_cast<int64_t>(one.dgates.data.size()) - 3 * batch * one.G);
    }
}

TEMPLATE_TEST_CASE("recurrent: every instruction set of the machine gives the twin's numbers", "[kernels][recurrent]",
                   float, double) {
  const std::string best = simd_target();
  for (const std::string& target : simd_targets()) {
    CAPTURE(target);
    use_simd_target(target);
    for (const Cell cell : kCells)
      for (const auto& shape : kShapes) {
        Problem<TestType> p(cell, shape);
        p.limit_randomly();
        check_against_twin(p);
      }
  }
  use_simd_target(best);
}

}  // namespace

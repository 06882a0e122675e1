// Every record of the op table: first and second derivatives.
#include <cmath>

#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/node.h>
#include "op_run.h"

using namespace heed;
using namespace heed::tests;

namespace {

/// What was checked, for the line at the end.
struct Tally {
  int64_t samples = 0, skipped = 0, derivatives = 0;
  double worst = 0;
  std::string loc;

  void add(const OpRecord& record, const Sample& sample, const GradcheckReport& report) {
    ++samples;
    derivatives += report.compared;
    if (report.worst.error <= worst) return;
    worst = report.worst.error;
    loc = fmt::format("{}, {}", record.declares, sample.name);
  }
  void print(const char* check) const {
    fmt::print(stderr,
               "{}: {} ops in the table, {} samples, {} derivatives, largest relative error {:.1e} ({}); skipped: {} "
               "samples without a derivative\n",
               check, op_table().size(), samples, derivatives, worst, loc, skipped);
  }
};

bool has_numbers(const List& x) {
  return std::any_of(x.begin(), x.end(), [](const Tensor& t) { return t.dtype() == f64; });
}

/// Whether f has a derivative at x: of some f64 element by another. gradcheck refuses to compare none, as of samples
/// that are empty or in integers.
bool has_derivatives(const Function& f, const List& x) {
  const auto has_elements = [](const List& list) {
    return std::any_of(list.begin(), list.end(), [](const Tensor& t) { return t.dtype() == f64 && t.numel() > 0; });
  };
  return has_elements(x) && has_elements(f(x));
}

/// The check of every differentiable sample; no sample may lie at a kink, so tolerance hides none.
template <class F>
void check_all(const char* name, F check) {
  Tally tally;
  for_each_sample([&](const OpRecord& record, const Sample& sample, const List& x) {
    if (!record.differentiable || !has_numbers(x)) return;
    if (!has_derivatives(sample.fn, x)) {
      ++tally.skipped;
      return;
    }
    const int64_t before = autograd::Node::live();
    const GradcheckReport report = check(sample.fn, x, GradcheckOptions{.atol = record.atol, .rtol = record.rtol});
    CHECK(report);
    CHECK(report.nonsmooth.empty());
    CHECK(autograd::Node::live() == before);
    tally.add(record, sample, report);
  });
  tally.print(name);
  CHECK(tally.worst < 1e-6);
}

}  // namespace

TEST_CASE("ops: gradients equal central differences", "[ops][gradcheck]") {
  check_all("gradcheck",
            [](const Function& f, const List& x, const GradcheckOptions& o) { return gradcheck(f, x, o); });
}

TEST_CASE("ops: second gradients equal central differences of the first", "[ops][gradcheck]") {
  check_all("gradgradcheck",
            [](const Function& f, const List& x, const GradcheckOptions& o) { return gradgradcheck(f, x, o); });
}

TEST_CASE("ops: fast gradient checks agree with the full ones", "[ops][gradcheck]") {
  for_each_sample([&](const OpRecord& record, const Sample& sample, const List& x) {
    if (!record.differentiable || !has_derivatives(sample.fn, x)) return;
    CHECK(gradcheck(sample.fn, x, {.atol = record.atol, .rtol = record.rtol, .fast = true}));
  });
}

TEST_CASE("ops: a tensor given twice gets the sum of both gradients", "[ops]") {
  int64_t repeated = 0;
  for_each_sample([&](const OpRecord& record, const Sample& sample, const List& x) {
    if (!record.differentiable) return;
    List same = x;
    std::vector<size_t> places;
    for (size_t i = 0; i < x.size(); ++i)
      if (x[i].dtype() == f64 && (places.empty() || x[i].shape() == x[places[0]].shape())) places.push_back(i);
    if (places.size() < 2) return;
    ++repeated;
    for (const size_t i : places) same[i] = x[places[0]];
    const auto shared = [&](const List& one) {
      List all = same;
      for (const size_t i : places) all[i] = one[0];
      return sample.fn(all);
    };
    const List apart = evaluate(sample.fn, same).gradients;
    Tensor sum = apart[places[0]];
    if (sum.defined())
      for (size_t k = 1; k < places.size(); ++k) sum = sum + apart[places[k]];
    CHECK(difference(evaluate(shared, List{same[places[0]]}).gradients, List{sum}, 1e-13) == "");
    if (!has_derivatives(shared, {same[places[0]]})) return;
    CHECK(gradgradcheck(shared, List{same[places[0]]}, {.atol = record.atol, .rtol = record.rtol, .fast = true}));
  });
  CHECK(repeated > 20);
}

namespace {

/// The gradient of f's sum.
template <class F>
std::vector<double> gradient(F f, const Tensor& values) {
  const Tensor x = values.clone().set_requires_grad();
  f(x).sum().backward();
  return x.grad().to_vector<double>();
}

}  // namespace

// Expected values from PyTorch 1.13.1, but for max and min along an axis, which there give all to the first.
TEST_CASE("ties: all that reduces to one of several shares the gradient evenly", "[ops]") {
  using T = const Tensor&;
  using V = std::vector<double>;
  const Tensor x = tensor({{1., 3., 3., 2.}, {3., 0., 3., 0.}}, f64);
  CHECK(gradient([](T t) { return t.max(); }, x) == V{0, .25, .25, 0, .25, 0, .25, 0});
  CHECK(gradient([](T t) { return t.min(); }, x) == V{0, 0, 0, 0, 0, .5, 0, .5});
  CHECK(gradient([](T t) { return t.max(1); }, x) == V{0, .5, .5, 0, .5, 0, .5, 0});
  CHECK(gradient([](T t) { return t.min(1); }, x) == V{1, 0, 0, 0, 0, .5, 0, .5});
  CHECK(gradient([](T t) { return amax(t, 1); }, x) == V{0, .5, .5, 0, .5, 0, .5, 0});
  CHECK(gradient([](T t) { return amin(t, {0, 1}); }, x) == V{0, 0, 0, 0, 0, .5, 0, .5});
  CHECK(gradient([](T t) { return t.norm(INFINITY); }, x) == V{0, .25, .25, 0, .25, 0, .25, 0});
  CHECK(gradient([](T t) { return maximum(t, 3.0); }, x) == V{0, .5, .5, 0, .5, 0, .5, 0});
  CHECK(gradient([](T t) { return clamp(t, 0, 3); }, x) == V(8, 1));
  CHECK(gradient([](T t) { return clamp(t, 3, 0); }, x) == V(8, 0));
}

TEST_CASE("kinks: norms at 0 and the deviation of equals have gradient 0, as in PyTorch", "[ops]") {
  using T = const Tensor&;
  using V = std::vector<double>;
  const Tensor zero = zeros({3}, f64);
  for (const double p : {0.5, 1.0, 1.5, 2.0, 3.0, double(INFINITY)})
    CHECK(gradient([p](T t) { return t.norm(p); }, zero) == V(3, 0));
  CHECK(gradient([](T t) { return t.norm(1); }, tensor({2., 0., -3.}, f64)) == V{1, 0, -1});
  CHECK(gradient([](T t) { return t.norm(0.5); }, tensor({4., 0., 4.}, f64)) == V{2, 0, 2});
  CHECK(gradient([](T t) { return t.std(); }, ones({3}, f64)) == V(3, 0));
  CHECK(gradient([](T t) { return floor(t) + ceil(t) + round(t) + sign(t); }, ones({3}, f64)) == V(3, 0));
}

TEST_CASE("log1p and expm1: small numbers keep all their digits", "[ops]") {
  const Tensor x = tensor({-1e-12, 1e-15, 3e-9}, f64);
  const std::vector<double> logs = log1p(x).to_vector<double>(), powers = expm1(x).to_vector<double>();
  for (const int64_t i : {0, 1, 2}) {
    const double v = x.at<double>({i});
    CHECK(logs[size_t(i)] == Approx(v - v * v / 2).epsilon(1e-15));
    CHECK(powers[size_t(i)] == Approx(v + v * v / 2).epsilon(1e-15));
  }
}

TEST_CASE("round: of two equally near integers the even one", "[ops]") {
  const Tensor x = tensor({-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}, f64);
  CHECK(round(x).to_vector<double>() == std::vector<double>{-2, -2, 0, 0, 2, 2});
}

TEST_CASE("numbers beside i64: an integer leaves it i64, a floating one makes it f32", "[ops]") {
  const Tensor x = arange(3);
  CHECK((x * 2).dtype() == i64);
  CHECK((x * 2.0).dtype() == f32);
  CHECK((1 - x).dtype() == i64);
  CHECK((x / 2).dtype() == f32);
  CHECK(pow(x, 2).dtype() == i64);
  CHECK(pow(x, 0.5).dtype() == f32);
  CHECK(clamp(x, 0, 1.5).dtype() == f32);
  CHECK(where(gt(x, 0), x, 0).dtype() == i64);
  CHECK((x + (int64_t{1} << 62)).at<int64_t>({1}) == (int64_t{1} << 62) + 1);
  CHECK((ones({1}, f64) * 2).dtype() == f64);
}

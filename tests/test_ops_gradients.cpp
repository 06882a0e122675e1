// Every record of the op table: first and second derivatives.
#include <heed/autograd/check/gradcheck.h>
#include <heed/autograd/node.h>
#include "op_run.h"

using namespace heed;
using namespace heed::tests;

namespace {

/// What was checked, for the line at the end.
struct Tally {
  int64_t samples = 0, derivatives = 0;
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
    fmt::print(stderr, "{}: {} ops in the table, {} samples, {} derivatives, largest relative error {:.1e} ({})\n",
               check, op_table().size(), samples, derivatives, worst, loc);
  }
};

bool has_numbers(const List& x) {
  return std::any_of(x.begin(), x.end(), [](const Tensor& t) { return t.dtype() == f64; });
}

/// The check of every differentiable sample; no sample may lie at a kink, so tolerance hides none.
template <class F>
void check_all(const char* name, F check) {
  Tally tally;
  for_each_sample([&](const OpRecord& record, const Sample& sample, const List& x) {
    if (!record.differentiable || !has_numbers(x)) return;
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
    if (!record.differentiable || !has_numbers(x)) return;
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
    CHECK(gradgradcheck(shared, List{same[places[0]]}, {.atol = record.atol, .rtol = record.rtol, .fast = true}));
  });
  CHECK(repeated > 20);
}

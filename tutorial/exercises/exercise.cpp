// main() of the exercises: tests the answers that it was built with, all or those named.
//
//   exercises [NAME...]    each must be right
//   exercises --holes      each must end at its hole, which names a formula
#include "exercise.h"

#include <algorithm>
#include <cmath>

namespace exercise {
namespace {

std::vector<Exercise>& all_exercises() {
  static std::vector<Exercise> all;
  return all;
}

enum class Outcome { right, wrong, hole };

Outcome run(const Exercise& e) {
  fmt::print("{}: {}\n", e.name, e.task);
  Check check;
  try {
    e.test(check);
  } catch (const Hole& hole) {
    fmt::print("  hole   still to be written:  {}\n", hole.what());
    return std::string(hole.what()).find('=') == std::string::npos ? Outcome::wrong : Outcome::hole;
  } catch (const std::exception& error) {
    fmt::print("  WRONG  {}\n", error.what());
    return Outcome::wrong;
  }
  return check.wrong() == 0 && check.checked() > 0 ? Outcome::right : Outcome::wrong;
}

}  // namespace

Exercise::Exercise(std::string its_name, std::string its_task, std::function<void(Check&)> its_test)
    : name(std::move(its_name)), task(std::move(its_task)), test(std::move(its_test)) {
  all_exercises().push_back(*this);
}

void Check::say(bool right, const std::string& line) {
  ++checked_, wrong_ += !right;
  fmt::print("  {}  {}\n", right ? "right" : "WRONG", line);
}

void Check::equal(const std::string& what, const Tensor& yours, const Tensor& right, double tolerance) {
  if (!yours.defined()) return say(false, fmt::format("{}: yours is no tensor yet", what));
  if (yours.shape() != right.shape())
    return say(false, fmt::format("{}: yours has shape {}, right is {}", what, yours.shape(), right.shape()));
  const std::vector<double> a = yours.detach().to(f64).to_vector<double>(),
                            b = right.detach().to(f64).to_vector<double>();
  size_t worst = 0, differ = 0;
  double apart = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = a[i] == b[i] ? 0 : std::abs(a[i] - b[i]);
    differ += !(d <= tolerance);
    if (!(d <= apart)) worst = i, apart = std::isnan(d) ? INFINITY : d;
  }
  const std::string both =
      fmt::format("yours {0:.{2}g}, right {1:.{2}g}", a.at(worst), b.at(worst), differ > 0 ? 9 : 6);
  if (differ > 0)
    return say(false, fmt::format("{}: {} of {} numbers differ; number {}: {}", what, differ, a.size(), worst,
                                  both));
  say(true, a.size() == 1 ? fmt::format("{}: {}", what, both)
                          : fmt::format("{}: {} numbers, at most {:.1g} apart; number {}: {}", what, a.size(),
                                        apart, worst, both));
}

void Check::equal(const std::string& what, double yours, double right, double tolerance) {
  say(std::abs(yours - right) <= tolerance,
      fmt::format("{}: yours {:.6g}, right {:.6g}", what, yours, right));
}

void Check::passes(const std::string& what, const GradcheckReport& report) {
  say(bool(report), fmt::format("{}: {}", what, report));
}

}  // namespace exercise

int main(int argc, char** argv) {
  using namespace exercise;
  std::vector<std::string> names(argv + 1, argv + argc);
  const bool holes = !names.empty() && names[0] == "--holes";
  if (holes) names.erase(names.begin());
  int passed = 0, failed = 0;
  for (const Exercise& e : all_exercises()) {
    if (!names.empty() && std::find(names.begin(), names.end(), e.name) == names.end()) continue;
    ++(run(e) == (holes ? Outcome::hole : Outcome::right) ? passed : failed);
  }
  if (passed + failed != 1) fmt::print("{} passed, {} failed, 0 skipped\n", passed, failed);
  return passed > 0 && failed == 0 ? 0 : 1;
}

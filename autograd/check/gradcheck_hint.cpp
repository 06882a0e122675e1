#include <heed/autograd/check/gradcheck_hint.h>

#include <algorithm>
#include <cmath>

namespace heed::autograd {
namespace {

constexpr double kSameRatio = 1e-3;  // relative: differences of wrong derivatives need not be exact
constexpr double kNothing = 1e-10;   // of the other value: what rounding leaves of a derivative that is 0

/// What every wrong derivative has to be multiplied with to be right, inverted; 0 if they disagree.
double common_ratio(const std::vector<Derivative>& wrong) {
  const double first = wrong[0].analytic / wrong[0].numeric;
  for (const Derivative& d : wrong)
    if (!(std::abs(d.analytic / d.numeric - first) <= kSameRatio * std::abs(first))) return 0;
  return first;
}

}  // namespace

std::string hint_for(const std::vector<Derivative>& wrong, int64_t elements, int64_t compared) {
  if (wrong.empty()) return "";
  const auto all = [&](auto holds) { return std::all_of(wrong.begin(), wrong.end(), holds); };
  if (all([](const Derivative& d) { return !std::isfinite(d.analytic); }))
    return "backward gives no finite number there: a division by 0, or a log or root at 0?";
  if (all([](const Derivative& d) { return d.analytic == 0; }))
    return "backward gives 0 where the function changes: is the input detached, or its formula missing?";
  if (all([](const Derivative& d) { return std::abs(d.numeric) <= kNothing * std::abs(d.analytic); }))
    return "the function does not change there, but backward says so: a wrong index, axis or mask?";
  const double ratio = common_ratio(wrong);
  if (std::abs(ratio + 1) <= kSameRatio) return "what is wrong has the opposite sign of the numeric value";
  if (ratio != 0 && wrong.size() > 1)
    return fmt::format("what is wrong is {:.4g} times the numeric value: a factor, or a sum where a mean is meant?",
                       ratio);
  if (elements == 1 && compared > 1)
    return "one element alone is wrong: a wrong index, an edge, or a value that is treated apart?";
  return "";
}

}  // namespace heed::autograd

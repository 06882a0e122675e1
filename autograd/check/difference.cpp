#include <heed/autograd/check/difference.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace heed::autograd {
namespace {

constexpr int kSteps = 5;  // step sizes, each kShrink times smaller than the one before
constexpr double kShrink = 8;

/// f around 0: values at -h, -h/2, 0, h/2 and h of one entry.
struct Stencil {
  double down, down2, at, up2, up, h;
  double coarse() const { return (up - down) / (2 * h); }
  double fine() const { return (up2 - down2) / h; }
  double left() const { return (at - down2) / (h / 2); }
  double right() const { return (up2 - at) / (h / 2); }
  /// The nearest step to an infinity or NaN, and that value; {0, 0} if there is none.
  std::pair<double, double> not_finite() const {
    if (!std::isfinite(down2)) return {-h / 2, down2};
    if (!std::isfinite(up2)) return {h / 2, up2};
    if (!std::isfinite(down)) return {-h, down};
    return std::isfinite(up) ? std::pair(0.0, 0.0) : std::pair(h, up);
  }
};

/// A few units in the last place of f, as they appear in its difference quotient.
double rounding(const Values& up, const Values& down, size_t j, double h) {
  return 4 * std::numeric_limits<double>::epsilon() * std::max(up.size[j], down.size[j]) / h;
}

/// Right, wrong, or what it would be if no smaller step were left: kink, rough or outside.
void judge(Entry& e, const Stencil& s, const Tolerance& tolerance, double noise) {
  e.numeric = s.fine();
  e.state = Entry::rough;
  if (tolerance.accepts(e, noise)) e.state = Entry::right, e.noise = noise;
  else if (std::tie(e.step, e.value) = s.not_finite(); e.step != 0) e.state = Entry::outside;
  else if (!std::isfinite(e.analytic)) e.state = Entry::wrong;
  if (e.state != Entry::rough) return;
  const double mismatch = std::abs(e.analytic - s.fine());
  if (!(std::abs(s.coarse() - s.fine()) <= 0.1 * mismatch)) return;
  // At a kink the slopes of the two sides differ by as much at every step; where f is smooth, half as much at half of
  // it.
  const double jump = std::abs(s.right() - s.left());
  const double coarse_jump = std::abs(s.up - 2 * s.at + s.down) / s.h;
  const bool is_kink = jump > 0.75 * coarse_jump && jump > 0.1 * mismatch;
  const bool between = e.analytic >= std::min(s.left(), s.right()) - 0.1 * jump &&
                       e.analytic <= std::max(s.left(), s.right()) + 0.1 * jump;
  e.state = is_kink && between ? Entry::kink : Entry::wrong;
}

bool is_open(const Entry& e) { return e.state != Entry::right && e.state != Entry::wrong; }

/// Judges those that are open by steps of h and, where they do not settle all, of h / 2; `at` is f(0), once needed.
void compare_at(std::vector<Entry>& entries, double h, Values& at, const Tolerance& tolerance,
                const std::function<Values(double t)>& f) {
  const Values up = f(h), down = f(-h);
  for (size_t j = 0; j < entries.size(); ++j) {
    Entry& e = entries[j];
    if (!is_open(e)) continue;
    e.numeric = (up.f[j] - down.f[j]) / (2 * h);
    e.noise = rounding(up, down, j, h);
    if (tolerance.accepts(e, e.noise)) e.state = Entry::right;
    else e.noise = 0;
  }
  if (std::none_of(entries.begin(), entries.end(), is_open)) return;
  if (at.f.empty()) at = f(0);
  const Values up2 = f(h / 2), down2 = f(-h / 2);
  for (size_t j = 0; j < entries.size(); ++j)
    if (is_open(entries[j]))
      judge(entries[j], {down.f[j], down2.f[j], at.f[j], up2.f[j], up.f[j], h}, tolerance,
            rounding(up2, down2, j, h / 2));
}

/// Judges again, by larger steps, what may look right because of rounding alone. What they find within the rounding
/// counts: further away f is another one, or not defined.
void look_wider(std::vector<Entry>& entries, double h, Values& at, const Tolerance& tolerance,
                const std::function<Values(double t)>& f) {
  const auto is_hidden = [&](const Entry& e) { return e.state == Entry::right && e.noise > tolerance.allowed(e); };
  for (int step = 1; step < kSteps; ++step) {
    std::vector<Entry> wide = entries;
    for (Entry& e : wide) e.state = is_hidden(e) ? Entry::pending : Entry::right;
    if (std::none_of(wide.begin(), wide.end(), is_open)) return;
    try {
      compare_at(wide, h *= kShrink, at, tolerance, f);
    } catch (const std::exception&) {
      return;
    }
    for (size_t j = 0; j < entries.size(); ++j) {
      Entry& e = entries[j];
      const double blur = e.noise + tolerance.allowed(e);
      if (is_hidden(e) && !is_open(wide[j]) && std::abs(wide[j].numeric - e.numeric) <= 2 * blur) e = wide[j];
    }
  }
}

}  // namespace

double Tolerance::allowed(const Entry& e) const {
  return atol + rtol * std::max({std::abs(e.analytic), std::abs(e.numeric), e.scale});
}

double Tolerance::error(const Entry& e) const {
  const double error = std::abs(e.analytic - e.numeric) / allowed(e) * rtol;
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

bool Tolerance::accepts(const Entry& e, double noise) const {
  const double limit = allowed(e);
  return std::isfinite(limit) && std::abs(e.analytic - e.numeric) <= limit + noise;
}

void Tolerance::settle(Entry& e, const Entry& closer) const {
  if (e.state != Entry::wrong || (closer.state != Entry::rough && closer.noise <= allowed(closer))) e = closer;
}

void compare_with_differences(std::vector<Entry>& entries, const double first, const Tolerance& tolerance,
                              const std::function<Values(double t)>& f) {
  Values at;
  double h = first;
  for (int step = 0; step < kSteps && std::any_of(entries.begin(), entries.end(), is_open); ++step, h /= kShrink)
    compare_at(entries, h, at, tolerance, f);
  look_wider(entries, first, at, tolerance, f);
}

void compare_closer(std::vector<Entry>& entries, double h, const Tolerance& tolerance,
                    const std::function<Values(double t)>& f) {
  std::vector<Entry> closer = entries;
  for (Entry& e : closer)
    if (e.state == Entry::wrong) e.state = Entry::pending;
    else if (e.state == Entry::right) e.noise = 0;  // so that it stays right
  compare_with_differences(closer, h, tolerance, f);
  for (size_t j = 0; j < entries.size(); ++j) tolerance.settle(entries[j], closer[j]);
}

}  // namespace heed::autograd

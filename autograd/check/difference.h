// Numeric derivatives by central differences, and whether an analytic one agrees with them.
#pragma once

#include <functional>
#include <vector>

namespace heed::autograd {

/// What a function gives: a list of numbers, and for each the magnitude that its rounding goes by.
struct Values {
  std::vector<double> f, size;
};

/// One derivative on its way to a verdict.
struct Entry {
  double analytic = 0;
  double numeric = 0;
  double scale = 0;  ///< a magnitude that rtol refers to, beside those of the two values
  double noise = 0;  ///< what rounding may have added to numeric, where that is right
  enum { pending, right, wrong, kink, rough, outside } state = pending;
  double step = 0, value = 0;  ///< where it is outside: how far from 0, and the infinity or NaN that f gives there
};

struct Tolerance {
  double atol, rtol;
  /// |analytic - numeric|, relative to the larger of the two and atol / rtol: right up to rtol. Infinite for NaN.
  double error(const Entry& e) const;
  /// How far the two may lie apart, but for rounding.
  double allowed(const Entry& e) const;
  bool accepts(const Entry& e, double rounding) const;
  /// Takes the verdict of smaller steps, unless what was wrong is too rough for them, or right by rounding alone.
  void settle(Entry& e, const Entry& closer) const;
};

/// Compares each entry's analytic derivative with central differences of f at 0, where it is finite, and sets numeric
/// and state. Where they differ at step h, a step of half the size tells whether the numeric value can be believed,
/// and smaller ones are tried:
/// - right: they agree at some step, as well as f's rounding lets them, and larger steps, which it disturbs less, do
///   not tell otherwise;
/// - wrong: they differ, and the two steps agree at least ten times better;
/// - kink: the slopes of the two sides differ at every step, and the analytic derivative lies between them;
/// - rough: no two steps agree;
/// - outside: f is not finite beside 0 at any step.
void compare_with_differences(std::vector<Entry>& entries, double h, const Tolerance& tolerance,
                              const std::function<Values(double t)>& f);

/// The same by a smaller step, of those that are not right yet.
void compare_closer(std::vector<Entry>& entries, double h, const Tolerance& tolerance,
                    const std::function<Values(double t)>& f);

}  // namespace heed::autograd

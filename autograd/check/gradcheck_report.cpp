// How a gradcheck report prints, and what it makes of wrong derivatives.
#include <algorithm>
#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include <heed/autograd/check/gradcheck_problem.h>

namespace heed {
namespace {

constexpr int64_t kMapColumns = 64, kMapRows = 32;  // larger inputs get no map of their wrong elements

/// Both with the same number of digits, as few as tell them apart.
std::pair<std::string, std::string> distinct_digits(double a, double b) {
  for (int digits = 4; digits < 17; ++digits) {
    auto texts = std::pair(fmt::format("{:#.{}g}", a, digits), fmt::format("{:#.{}g}", b, digits));
    if (texts.first != texts.second) return texts;
  }
  return {fmt::format("{:.17g}", a), fmt::format("{:.17g}", b)};
}

bool has(const CheckedInput& input, char mark) {
  return std::find(input.marks.begin(), input.marks.end(), mark) != input.marks.end();
}

/// An input's marks in its own shape, one text line per row.
std::string map_of(const CheckedInput& input) {
  const int64_t columns = input.shape.rank() == 0 ? 1 : input.shape.back();
  const int64_t rows = columns == 0 ? 0 : input.shape.numel() / columns;
  if (columns > kMapColumns || rows > kMapRows) return "";
  std::string text = fmt::format("\n  {} {}: x wrong, {}~ not smooth, . right", input.name, input.shape,
                                 has(input, '?') ? "? not finite around, " : "");
  for (int64_t row = 0; row < rows; ++row) {
    text += "\n   ";
    for (int64_t column = 0; column < columns; ++column) {
      text += ' ';
      text += input.marks[static_cast<size_t>(row * columns + column)];
    }
  }
  return text;
}

std::string rows_text(const std::string& title, const Tensor& x) {
  std::string text = "\n  " + title;
  const int64_t columns = x.rank() == 0 ? 1 : x.shape().back();
  const std::vector<double> values = x.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) {
    if (static_cast<int64_t>(i) % columns == 0) text += "\n   ";
    const double value = values[i] == 0 ? 0.0 : values[i];  // in place of -0
    text += fmt::format(" {:>11.5g}", autograd::without_sign_of_nan(value));
  }
  return text;
}

/// What backward and the differences found, side by side where a reader can compare them.
std::string derivatives_text(const CheckedInput& input) {
  if (input.analytic.defined() && (input.analytic.size(0) > 1 || !input.worst_analytic.defined()))
    return rows_text(fmt::format("analytic Jacobian by {}, one row per output:", input.name), input.analytic) +
           rows_text(fmt::format("numeric Jacobian by {}, one row per output:", input.name), input.numeric);
  if (!input.worst_analytic.defined()) return "";
  return rows_text(fmt::format("analytic gradient of {} by {}:", input.worst_output, input.name),
                   input.worst_analytic) +
         rows_text(fmt::format("numeric gradient of {} by {}:", input.worst_output, input.name), input.worst_numeric);
}

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

std::string autograd::hint_for(const std::vector<Derivative>& wrong, int64_t elements, int64_t compared) {
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
    return fmt::format("what is wrong is {} times the numeric value: a factor, or a sum where a mean is meant?",
                       std::abs(ratio - 1) < 0.01 ? distinct_digits(ratio, 1).first : fmt::format("{:.4g}", ratio));
  if (elements == 1 && compared > 1)
    return "one element alone is wrong: a wrong index, an edge, or a value that is treated apart?";
  return "";
}

std::string place(const std::string& name, const Shape& index) {
  if (index.rank() == 0) return name;
  std::string text = fmt::format("{}", index);  // (2, 3)
  text.front() = '[', text.back() = ']';
  return name + text;
}

std::string to_string(const Derivative& d) {
  const auto [analytic, numeric] =
      distinct_digits(autograd::without_sign_of_nan(d.analytic), autograd::without_sign_of_nan(d.numeric));
  const std::string to = d.output.empty() ? "" : " -> " + place(d.output, d.output_index);
  return fmt::format("{}{}: analytic {}, numeric {}", place(d.input, d.index), to, analytic, numeric);
}

std::string to_string(const GradcheckReport& report) {
  std::string text = fmt::format("{} {}: ", report.check, report ? "passed" : "failed");
  if (report) text += fmt::format("{} derivatives, largest relative error {:.1e}", report.compared, report.worst.error);
  else text += join(report.failures, "\n  ");
  if (report.wrong > 0) text += fmt::format(" (this one by {:.1e}, relative)", report.worst.error);
  text += fmt::format(" [seed {}{}]", report.seed, report.reran ? ", a random projection differed" : "");
  if (!report.hint.empty()) text += "\n  hint: " + report.hint;
  for (const Derivative& d : report.nonsmooth) text += "\n  not smooth: " + to_string(d);
  if (report) return text;
  for (const CheckedInput& input : report.inputs) {
    if (!has(input, 'x') && !has(input, '?')) continue;
    text += map_of(input);
    text += derivatives_text(input);
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const GradcheckReport& report) { return out << to_string(report); }

}  // namespace heed

fmt::appender fmt::formatter<heed::GradcheckReport>::format(const heed::GradcheckReport& report,
                                                            format_context& context) const {
  return formatter<std::string_view>::format(heed::to_string(report), context);
}

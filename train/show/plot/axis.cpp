#include <heed/train/show/plot/axis.h>

#include <algorithm>
#include <cmath>

#include <heed/tensor/io/utf8.h>

namespace heed::train::plot {
namespace {

/// The smallest of 1, 2 and 5 times a power of ten that is not below `step`.
double nice_step(double step) {
  const double power = std::pow(10, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= step * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

std::string with_commas(std::string digits) {
  const size_t point = std::min(digits.find('.'), digits.size()), first = digits[0] == '-' ? 1 : 0;
  for (size_t i = point; i > first + 3;) digits.insert(i -= 3, 1, ',');
  return digits;
}

std::string superscript(int64_t exponent) {
  constexpr const char* kDigits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = exponent < 0 ? "⁻" : "";
  for (const char digit : std::to_string(std::abs(exponent))) text += kDigits[digit - '0'];
  return text;
}

/// A tick at a multiple of `step`: as many decimals as the step has.
std::string linear_label(double value, double step, double largest) {
  if (value == 0) return "0";
  if (largest >= 1e7 || largest < 1e-4) return fmt::format("{:.3g}", value);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return with_commas(fmt::format("{:.{}f}", value, decimals));
}

/// Powers of ten where the axis is long, else plain numbers as far as they stay short.
std::string log_label(double value, bool powers) {
  const int64_t exponent = std::lround(std::floor(std::log10(value) + 1e-9));
  const double factor = value / std::pow(10, static_cast<double>(exponent));
  if (exponent == 0 || (!powers && value >= 0.00099 && value < 100000))
    return with_commas(fmt::format("{:.4g}", value));
  if (std::abs(factor - 1) < 1e-6) return fmt::format("10{}", superscript(exponent));
  return fmt::format("{:.0f}·10{}", factor, superscript(exponent));
}

Axis linear_axis(double low, double high, int count, bool rounded) {
  if (low == high) {  // a constant still needs a span to lie in
    const double room = low == 0 ? 1 : std::abs(low) / 2;
    low -= room, high += room;
  }
  const double step = nice_step((high - low) / std::max(1, count));
  if (rounded) low = std::floor(low / step + 1e-9) * step, high = std::ceil(high / step - 1e-9) * step;
  Axis axis{low, high, false, {}, {}};
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) {
    axis.ticks.push_back(i * step);
    axis.labels.push_back(linear_label(i * step, step, std::max(std::abs(low), std::abs(high))));
  }
  return axis;
}

Axis log_axis(double low, double high, int count, bool rounded) {
  if (low == high) low /= 2, high *= 2;
  const double decades = std::log10(high / low);
  const double every = std::max(1.0, std::ceil(decades / std::max(1, count)));
  const bool between = decades < 2.5;  // ticks at 2 and 5 as well
  Axis axis{low, high, true, {}, {}};
  if (rounded && !between) {
    axis.low = std::pow(10, std::floor(std::log10(low) / every + 1e-9) * every);
    axis.high = std::pow(10, std::ceil(std::log10(high) / every - 1e-9) * every);
  }
  for (double power = std::floor(std::log10(axis.low) / every + 1e-9) * every; power <= std::log10(axis.high) + 1e-9;
       power += every)
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10, power);
      if ((factor > 1 && !between) || tick < axis.low * (1 - 1e-9) || tick > axis.high * (1 + 1e-9)) continue;
      axis.ticks.push_back(tick);
      axis.labels.push_back(log_label(tick, decades > 4));
    }
  return axis;
}

void check_series(const Op& op, const LineChart& chart, const Series& series) {
  if (series.x.size() != series.y.size())
    fail<ShapeError>(op, "series '{}' has {} x and {} y; need as many of each", series.name, series.x.size(),
                     series.y.size());
  if (series.x.empty()) fail<ValueError>(op, "series '{}' has no points; need at least one", series.name);
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i]))
      fail<ValueError>(op, "point {} of series '{}' is ({}, {}); need finite numbers", i, series.name, series.x[i],
                       series.y[i]);
    if ((chart.log_x && series.x[i] <= 0) || (chart.log_y && series.y[i] <= 0))
      fail<ValueError>(op, "point {} of series '{}' is ({}, {}); a logarithmic axis needs numbers above 0", i,
                       series.name, series.x[i], series.y[i]);
  }
}

void check_labels(const Op& op, const char* side, size_t labels, int64_t size) {
  if (labels != 0 && labels != static_cast<size_t>(size))
    fail<ShapeError>(op, "the values have {} {}, which {} labels name; need one for each, or none", size, side, labels);
}

}  // namespace

double Axis::at(double value) const {
  return log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
}

Axis make_axis(double low, double high, bool log, int count, bool rounded) {
  return log ? log_axis(low, high, count, rounded) : linear_axis(low, high, count, rounded);
}

ChartAxes chart_axes(const LineChart& chart, int x_count, int y_count, Loc loc) {
  const Op op{"plot", loc};
  if (chart.series.empty()) fail<ValueError>(op, "chart '{}' has no series; need at least one", chart.title);
  double x_low = INFINITY, x_high = -INFINITY, y_low = INFINITY, y_high = -INFINITY;
  for (const Series& series : chart.series) {
    check_series(op, chart, series);
    const auto [x0, x1] = std::minmax_element(series.x.begin(), series.x.end());
    const auto [y0, y1] = std::minmax_element(series.y.begin(), series.y.end());
    x_low = std::min(x_low, *x0), x_high = std::max(x_high, *x1);
    y_low = std::min(y_low, *y0), y_high = std::max(y_high, *y1);
  }
  return {make_axis(x_low, x_high, chart.log_x, x_count, false), make_axis(y_low, y_high, chart.log_y, y_count, true)};
}

double Scale::at(double value) const {
  const double v = std::clamp(value, low, high);
  if (low < 0) return v / std::max(high, -low);
  return (v - low) / (high - low);
}

Cells heatmap_cells(const Heatmap& heatmap, Loc loc) {
  const Op op{"plot", loc};
  if (!heatmap.values.defined() || heatmap.values.rank() != 2 || heatmap.values.numel() == 0)
    fail<ShapeError>(op, "heatmap '{}' has values of shape {}; need (rows, columns), at least one of each",
                     heatmap.title, heatmap.values.defined() ? fmt::format("{}", heatmap.values.shape()) : "none");
  Cells cells{heatmap.values.size(0), heatmap.values.size(1), heatmap.values.to_vector<double>(), {}};
  check_labels(op, "rows", heatmap.rows.size(), cells.rows);
  check_labels(op, "columns", heatmap.columns.size(), cells.columns);
  for (size_t i = 0; i < cells.values.size(); ++i)
    if (!std::isfinite(cells.values[i]))
      fail<ValueError>(op, "value ({}, {}) of heatmap '{}' is {}; need finite numbers",
                       static_cast<int64_t>(i) / cells.columns, static_cast<int64_t>(i) % cells.columns, heatmap.title,
                       cells.values[i]);
  const auto [least, most] = std::minmax_element(cells.values.begin(), cells.values.end());
  cells.scale = {heatmap.low.value_or(std::min(0.0, *least)), heatmap.high.value_or(std::max(0.0, *most))};
  if (!heatmap.low && !heatmap.high && cells.scale.low == cells.scale.high) cells.scale.high = 1;  // all are 0
  if (!(cells.scale.low < cells.scale.high) || !std::isfinite(cells.scale.high - cells.scale.low))
    fail<ValueError>(op, "the colours of heatmap '{}' run from {} to {}; need finite ends, low < high", heatmap.title,
                     cells.scale.low, cells.scale.high);
  return cells;
}

std::string visible(const std::string& label) {
  std::u32string shown;
  for (const char32_t c : decode_utf8(label)) {
    if (c == U'\n') shown += U'↵';
    else if (c == U'\t') shown += U'⇥';
    else if (c < 0x20 || c == 0x7f || c == 0xfffe || c == 0xffff) shown += U'\ufffd';
    else shown += c;
  }
  if (std::all_of(shown.begin(), shown.end(), [](char32_t c) { return c == U' '; }))
    std::fill(shown.begin(), shown.end(), U'␣');
  return encode_utf8(shown);
}

std::vector<std::string> side_labels(const std::vector<std::string>& given, int64_t count) {
  std::vector<std::string> labels;
  for (int64_t i = 0; i < count; ++i)
    labels.push_back(given.empty() ? std::to_string(i) : visible(given[static_cast<size_t>(i)]));
  return labels;
}

int64_t length(const std::string& utf8) { return static_cast<int64_t>(decode_utf8(utf8).size()); }

}  // namespace heed::train::plot

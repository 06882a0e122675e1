// An axis: which numbers it spans, where its ticks are, and how they read.
#pragma once

#include <string>
#include <vector>

#include <heed/train/show/plot.h>

namespace heed::train::plot {

struct Axis {
  double low, high;  // low < high; both above 0 if log
  bool log;
  std::vector<double> ticks;  // all within [low, high]
  std::vector<std::string> labels;

  /// Where a number lies: 0 at low, 1 at high.
  double at(double value) const;
};

/// An axis over [low, high] with about `count` ticks at 1, 2 or 5 times a power of ten. `rounded` moves the ends
/// outwards to ticks.
Axis make_axis(double low, double high, bool log, int count, bool rounded);

/// The axes of all series of a chart. Throws as svg does.
struct ChartAxes {
  Axis x, y;
};
ChartAxes chart_axes(const LineChart& chart, int x_count, int y_count, Loc loc);

/// The ends of a heatmap's colours.
struct Scale {
  double low, high;
  /// How dark: 0 to 1, of one colour if >= 0, of the other if negative. On a scale without negative numbers, 0 is low.
  double at(double value) const;
};

/// The checked values of a heatmap in row-major order, and their scale. Throws as svg does.
struct Cells {
  int64_t rows, columns;
  std::vector<double> values;
  Scale scale;
  double operator()(int64_t row, int64_t column) const { return values[static_cast<size_t>(row * columns + column)]; }
};
Cells heatmap_cells(const Heatmap& heatmap, Loc loc);

/// A label as it is shown: white space that would vanish made visible, and what is not UTF-8, or not allowed in XML,
/// replaced by U+FFFD.
std::string visible(const std::string& label);
/// The label of each row (or column), numbers where the heatmap names none.
std::vector<std::string> side_labels(const std::vector<std::string>& given, int64_t count);
/// Code points.
int64_t length(const std::string& utf8);

}  // namespace heed::train::plot

// Line charts and heatmaps in the terminal.
#include <algorithm>
#include <cmath>

#include <heed/tensor/io/utf8.h>
#include <heed/train/show/plot/axis.h>

namespace heed::train {
namespace {

using plot::Axis;
using plot::ChartAxes;

std::string spaces(int64_t n) { return std::string(static_cast<size_t>(std::max<int64_t>(n, 0)), ' '); }

/// Where curves are drawn: dots of a fine grid, gathered into characters.
class Canvas {
 public:
  /// `fine`: 2 x 4 dots a character, as Braille has; else one.
  Canvas(int columns, int rows, bool fine)
      : across_(fine ? 2 : 1),
        down_(fine ? 4 : 1),
        columns_(columns),
        cells_(static_cast<size_t>(columns * rows), U' '),
        dots_x_(columns * across_ - 1),
        dots_y_(rows * down_ - 1) {}

  void curve(const Series& series, const ChartAxes& axes, char32_t mark) {
    for (size_t i = 0; i < series.x.size(); ++i) {
      const auto [x, y] = place(axes, series.x[i], series.y[i]);
      const auto [x0, y0] = i == 0 ? std::pair(x, y) : place(axes, series.x[i - 1], series.y[i - 1]);
      const int64_t steps = std::max<int64_t>({1, std::llabs(x - x0), std::llabs(y - y0)});
      for (int64_t s = 0; s <= steps; ++s)
        set(x0 + std::lround(double((x - x0) * s) / double(steps)),
            y0 + std::lround(double((y - y0) * s) / double(steps)), mark);
    }
  }
  std::u32string row(int r) const { return {cells_.begin() + r * columns_, cells_.begin() + (r + 1) * columns_}; }

 private:
  std::pair<int64_t, int64_t> place(const ChartAxes& axes, double x, double y) const {
    return {std::lround(axes.x.at(x) * dots_x_), std::lround((1 - axes.y.at(y)) * dots_y_)};
  }
  void set(int64_t x, int64_t y, char32_t mark) {
    char32_t& cell = cells_[static_cast<size_t>(y / down_ * columns_ + x / across_)];
    if (down_ == 1) {
      cell = mark;
      return;
    }
    constexpr char32_t kBits[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};  // Unicode, "Braille Patterns"
    if (cell == U' ') cell = U'\u2800';
    cell |= kBits[y % 4][x % 2];
  }

  int across_, down_, columns_;
  std::vector<char32_t> cells_;
  int dots_x_, dots_y_;
};

constexpr const char32_t kMarks[] = {U'●', U'○', U'▲', U'△', U'■', U'□', U'◆', U'◇'};
char32_t mark_of(size_t series) { return kMarks[series % std::size(kMarks)]; }

/// Ticks and their numbers below the curves.
std::string x_axis(const Axis& axis, int64_t margin, int columns) {
  std::u32string line(static_cast<size_t>(columns), U'─');
  std::string numbers;
  int64_t free_from = 0;  // column behind the last number
  for (size_t i = 0; i < axis.ticks.size(); ++i) {
    const int64_t at = std::lround(axis.at(axis.ticks[i]) * (columns - 1)), size = plot::length(axis.labels[i]);
    line[static_cast<size_t>(at)] = U'┬';
    const int64_t start =
        std::clamp<int64_t>(margin + 2 + at - size / 2, 0, std::max<int64_t>(0, margin + 2 + columns - size));
    if (start < free_from) continue;
    numbers += spaces(start - plot::length(numbers)) + axis.labels[i];
    free_from = start + size + 1;
  }
  return spaces(margin + 1) + "└" + encode_utf8(line) + "\n" + numbers + "\n";
}

constexpr const char* kShades[] = {"·", "░", "▒", "▓", "█"};

/// 0 to 1 in five shades; what is above 0.05 is never shown as nothing.
const char* shade(double dark) {
  const int64_t level = std::lround(dark * 4);
  return kShades[dark > 0.05 ? std::max<int64_t>(1, level) : level];
}

std::string centred(const std::string& line, int64_t margin, int64_t columns) {
  return line.empty() ? "" : spaces(margin + (columns - plot::length(line)) / 2) + line + "\n";
}

}  // namespace

std::string text(const LineChart& chart, int width, int height, Loc loc) {
  if (width < 24 || height < 4)
    fail<ValueError>({"plot", loc}, "{} columns and {} lines are too few; need 24 and 4", width, height);
  const ChartAxes axes = plot::chart_axes(chart, std::max(2, width / 12), std::max(2, height / 3), loc);
  int64_t margin = 0;
  for (const std::string& label : axes.y.labels) margin = std::max(margin, plot::length(label));
  const int columns = std::max(8, width - static_cast<int>(margin) - 2);
  Canvas canvas(columns, height, chart.series.size() == 1);
  for (size_t i = 0; i < chart.series.size(); ++i) canvas.curve(chart.series[i], axes, mark_of(i));

  std::string picture = centred(plot::visible(chart.title), margin + 2, columns);
  if (chart.series.size() > 1)
    for (size_t i = 0; i < chart.series.size(); ++i)
      picture += spaces(margin + 2) + encode_utf8(mark_of(i)) + " " + plot::visible(chart.series[i].name) + "\n";
  if (!chart.y_label.empty()) picture += plot::visible(chart.y_label) + "\n";
  for (int r = 0; r < height; ++r) {
    std::string label, edge = "│";
    for (size_t i = 0; i < axes.y.ticks.size(); ++i)
      if (std::lround((1 - axes.y.at(axes.y.ticks[i])) * (height - 1)) == r) label = axes.y.labels[i], edge = "┤";
    std::u32string row = canvas.row(r);
    row.erase(row.find_last_not_of(U' ') + 1);
    picture += spaces(margin - plot::length(label)) + label + " " + edge + encode_utf8(row) + "\n";
  }
  return picture + x_axis(axes.x, margin, columns) + centred(plot::visible(chart.x_label), margin + 2, columns);
}

std::string text(const Heatmap& heatmap, Loc loc) {
  const plot::Cells cells = plot::heatmap_cells(heatmap, loc);
  const std::vector<std::string> rows = plot::side_labels(heatmap.rows, cells.rows);
  const std::vector<std::string> columns = plot::side_labels(heatmap.columns, cells.columns);
  int64_t height = 0, margin = 0;
  for (const std::string& label : columns) height = std::max(height, plot::length(label));
  for (const std::string& label : rows) margin = std::max(margin, plot::length(label));

  std::string picture = heatmap.title.empty() ? "" : plot::visible(heatmap.title) + "\n";
  if (!heatmap.x_label.empty()) picture += spaces(margin + 1) + plot::visible(heatmap.x_label) + "\n";
  for (int64_t line = 0; line < height; ++line) {
    picture += spaces(margin + 1);
    for (const std::string& label : columns) {
      const int64_t above = height - plot::length(label);  // labels stand on the picture
      picture += line < above ? "  " : encode_utf8(decode_utf8(label)[static_cast<size_t>(line - above)]) + " ";
    }
    picture += "\n";
  }
  for (int64_t r = 0; r < cells.rows; ++r) {
    const std::string& label = rows[static_cast<size_t>(r)];
    picture += spaces(margin - plot::length(label)) + label + " ";
    for (int64_t c = 0; c < cells.columns; ++c) {
      const double dark = cells.scale.at(cells(r, c));
      const std::string cell = shade(std::abs(dark));
      picture += dark < 0 && cell != kShades[0] ? "-" + cell : cell + (cell == kShades[0] ? " " : cell);
    }
    picture += "\n";
  }
  if (!heatmap.y_label.empty()) picture += "rows: " + plot::visible(heatmap.y_label) + "\n";
  if (heatmap.low && heatmap.high) return picture;
  const bool signs = cells.scale.low < 0;
  return picture + fmt::format("{}· {:.3g}  ░ ▒ ▓  █ {:.3g}{}\n", spaces(margin + 1), signs ? 0 : cells.scale.low,
                               signs ? std::max(cells.scale.high, -cells.scale.low) : cells.scale.high,
                               signs ? ", with - below 0" : "");
}

std::string draw_alignment(const std::vector<std::string>& source, const std::vector<std::string>& target,
                           const Tensor& weights, Loc loc) {
  if (target.empty()) return "";
  const Heatmap heatmap{"",     "",      "", source,
                        target, weights, 0,  1};  // clang 14 destroys one in a ?: twice when it throws
  return text(heatmap, loc);
}

}  // namespace heed::train

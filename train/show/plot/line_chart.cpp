// Line charts as SVG.
#include <algorithm>
#include <cmath>

#include <heed/train/show/page.h>
#include <heed/train/show/plot/axis.h>
#include <heed/train/show/plot/svg.h>

namespace heed::train {
namespace {

using plot::Axis;
using plot::ChartAxes;
using plot::Svg;

constexpr double kWidth = 720, kPlotHeight = 300, kLegendRow = 20;
constexpr size_t kMarkedPoints = 40;  // a line of so few points shows each

struct Frame {
  double left, top, right, bottom;
  double x(const Axis& axis, double value) const { return left + (right - left) * axis.at(value); }
  double y(const Axis& axis, double value) const { return bottom - (bottom - top) * axis.at(value); }
};

/// Where each legend entry stands: rows as wide as the picture.
struct Entry {
  double x, y;
};
std::vector<Entry> legend(const LineChart& chart, double left) {
  std::vector<Entry> entries;
  if (chart.series.size() < 2) return entries;
  double x = left, y = 0;
  for (const Series& series : chart.series) {
    const double width = 30 + plot::text_width(plot::visible(series.name)) + 18;
    if (x > left && x + width > kWidth - 10) x = left, y += kLegendRow;
    entries.push_back({x, y});
    x += width;
  }
  return entries;
}

void draw_axes(Svg& out, const LineChart& chart, const ChartAxes& axes, const Frame& f) {
  for (size_t i = 0; i < axes.y.ticks.size(); ++i) {
    const double y = f.y(axes.y, axes.y.ticks[i]);
    out.add(R"(<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", f.left, y, f.right, y);
    out.text(f.left - 8, y + 4, axes.y.labels[i], {.anchor = "end", .classes = "soft"});
  }
  double free_from = -INFINITY;  // labels that would touch the one before stay away
  for (size_t i = 0; i < axes.x.ticks.size(); ++i) {
    const double x = f.x(axes.x, axes.x.ticks[i]), half = plot::text_width(axes.x.labels[i]) / 2;
    out.add(R"(<line class="axis" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", x, f.bottom, x, f.bottom + 5);
    if (x - half < free_from) continue;
    out.text(x, f.bottom + 19, axes.x.labels[i], {.classes = "soft"});
    free_from = x + half + 6;
  }
  out.add(R"(<line class="axis" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", f.left, f.bottom, f.right,
          f.bottom);
  out.text((f.left + f.right) / 2, f.bottom + 40, chart.x_label, {.size = 13});
  out.text(16, (f.top + f.bottom) / 2, chart.y_label, {.size = 13, .turn = -90});
}

std::string dashes(size_t i) { return i < plot::kLineColours ? "" : R"( stroke-dasharray="6 5")"; }

void draw_series(Svg& out, const Series& series, size_t i, const ChartAxes& axes, const Frame& f) {
  const size_t colour = i % plot::kLineColours;
  std::string path;
  for (size_t p = 0; p < series.x.size(); ++p)
    path += fmt::format("{}{:.1f} {:.1f}", p == 0 ? "M" : "L", f.x(axes.x, series.x[p]), f.y(axes.y, series.y[p]));
  if (series.x.size() > 1) out.add(R"(<path class="line s{}"{} d="{}"/>)", colour, dashes(i), path);
  if (series.x.size() > kMarkedPoints) return;
  for (size_t p = 0; p < series.x.size(); ++p)
    out.add(R"(<circle class="f{}" r="3.5" cx="{:.1f}" cy="{:.1f}"><title>{}: ({:g}, {:g})</title></circle>)", colour,
            f.x(axes.x, series.x[p]), f.y(axes.y, series.y[p]), escape_html(plot::visible(series.name)), series.x[p],
            series.y[p]);
}

}  // namespace

std::string svg(const LineChart& chart, Loc loc) {
  const ChartAxes axes = plot::chart_axes(chart, 8, 5, loc);
  double label_width = 0;
  for (const std::string& label : axes.y.labels) label_width = std::max(label_width, plot::text_width(label));
  const double left = label_width + (chart.y_label.empty() ? 18 : 40);
  const std::vector<Entry> entries = legend(chart, left);
  const double head = chart.title.empty() ? 16 : 44;
  const double top = head + (entries.empty() ? 0 : entries.back().y + kLegendRow + 8);
  const Frame frame{left, top, kWidth - 24, top + kPlotHeight};

  Svg out(kWidth, frame.bottom + (chart.x_label.empty() ? 32 : 54), chart.title);
  out.text(left, 27, chart.title, {.anchor = "start", .classes = "ink title", .size = 16});
  for (size_t i = 0; i < entries.size(); ++i) {
    const double x = entries[i].x, y = head + entries[i].y + 8;
    out.add(R"(<line class="line s{}"{} x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", i % plot::kLineColours,
            dashes(i), x, y, x + 22, y);
    out.text(x + 30, y + 4, chart.series[i].name, {.anchor = "start"});
  }
  draw_axes(out, chart, axes, frame);
  for (size_t i = 0; i < chart.series.size(); ++i) draw_series(out, chart.series[i], i, axes, frame);
  return out.finish();
}

}  // namespace heed::train

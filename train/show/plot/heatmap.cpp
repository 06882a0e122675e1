// Heatmaps as SVG.
#include <algorithm>
#include <cmath>

#include <heed/train/show/page.h>
#include <heed/train/show/plot/axis.h>
#include <heed/train/show/plot/svg.h>

namespace heed::train {
namespace {

using plot::Cells;
using plot::Svg;

constexpr double kSide = 528;        // the longer side of the cells together, about
constexpr int64_t kNumbered = 12;    // up to this many rows and columns, cells say their values
constexpr int64_t kExplained = 400;  // up to this many cells, pointing at one tells its value
constexpr double kBar = 14;          // width of the colour bar
constexpr int kBarSteps = 64;

/// The sizes of everything, in pixels.
struct Layout {
  double cell_width, cell_height, font, left, top, right, bottom;
  bool turned;                      // column labels run upwards
  bool numbers;                     // cells say their values
  int64_t row_every, column_every;  // unnamed sides number only some
};

double longest(const std::vector<std::string>& labels, double font) {
  double width = 0;
  for (const std::string& label : labels) width = std::max(width, plot::text_width(label, font));
  return width;
}

/// Every how many rows or columns a number stands, so that numbers do not touch.
int64_t number_every(int64_t count, double cell, double need) {
  int64_t every = 1;
  while (static_cast<double>(every) * cell < need && every < count) every *= every % 4 == 0 || every == 1 ? 5 : 2;
  return every;
}

Layout lay_out(const Heatmap& heatmap, const Cells& cells, const std::vector<std::string>& rows,
               const std::vector<std::string>& columns) {
  const double most = static_cast<double>(std::max(cells.rows, cells.columns));
  const double base = std::clamp(std::floor(kSide / most), 5.0, 48.0);
  Layout l{};
  l.cell_width = std::max(base, std::min(18.0, std::floor(kSide / static_cast<double>(cells.columns))));
  l.cell_height = std::max(base, std::min(18.0, std::floor(kSide / static_cast<double>(cells.rows))));
  l.numbers = cells.rows <= kNumbered && cells.columns <= kNumbered;
  l.font = std::clamp(std::min(l.cell_width, l.cell_height), 7.0, 13.0);
  l.row_every = heatmap.rows.empty() ? number_every(cells.rows, l.cell_height, l.font + 2) : 1;
  l.turned = !heatmap.columns.empty() && longest(columns, l.font) > l.cell_width - 2;
  l.column_every =
      heatmap.columns.empty() ? number_every(cells.columns, l.cell_width, longest(columns, l.font) + 6) : 1;
  l.left = longest(rows, l.font) + 14 + (heatmap.y_label.empty() ? 6 : 26);
  l.top = (heatmap.title.empty() ? 10 : 40) + (heatmap.x_label.empty() ? 0 : 20) +
          (l.turned ? longest(columns, l.font) + 10 : l.font + 8);
  l.right = l.left + l.cell_width * static_cast<double>(cells.columns);
  l.bottom = l.top + l.cell_height * static_cast<double>(cells.rows);
  return l;
}

void draw_labels(Svg& out, const Heatmap& heatmap, const Layout& l, const std::vector<std::string>& rows,
                 const std::vector<std::string>& columns) {
  for (size_t i = 0; i < rows.size(); i += static_cast<size_t>(l.row_every))
    out.text(l.left - 8, l.top + (static_cast<double>(i) + 0.5) * l.cell_height + l.font * 0.35, rows[i],
             {.anchor = "end", .size = l.font});
  for (size_t i = 0; i < columns.size(); i += static_cast<size_t>(l.column_every)) {
    const double x = l.left + (static_cast<double>(i) + 0.5) * l.cell_width;
    if (l.turned) out.text(x + l.font * 0.35, l.top - 7, columns[i], {.anchor = "start", .size = l.font, .turn = -90});
    else out.text(x, l.top - 7, columns[i], {.size = l.font});
  }
  const double head = heatmap.title.empty() ? 10 : 40;
  out.text(l.left, 27, heatmap.title, {.anchor = "start", .classes = "ink title", .size = 16});
  out.text(l.left, head + 12, heatmap.x_label, {.anchor = "start", .classes = "soft", .size = 13});
  out.text(16, (l.top + l.bottom) / 2, heatmap.y_label, {.classes = "soft", .size = 13, .turn = -90});
}

void draw_cells(Svg& out, const Cells& cells, const Layout& l, const std::vector<std::string>& rows,
                const std::vector<std::string>& columns) {
  const double gap = l.cell_width >= 12 && l.cell_height >= 12 ? 1 : 0;
  const bool explained = cells.rows * cells.columns <= kExplained;
  out.add(R"(<rect class="field" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)", l.left, l.top,
          l.right - l.left, l.bottom - l.top);
  for (int64_t r = 0; r < cells.rows; ++r)
    for (int64_t c = 0; c < cells.columns; ++c) {
      const double value = cells(r, c), dark = cells.scale.at(value);
      const double x = l.left + static_cast<double>(c) * l.cell_width,
                   y = l.top + static_cast<double>(r) * l.cell_height;
      const std::string tip =
          explained ? fmt::format("<title>{}, {}: {:.4g}</title>", escape_html(rows[static_cast<size_t>(r)]),
                                  escape_html(columns[static_cast<size_t>(c)]), value)
                    : "";
      if (explained || std::abs(dark) >= 0.0005)
        out.add(
            R"(<rect class="{}" fill-opacity="{:.3f}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">{}</rect>)",
            dark < 0 ? "less" : "more", std::abs(dark), x, y, l.cell_width - gap, l.cell_height - gap, tip);
      if (l.numbers)
        out.text(x + (l.cell_width - gap) / 2, y + l.cell_height / 2 + 4, fmt::format("{:.2f}", value),
                 {.classes = std::abs(dark) > 0.5 ? "paper value" : "ink value", .size = 11});
    }
}

void draw_colour_bar(Svg& out, const Cells& cells, const Layout& l) {
  const double x = l.right + 24, height = std::max(60.0, std::min(l.bottom - l.top, 240.0)), bottom = l.top + height;
  const plot::Scale& scale = cells.scale;
  out.add(R"(<rect class="field" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)", x, l.top, kBar, height);
  for (int i = 0; i < kBarSteps; ++i) {
    const double dark = scale.at(scale.low + (scale.high - scale.low) * (i + 0.5) / kBarSteps);
    out.add(
        R"(<rect class="{}" fill-opacity="{:.3f}" shape-rendering="crispEdges" x="{:.1f}" y="{:.2f}" width="{:.1f}" height="{:.2f}"/>)",
        dark < 0 ? "less" : "more", std::abs(dark), x, bottom - height * (i + 1) / kBarSteps, kBar, height / kBarSteps);
  }
  const plot::Axis axis = plot::make_axis(scale.low, scale.high, false, 4, false);
  for (size_t i = 0; i < axis.ticks.size(); ++i) {
    const double y = bottom - height * axis.at(axis.ticks[i]);
    out.add(R"(<line class="axis" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", x + kBar, y, x + kBar + 4, y);
    out.text(x + kBar + 8, y + 4, axis.labels[i], {.anchor = "start", .classes = "soft", .size = 11});
  }
}

}  // namespace

std::string svg(const Heatmap& heatmap, Loc loc) {
  const Cells cells = plot::heatmap_cells(heatmap, loc);
  const std::vector<std::string> rows = plot::side_labels(heatmap.rows, cells.rows);
  const std::vector<std::string> columns = plot::side_labels(heatmap.columns, cells.columns);
  const Layout l = lay_out(heatmap, cells, rows, columns);
  const double width = std::max(l.right + 24 + kBar + 52, l.left + plot::text_width(heatmap.title, 17) + 16);
  Svg out(width, std::max(l.bottom, l.top + 60) + 18, heatmap.title);
  draw_labels(out, heatmap, l, rows, columns);
  draw_cells(out, cells, l, rows, columns);
  draw_colour_bar(out, cells, l);
  return out.finish();
}

}  // namespace heed::train

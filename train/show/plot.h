// Line charts and heatmaps, as SVG and in the terminal.
//
// The SVG follows the reader's light or dark setting, needs no network and no script, and keeps to colours that
// colour-blind readers tell apart. Labels are text to be shown, never markup: "<b>" stays "<b>", and a token that
// is a space or a line break shows as "␣" or "↵".
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <heed/tensor/tensor.h>

namespace heed::train {

/// One line of a chart: as many x as y.
struct Series {
  std::string name;          ///< in the legend
  std::vector<double> x, y;  ///< of its points
};

/// Units belong into the axis labels: "loss (nats)". With one series there is no legend.
struct LineChart {
  std::string title, x_label, y_label;  ///< any may be empty
  std::vector<Series> series;           ///< one line each
  bool log_x = false, log_y = false;    ///< logarithmic axes
};

/// values (rows, columns), any numeric dtype. A list of labels is as long as its side, or empty: then the side is
/// numbered from 0. Colours run from `low` to `high`: by default from 0 (or the lowest value, if negative) to the
/// highest; values outside get the colour of the end. Values on both sides of 0 get two colours, white between.
struct Heatmap {
  std::string title, x_label, y_label;        ///< any may be empty
  std::vector<std::string> columns, rows;     ///< labels, as above
  Tensor values;                              ///< (rows, columns)
  std::optional<double> low = {}, high = {};  ///< ends of the colours
};

/// A whole SVG document. All of these throw ValueError or ShapeError that says in one sentence what cannot be drawn: no
/// series, no points, numbers that are not finite, 0 or less on a logarithmic axis, counts that differ.
std::string svg(const LineChart& chart, Loc loc = Loc::current());
std::string svg(const Heatmap& heatmap, Loc loc = Loc::current());

/// Lines that end in "\n", `width` columns wide; `height` lines hold the curves. One series is drawn in dots of
/// Braille, several each with a mark of its own. Throws ValueError below 24 columns or 4 lines.
std::string text(const LineChart& chart, int width = 72, int height = 16, Loc loc = Loc::current());
/// Two columns for each value, the darker the larger; column labels run down. The scale stands below, unless the
/// caller gave both its ends.
std::string text(const Heatmap& heatmap, Loc loc = Loc::current());

/// An alignment: one row for each target word, one column for each source word, the darker the more it was looked at:
/// weights (target words, source words) in [0, 1]. No target words: an empty string.
std::string draw_alignment(const std::vector<std::string>& source, const std::vector<std::string>& target,
                           const Tensor& weights, Loc loc = Loc::current());

/// The file `path`, whole or not at all. Throws FileError too.
void save_svg(const std::filesystem::path& path, const LineChart& chart, Loc loc = Loc::current());
void save_svg(const std::filesystem::path& path, const Heatmap& heatmap, Loc loc = Loc::current());

}  // namespace heed::train

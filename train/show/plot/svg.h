// An SVG document under construction: a style for light and dark, and escaped text.
#pragma once

#include <string>

#include <fmt/core.h>

namespace heed::train::plot {

/// How many colours (and marks) the lines of a chart have before they repeat, dashed.
constexpr int kLineColours = 7;

/// About how wide a text is, in pixels.
double text_width(const std::string& utf8, double size = 12);

/// Names of colours, for `class`: paper, ink, soft (secondary text), grid, and for cells of a heatmap more and less.
class Svg {
 public:
  /// A document of that size in pixels; `title` is what a screen reader says.
  Svg(double width, double height, const std::string& title);

  /// Raw markup, one element a line. Pass text from outside through escape_html.
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    body_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }
  struct TextStyle {
    const char* anchor = "middle";  ///< start, middle or end
    const char* classes = "ink";
    double size = 12;
    double turn = 0;  ///< degrees, clockwise, around (x, y)
  };
  /// Text with its baseline at y.
  void text(double x, double y, const std::string& content, const TextStyle& style);

  std::string finish() const { return body_ + "</svg>\n"; }

 private:
  std::string body_;
};

}  // namespace heed::train::plot

#include <heed/train/show/plot/svg.h>

#include <heed/tensor/io/atomic_file.h>
#include <heed/train/show/page.h>
#include <heed/train/show/plot.h>
#include <heed/train/show/plot/axis.h>

namespace heed::train::plot {
namespace {

// Okabe and Ito 2008 chose hues that stay apart for every kind of colour blindness; here a little darker on white
// and lighter on black, so that thin lines keep their contrast.
constexpr const char* kStyle = R"(<style>
.heed text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif}
.heed .title{font-weight:600}
.heed .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.heed .grid{stroke-width:1}
.heed{--paper:#ffffff;--ink:#1f2328;--soft:#59636e;--grid:#e4e7eb;--field:#f4f6f8;--more:#08519c;--less:#b8480a;
--c0:#0072b2;--c1:#d55e00;--c2:#00845f;--c3:#b3478f;--c4:#3a9bd9;--c5:#b98300;--c6:#4a5058}
@media (prefers-color-scheme:dark){
.heed{--paper:#0d1117;--ink:#e6edf3;--soft:#9da7b3;--grid:#262c36;--field:#161b22;--more:#8cc8ff;--less:#ffab70;
--c0:#58a6e8;--c1:#ff8b45;--c2:#3fcf9f;--c3:#e79fd0;--c4:#a9dcff;--c5:#f2c14e;--c6:#c9d1d9}}
.heed .paper{fill:var(--paper)}.heed .ink{fill:var(--ink)}.heed .soft{fill:var(--soft)}
.heed .grid{stroke:var(--grid)}.heed .axis{stroke:var(--soft);fill:none}
.heed .field{fill:var(--field)}.heed .more{fill:var(--more)}.heed .less{fill:var(--less)}
)";

}  // namespace

double text_width(const std::string& utf8, double size) { return 0.58 * size * static_cast<double>(length(utf8)); }

Svg::Svg(double width, double height, const std::string& title) {
  add(R"(<svg xmlns="http://www.w3.org/2000/svg" class="heed" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" role="img">)",
      width, height);
  add("<title>{}</title>", escape_html(visible(title)));
  body_ += kStyle;
  for (int i = 0; i < kLineColours; ++i) add(".heed .s{0}{{stroke:var(--c{0})}}.heed .f{0}{{fill:var(--c{0})}}", i);
  body_ += "</style>\n";
  add(R"(<rect class="paper" width="{:.0f}" height="{:.0f}"/>)", width, height);
}

void Svg::text(double x, double y, const std::string& content, const TextStyle& style) {
  if (content.empty()) return;
  const std::string turned =
      style.turn == 0 ? "" : fmt::format(R"~( transform="rotate({:g} {:.1f} {:.1f})")~", style.turn, x, y);
  add(R"(<text x="{:.1f}" y="{:.1f}" class="{}" font-size="{:g}" text-anchor="{}"{}>{}</text>)", x, y, style.classes,
      style.size, style.anchor, turned, escape_html(visible(content)));
}

}  // namespace heed::train::plot

namespace heed::train {

void save_svg(const std::filesystem::path& path, const LineChart& chart, Loc loc) {
  const Op op{"save_svg", loc};
  write_file(path, svg(chart));
}
void save_svg(const std::filesystem::path& path, const Heatmap& heatmap, Loc loc) {
  const Op op{"save_svg", loc};
  write_file(path, svg(heatmap));
}

}  // namespace heed::train

// Line charts and heatmaps: where things are drawn, how labels read, what is refused.
#include <cstdlib>
#include <fstream>
#include <regex>

#include <heed/autograd/ops.h>
#include <heed/tensor/random.h>
#include <heed/train/show/plot.h>
#include <heed/train/show/plot/axis.h>
#include <heed/train/show/plot/svg.h>
#include "catch.h"
#include "skip.h"
#include "temporary_directory.h"

using namespace heed;
using namespace heed::train;
using heed::train::plot::Axis;
using heed::train::plot::make_axis;

namespace {

Series line(const std::string& name, std::vector<double> y) {
  Series series{name, {}, std::move(y)};
  for (size_t i = 0; i < series.y.size(); ++i) series.x.push_back(double(i));
  return series;
}

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// Whether every tag is closed in order, and nothing outside tags looks like one: what XML readers insist on.
bool well_formed(const std::string& xml) {
  static const std::regex tag(R"(<(/?)([a-zA-Z]+)((?:\s+[a-zA-Z0-9:-]+="[^"<&]*(?:&[a-z#0-9]+;[^"<&]*)*")*)\s*(/?)>)");
  std::vector<std::string> open;
  size_t end = 0;
  for (std::sregex_iterator it(xml.begin(), xml.end(), tag), none; it != none; ++it) {
    const std::string between = xml.substr(end, size_t(it->position()) - end);
    if (between.find_first_of("<>") != std::string::npos) return false;
    if (std::regex_search(between, std::regex("&(?!(amp|lt|gt|quot|#39);)"))) return false;
    end = size_t(it->position() + it->length());
    if ((*it)[1] == "/") {
      if (open.empty() || open.back() != (*it)[2]) return false;
      open.pop_back();
    } else if ((*it)[4] != "/") {
      open.push_back((*it)[2]);
    }
  }
  return open.empty() && end + 1 >= xml.size();
}

/// The numbers of one attribute of all elements of a class, in order.
std::vector<double> attributes(const std::string& svg, const std::string& class_name, const std::string& attribute) {
  std::vector<double> values;
  const std::regex element("<[a-z]+ class=\"" + class_name + "\"[^>]* " + attribute + "=\"([-0-9.]+)\"");
  for (std::sregex_iterator it(svg.begin(), svg.end(), element), none; it != none; ++it)
    values.push_back(std::stod((*it)[1]));
  return values;
}

}  // namespace

TEST_CASE("plot: ticks are at round numbers, and their labels say so", "[plot]") {
  CHECK(make_axis(0, 500, false, 6, false).labels == std::vector<std::string>{"0", "100", "200", "300", "400", "500"});
  CHECK(make_axis(1.53, 4.4, false, 5, true).labels == std::vector<std::string>{"1", "2", "3", "4", "5"});
  CHECK(make_axis(-0.25, 0.25, false, 5, false).labels == std::vector<std::string>{"-0.2", "-0.1", "0", "0.1", "0.2"});
  CHECK(make_axis(0, 20000, false, 4, false).labels ==
        std::vector<std::string>{"0", "5,000", "10,000", "15,000", "20,000"});
  CHECK(make_axis(1, 1000, true, 5, true).labels == std::vector<std::string>{"1", "10", "100", "1,000"});
  CHECK(make_axis(1e-9, 1, true, 5, true).labels ==
        std::vector<std::string>{"10⁻¹⁰", "10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "1"});
  CHECK(make_axis(3, 40, true, 5, false).labels == std::vector<std::string>{"5", "10", "20"});
  const Axis constant = make_axis(2, 2, false, 4, true);
  CHECK(constant.low < 2);
  CHECK(constant.high > 2);
}

TEST_CASE("plot: an axis maps its ends to 0 and 1, logarithms by ratio", "[plot]") {
  const Axis linear = make_axis(0, 10, false, 5, false), log = make_axis(1, 100, true, 5, false);
  CHECK(linear.at(2.5) == Approx(0.25));
  CHECK(log.at(10) == Approx(0.5));
}

TEST_CASE("plot: ticks of any span lie on the axis, a few of them, in order", "[plot]") {
  Rng rng(7);
  for (int i = 0; i < 300; ++i) {
    const double low = std::exp(20 * rng.uniform_double() - 10),
                 high = low * (1 + std::exp(8 * rng.uniform_double() - 4));
    for (const bool log : {false, true})
      for (const bool rounded : {false, true}) {
        const Axis axis = make_axis(low, high, log, 6, rounded);
        INFO(low << " to " << high << (log ? ", log" : "") << (rounded ? ", rounded" : ""));
        REQUIRE(axis.at(low) >= -1e-9);
        REQUIRE(axis.at(high) <= 1 + 1e-9);
        if (!log) REQUIRE(axis.ticks.size() >= 2);
        REQUIRE(axis.ticks.size() <= 9);
        for (size_t t = 0; t < axis.ticks.size(); ++t) {
          REQUIRE(axis.at(axis.ticks[t]) >= -1e-6);
          REQUIRE(axis.at(axis.ticks[t]) <= 1 + 1e-6);
          if (t > 0) REQUIRE(axis.labels[t] != axis.labels[t - 1]);
        }
      }
  }
}

TEST_CASE("plot: a line runs through its points", "[plot]") {
  const std::string picture = svg(LineChart{"Loss", "step", "loss (nats)", {line("training", {4, 2, 3, 0})}});
  REQUIRE(well_formed(picture));
  const std::vector<double> x = attributes(picture, "f0", "cx"), y = attributes(picture, "f0", "cy");
  REQUIRE(x.size() == 4);
  CHECK(x[2] - x[1] == Approx(x[1] - x[0]).margin(0.11));  // one decimal is written
  CHECK(y[3] - y[0] == Approx(300));                       // 0 to 4 is the whole height
  CHECK(y[1] == Approx((y[0] + y[3]) / 2));
  CHECK(count(picture, "<path class=\"line s0\"") == 1);
  CHECK(count(picture, ">loss (nats)</text>") == 1);
  CHECK(count(picture, ">training</text>") == 0);  // one series needs no legend
}

TEST_CASE("plot: several lines have a legend and colours of their own, dashed when colours repeat", "[plot]") {
  LineChart chart{"Many", "x", "y", {}};
  for (int i = 0; i < 9; ++i) chart.series.push_back(line("series " + std::to_string(i), {double(i), double(i + 1)}));
  const std::string picture = svg(chart);
  REQUIRE(well_formed(picture));
  for (int i = 0; i < 9; ++i) CHECK(count(picture, ">series " + std::to_string(i) + "</text>") == 1);
  CHECK(count(picture, "<path class=\"line s0\"") == 2);
  CHECK(count(picture, "<path class=\"line s0\" stroke-dasharray") == 1);
}

TEST_CASE("plot: a heatmap's cells are as dark as their values, in two colours around 0", "[plot]") {
  const std::string picture =
      svg(Heatmap{"W", "key", "query", {"a", "b"}, {"c", "d"}, tensor({{0.0, 0.5}, {0.25, 1.0}})});
  REQUIRE(well_formed(picture));
  const std::vector<double> dark = attributes(picture, "more", "fill-opacity");
  REQUIRE(dark.size() >= 4);
  CHECK(std::vector<double>(dark.begin(), dark.begin() + 4) == std::vector<double>{0, 0.5, 0.25, 1});
  CHECK(count(picture, "<title>d, a: 0.25</title>") == 1);
  CHECK(attributes(picture, "less", "fill-opacity").empty());

  const std::string both = svg(Heatmap{"", "", "", {}, {}, tensor({{-2.0, 1.0}})});
  REQUIRE(attributes(both, "less", "fill-opacity").at(0) == 1);
  REQUIRE(attributes(both, "more", "fill-opacity").at(0) == 0.5);
}

TEST_CASE("plot: given ends fix the colours, and values beyond get the end's", "[plot]") {
  const std::string picture = svg(Heatmap{"", "", "", {}, {}, tensor({{1.0, 3.0, 9.0}}), 2, 4});
  const std::vector<double> dark = attributes(picture, "more", "fill-opacity");
  CHECK(std::vector<double>(dark.begin(), dark.begin() + 3) == std::vector<double>{0, 0.5, 1});
}

TEST_CASE("plot: labels are text, whatever they hold", "[plot]") {
  const std::string evil = "<script>alert('&\"')</script>";
  const std::string bad = std::string("\x01\xff", 2);
  const std::vector<std::string> labels = {evil, "\n", " ", bad};
  const std::string map = svg(Heatmap{evil, evil, evil, labels, labels, ones({4, 4})});
  const std::string chart = svg(LineChart{evil, evil, evil, {line(evil, {1, 2}), line(bad, {2, 1})}});
  for (const std::string& picture : {map, chart}) {
    CHECK(well_formed(picture));
    CHECK(count(picture, "<script") == 0);
    CHECK(count(picture, "&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;") >= 4);
    CHECK(picture.find_first_of(std::string("\x01\xff", 2)) == std::string::npos);
    CHECK(count(picture, "��") >= 1);
  }
  CHECK(count(map, ">↵</text>") == 2);
  CHECK(count(map, ">␣</text>") == 2);
}

TEST_CASE("plot: Python's XML reader takes the pictures", "[plot]") {
  if (std::system("/usr/bin/python3 -c 'import xml.dom.minidom' 2>/dev/null") != 0) {
    tests::skip("/usr/bin/python3 cannot read XML");
    return;
  }
  const tests::TemporaryDirectory directory;
  save_svg(directory / "a.svg", LineChart{"a < b & c", "é", "", {line("\"x\"", {1, 2, 1})}});
  save_svg(directory / "b.svg", Heatmap{"<>", "", "", {"<b>", "&"}, {}, ones({3, 2})});
  for (const char* name : {"a.svg", "b.svg"})
    CHECK(std::system(("/usr/bin/python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' " +
                       (directory / name).string())
                          .c_str()) == 0);
}

TEST_CASE("plot: both settings of the reader have colours, and nothing comes from elsewhere", "[plot]") {
  const std::string picture = svg(LineChart{"t", "x", "y", {line("a", {1, 2})}});
  CHECK(count(picture, "@media (prefers-color-scheme:dark)") == 1);
  CHECK(count(picture, "http") == 1);  // the namespace
  CHECK(count(picture, "url(") == 0);
}

TEST_CASE("plot: one line in the terminal is drawn in Braille, between labelled axes", "[plot]") {
  CHECK(text(LineChart{"Up", "step", "y", {line("a", {0, 1, 2, 3, 4})}}, 24, 4) ==
        "            Up\n"
        "y\n"
        "4 ┤                ⢀⡠⠤⠒⠉\n"
        "  │           ⢀⡠⠤⠒⠉⠁\n"
        "2 ┤    ⢀⣀⠤⠤⠒⠒⠉⠁\n"
        "0 ┤⣀⠤⠒⠊⠁\n"
        "  └┬─────────┬─────────┬\n"
        "   0         2         4\n"
        "           step\n");
}

TEST_CASE("plot: several lines in the terminal have marks of their own", "[plot]") {
  const std::string picture = text(LineChart{"", "", "", {line("up", {0, 1}), line("down", {1, 0})}}, 40, 8);
  CHECK(count(picture, "● up\n") == 1);
  CHECK(count(picture, "○ down\n") == 1);
  CHECK(count(picture, "●") > 10);
  CHECK(count(picture, "○") > 10);
}

TEST_CASE("plot: a heatmap in the terminal tells its scale, and which values are negative", "[plot]") {
  CHECK(text(Heatmap{"", "", "", {"a", "b"}, {"x", "yy"}, tensor({{0.0, 4.0}, {2.0, -4.0}})}) ==
        "   a b \n"
        " x · ██\n"
        "yy ▒▒-█\n"
        "   · 0  ░ ▒ ▓  █ 4, with - below 0\n");
}

TEST_CASE("plot: what cannot be drawn is refused in one sentence", "[plot]") {
  CHECK_THROWS_WITH(svg(LineChart{"Loss", "", "", {}}),
                    Contains("chart 'Loss' has no series; need at least one  [test_plot.cpp"));
  CHECK_THROWS_WITH(text(LineChart{"", "", "", {{"a", {1, 2}, {1}}}}),
                    Contains("series 'a' has 2 x and 1 y; need as many of each"));
  CHECK_THROWS_WITH(svg(LineChart{"", "", "", {{"a", {}, {}}}}), Contains("series 'a' has no points"));
  CHECK_THROWS_WITH(svg(LineChart{"", "", "", {line("a", {1, NAN})}}),
                    Contains("point 1 of series 'a' is (1, nan); need finite numbers"));
  CHECK_THROWS_WITH(svg(LineChart{"", "", "", {line("a", {1, 0})}, false, true}),
                    Contains("a logarithmic axis needs numbers above 0"));
  CHECK_THROWS_WITH(svg(Heatmap{"W", "", "", {}, {}, Tensor()}),
                    Contains("values of shape none; need (rows, columns)"));
  CHECK_THROWS_WITH(svg(Heatmap{"W", "", "", {}, {}, ones({3})}), Contains("values of shape (3)"));
  CHECK_THROWS_WITH(svg(Heatmap{"W", "", "", {}, {}, ones({0, 3})}), Contains("values of shape (0, 3)"));
  CHECK_THROWS_WITH(svg(Heatmap{"", "", "", {"a"}, {}, ones({2, 2})}), Contains("2 columns, which 1 labels name"));
  CHECK_THROWS_WITH(text(Heatmap{"", "", "", {}, {"a"}, ones({2, 2})}), Contains("2 rows, which 1 labels name"));
  CHECK_THROWS_WITH(svg(Heatmap{"", "", "", {}, {}, full({1, 2}, -INFINITY)}),
                    Contains("value (0, 0) of heatmap '' is -inf"));
  CHECK_THROWS_WITH(svg(Heatmap{"", "", "", {}, {}, ones({1, 2}), 1, 1}), Contains("run from 1 to 1"));
  CHECK_THROWS_WITH(text(LineChart{"", "", "", {line("a", {1})}}, 10), Contains("10 columns and 16 lines are too few"));
}

TEST_CASE("plot: a picture is saved whole, or an older one stays", "[plot]") {
  const tests::TemporaryDirectory directory;
  const std::string path = directory / "loss.svg";
  const LineChart chart{"Loss", "", "", {line("a", {1, 2})}};
  save_svg(path, chart);
  CHECK_THROWS(save_svg(path, LineChart{"Loss", "", "", {}}));
  std::ifstream file(path);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == svg(chart));
  CHECK_THROWS_AS(save_svg(directory / "absent/loss.svg", chart), FileError);
}

TEST_CASE("plot: one point, one cell and constant values are drawn", "[plot]") {
  CHECK(well_formed(svg(LineChart{"", "", "", {{"a", {3}, {5}}}})));
  CHECK(well_formed(svg(LineChart{"", "", "", {{"a", {3, 4}, {5, 5}}}, true, true})));
  CHECK(well_formed(svg(Heatmap{"", "", "", {}, {}, zeros({1, 1})})));
  CHECK(well_formed(svg(Heatmap{"", "", "", {}, {}, ones({200, 300})})));
  CHECK(!text(LineChart{"", "", "", {{"a", {3}, {5}}}}).empty());
}

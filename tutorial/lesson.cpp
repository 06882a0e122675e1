#include "lesson.h"

#include <chrono>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <heed/tensor/io/atomic_file.h>
#include <heed/train/show/say.h>

namespace lesson {
namespace {

/// The lesson that is read after this one; empty after the last.
std::string next_lesson(const std::filesystem::path& program) {
  std::istringstream order(LESSON_ORDER);
  std::string name, next;
  while (order >> name && name != program.filename()) {}
  order >> next;
  return next;
}

std::string number(double value) {
  return std::isnan(value)   ? "nan"
         : std::isinf(value) ? (value < 0 ? "-inf" : "inf")
                             : fmt::format("{:.4f}", value);
}

/// Nested rows in brackets, numbers `width` wide; rows after the first are indented below it.
std::string printed(const heed::Tensor& x, size_t indent, size_t width) {
  if (x.rank() == 0) return fmt::format("{:>{}}", number(x.item<double>()), width);
  std::string text = "[";
  for (int64_t i = 0; i < x.size(0); ++i) {
    const size_t lines = static_cast<size_t>(x.rank() - 1);  // 0: a row of numbers goes on
    if (i > 0) text += lines == 0 ? ", " : "," + std::string(lines, '\n') + std::string(indent + 1, ' ');
    text += printed(x[i], indent + 1, width);
  }
  return text + "]";
}

}  // namespace

void Lesson::heading(const std::string& text) const { fmt::print("\n--- {}\n\n", text); }

void Lesson::show(const std::string& name, const heed::Tensor& x) {
  const std::string start = name + " = tensor(";
  size_t width = 0;
  for (const double value : x.detach().to_vector<double>()) width = std::max(width, number(value).size());
  fmt::print("{}{})\n", start, printed(x.detach().to(heed::f64), start.size(), width));
  if (x.rank() == 1) page(name, printed(x.detach().to(heed::f64), 0, width));
}

void Lesson::page(const std::string& name, const std::string& text) { page_.emplace_back(name, text); }

void Lesson::page(const std::string& name, const std::vector<std::vector<std::string>>& table) {
  const auto row = [](const std::vector<std::string>& cells) {
    return "| " + heed::join(cells, " | ") + " |\n";
  };
  std::string text = row(table.at(0)) + "|";
  for (size_t i = 0; i < table[0].size(); ++i) {
    const bool numbers =
        table.size() > 1 && table[1][i].find_first_not_of("+-.,%e 0123456789") == std::string::npos;
    text += numbers ? "---:|" : "---|";
  }
  text += "\n";
  for (size_t i = 1; i < table.size(); ++i) text += row(table[i]);
  page(name, text);
}

/// DIR/page.json, where tutorial/pages.py finds it.
void Lesson::write_page() const {
  nlohmann::ordered_json said = nlohmann::ordered_json::object();
  for (const auto& [name, text] : page_) said[name] = text;
  heed::write_file(out_ / "page.json", said.dump(1) + "\n");
}

void Lesson::count(bool passed, const std::string& line) {
  ++(passed ? passed_ : failed_);
  fmt::print("{} {}\n", passed ? "  ok  " : "WRONG:", line);
}

void Lesson::expect(const std::string& what, double value, double low, double high) {
  const std::string band = low == high ? fmt::format("{:g}", low) : fmt::format("{:g} to {:g}", low, high);
  expected_.push_back({what, fmt::format("{:.3g}", value), band});
  count(value >= low && value <= high, fmt::format("{}: {:.6g}   (expected {})", what, value, band));
}

void Lesson::expect_equal(const std::string& what, double value, double want, double tolerance) {
  expected_.push_back(
      {what, fmt::format("{:.6g}", value),
       tolerance > 0 ? fmt::format("{:g}, to {:g}", want, tolerance) : fmt::format("{:g}", want)});
  count(std::abs(value - want) <= tolerance, fmt::format("{}: {:.6g}   (expected {:g})", what, value, want));
}

void Lesson::expect_equal(const std::string& what, const heed::Tensor& x, const heed::Tensor& want,
                          double tolerance) {
  expected_.push_back({what, fmt::format("{} numbers", x.numel()),
                       tolerance > 0 ? fmt::format("equal to {:g}", tolerance) : "equal"});
  if (x.shape() != want.shape())
    return count(false, fmt::format("{}: shape {}   (expected {})", what, x.shape(), want.shape()));
  const std::vector<double> a = x.detach().to_vector<double>(), b = want.detach().to_vector<double>();
  double apart = 0;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) apart = std::isfinite(a[i] - b[i]) ? std::max(apart, std::abs(a[i] - b[i])) : INFINITY;
  count(apart <= tolerance, fmt::format("{}: {} numbers, at most {:.2g} apart   (expected {:g})", what,
                                        a.size(), apart, tolerance));
}

void Lesson::picture(const std::string& name, const heed::train::LineChart& chart, bool draw) const {
  const std::string path = (out_ / (name + ".svg")).string();
  heed::train::save_svg(path, chart);
  if (draw) fmt::print("\n{}  ({})\n", heed::train::text(chart), path);
  else ++undrawn_;
}

void Lesson::picture(const std::string& name, const heed::train::Heatmap& heatmap, bool draw) const {
  const std::string path = (out_ / (name + ".svg")).string();
  heed::train::save_svg(path, heatmap);
  if (draw) fmt::print("\n{}  ({})\n", heed::train::text(heatmap), path);
  else ++undrawn_;
}

void Lesson::leave_page(const std::string& html) {
  left_ = out_ / "page.html";
  heed::write_file(left_, html);
}

void Watch::step(double loss) {
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
  ++done_;
  progress_.update(done_, loss, 0, spent.count() / double(done_) * double(steps_ - done_));
}

std::string grouped(int64_t number) {
  const std::string digits = fmt::format("{}", number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string spaced(const std::vector<int64_t>& numbers) {
  std::string text;
  for (const int64_t n : numbers) text += fmt::format("{}{}", text.empty() ? "" : " ", n);
  return text;
}

heed::train::TrainingReport whole(const heed::train::TrainingReport& report) {
  if (report.ended == heed::train::Ended::interrupted)
    throw std::runtime_error(fmt::format("Interrupted after step {} of a training.", report.steps));
  return report;
}

int run(int argc, char** argv, const std::string& title, const std::function<void(Lesson&)>& body,
        uint64_t seed) {
  Lesson lesson;
  lesson.seed_ = seed;
  std::string out = "out/tutorial/" + std::filesystem::path(argv[0]).filename().string();
  CLI::App options(title);
  options.add_flag("--quick", lesson.quick_, "spend only seconds: shorter training, wider bands");
  options.add_option("--out", out, "where pictures go")->type_name("DIR")->capture_default_str();
  options
      .add_option("--seed", lesson.seed_, "of all random numbers; the expected ones belong to the default")
      ->capture_default_str();
  try {
    options.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return options.exit(error) == 0 ? 0 : 2;
  }
  const auto start = std::chrono::steady_clock::now();
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);  // what it says appears as it goes, in a log too
  try {
    lesson.out_ = out;
    std::filesystem::create_directories(lesson.out_);
    fmt::print("{}\n{}\n", title, std::string(title.size(), '='));
    body(lesson);
    lesson.page("expected", lesson.expected_);
    lesson.write_page();
  } catch (const std::exception& error) {
    heed::train::say("{}\n", error.what());
    ++lesson.failed_;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (lesson.undrawn_ > 0)
    fmt::print("\n{} more pictures are in {}\n", lesson.undrawn_, lesson.out_.string());
  if (!lesson.left_.empty())
    fmt::print("\nopen {} in a browser: the model of this lesson\n", lesson.left_.string());
  if (const std::string next = next_lesson(argv[0]); !next.empty())
    fmt::print("next: scripts/tutorial.sh {}\n", next);
  fmt::print("\n{:.1f} seconds, seed {}{}\n{} passed, {} failed\n", seconds.count(), lesson.seed_,
             lesson.quick_ ? ", quick" : "", lesson.passed_, lesson.failed_);
  return lesson.failed_ == 0 ? 0 : 1;
}

}  // namespace lesson

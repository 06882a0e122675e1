// What every lesson shares: its options, how it prints, and the numbers that it stands by.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <heed.h>
#include <heed/train/show/progress.h>

namespace lesson {

class Lesson {
 public:
  /// Whether to spend only seconds: shorter training, wider bands.
  bool quick() const { return quick_; }
  uint64_t seed() const { return seed_; }
  /// full, or with --quick the smaller budget.
  int64_t budget(int64_t full, int64_t small) const { return quick_ ? small : full; }
  /// Where pictures go; it exists.
  const std::filesystem::path& out() const { return out_; }

  void heading(const std::string& text) const;
  /// "name = tensor([[0.9995, 0.9544], ...])": four decimals, as PyTorch prints them.
  /// A vector goes to the page too, under that name.
  void show(const std::string& name, const heed::Tensor& x);

  /// What the lesson's page says at its mark of that name: tutorial/pages.py puts it there.
  void page(const std::string& name, const std::string& text);
  /// The same of a table: the first row is its head. Columns of numbers are aligned to the right.
  void page(const std::string& name, const std::vector<std::vector<std::string>>& table);

  /// Prints the number with its band, and counts it as failed outside [low, high].
  void expect(const std::string& what, double value, double low, double high);
  /// The same for two numbers, or for all elements of two tensors of one shape, that may differ by
  /// `tolerance`.
  void expect_equal(const std::string& what, double value, double want, double tolerance = 0);
  void expect_equal(const std::string& what, const heed::Tensor& x, const heed::Tensor& want,
                    double tolerance = 0);

  /// Writes out()/page.html, which the last lines name.
  void leave_page(const std::string& html);

  /// Saves NAME.svg in out() and draws the chart in the terminal; `draw` false only saves.
  void picture(const std::string& name, const heed::train::LineChart& chart, bool draw = true) const;
  void picture(const std::string& name, const heed::train::Heatmap& heatmap, bool draw = true) const;

 private:
  friend int run(int, char**, const std::string&, const std::function<void(Lesson&)>&, uint64_t);
  void count(bool passed, const std::string& line);
  void write_page() const;

  bool quick_ = false;
  uint64_t seed_ = 0;
  std::filesystem::path out_;
  std::vector<std::pair<std::string, std::string>> page_;
  std::vector<std::vector<std::string>> expected_ = {{"what", "seen", "expected"}};
  std::filesystem::path left_;  // the page, if there is one
  int passed_ = 0, failed_ = 0;
  mutable int undrawn_ = 0;
};

/// Tells how a loop of training goes: the loss and the time left, in a line that is drawn anew.
class Watch {
 public:
  explicit Watch(int64_t steps) : steps_(steps), progress_(steps) {}
  /// To be called after each step.
  void step(double loss);
  /// Lines that stay.
  void note(const std::string& lines) { progress_.note(lines); }

 private:
  int64_t steps_, done_ = 0;
  heed::train::Progress progress_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The report of a training. Throws if Ctrl-C cut it off: then the lesson ends, as its numbers would say nothing.
heed::train::TrainingReport whole(const heed::train::TrainingReport& report);

/// "806,016"
std::string grouped(int64_t number);
/// "3 14 15"
std::string spaced(const std::vector<int64_t>& numbers);

/// main() of a lesson: reads --quick, --out DIR and --seed N, prints the title, runs `body`, and ends with
/// the line "4 passed, 0 failed". Returns 0 if all expectations held, 1 if not or if an error stopped it, 2
/// for bad options.
int run(int argc, char** argv, const std::string& title, const std::function<void(Lesson&)>& body,
        uint64_t seed = 123);

}  // namespace lesson

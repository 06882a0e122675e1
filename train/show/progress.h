// A line that tells how training goes, on a terminal or in a log.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

namespace heed::train {

/// "1:02:03", "4:05" or "0:07" for a number of seconds.
std::string format_duration(double seconds);
/// "850", "12.3k", "4.56M".
std::string format_count(double count);

/// Loss, tokens a second (0: not said) and time left. On a terminal the line is redrawn in place, a few times a second,
/// and where columns are few it leaves out what is less asked for; elsewhere a plain line is printed every few seconds.
/// A stream that takes nothing more, as a terminal that closed, is no error.
class Progress {
 public:
  /// `stream` is not owned.
  explicit Progress(int64_t steps, std::FILE* stream = stderr);
  /// Leaves the last line as it is.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` steps are done, and all that is left takes so many seconds; `doing` is what it does besides steps.
  void update(int64_t done, double loss, double tokens_per_second, double left, const std::string& doing = "");
  /// The same at once, however short ago it was drawn.
  void draw(int64_t done, double loss, double tokens_per_second, double left, const std::string& doing = "");
  /// Whole lines that stay, above the one that is redrawn.
  void note(const std::string& lines);
  /// Of the terminal, now; 0 elsewhere.
  int columns() const;

 private:
  void erase();

  int64_t steps_;
  std::FILE* stream_;
  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point last_;  // when a line was last written
};

/// The losses of a run's metrics as a picture of so many columns; empty if there are not two of them.
std::string loss_curve(const std::filesystem::path& metrics, int columns);

}  // namespace heed::train

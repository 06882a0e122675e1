#include <heed/train/show/progress.h>

#include <cmath>

#include <fmt/core.h>
#include <unistd.h>

namespace heed::train {
namespace {

constexpr std::chrono::milliseconds kRedraw{200};  // on a terminal
constexpr std::chrono::seconds kNextLine{5};       // elsewhere

}  // namespace

std::string format_duration(double seconds) {
  const int64_t s = std::llround(seconds);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string format_count(double count) {
  if (count >= 1e6) return fmt::format("{:.2f}M", count / 1e6);
  if (count >= 1e4) return fmt::format("{:.1f}k", count / 1e3);
  return fmt::format("{:.0f}", count);
}

Progress::Progress(int64_t steps, int64_t done, std::FILE* stream)
    : steps_(steps),
      first_(done),
      stream_(stream),
      terminal_(isatty(fileno(stream)) != 0),
      last_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (drawn_) fmt::print(stream_, "\n");
}

void Progress::update(int64_t done, double loss, double tokens_per_second, double seconds) {
  const auto now = std::chrono::steady_clock::now();
  const bool last = done == steps_;
  if (!last && now - last_ < (terminal_ ? std::chrono::steady_clock::duration(kRedraw) : kNextLine)) return;
  last_ = now;
  const double left = seconds / static_cast<double>(done - first_) * static_cast<double>(steps_ - done);
  const std::string line =
      fmt::format("step {:>{}}/{}  loss {:.4f}  {} tokens/s  {} left", done, std::to_string(steps_).size(), steps_,
                  loss, format_count(tokens_per_second), format_duration(left));
  erase();
  fmt::print(stream_, "{}{}", line, terminal_ ? "" : "\n");
  drawn_ = terminal_;
  std::fflush(stream_);
}

void Progress::note(const std::string& line) {
  erase();
  fmt::print(stream_, "{}\n", line);
  drawn_ = false;
  std::fflush(stream_);
}

void Progress::erase() {
  if (drawn_) fmt::print(stream_, "\r\033[K");
}

}  // namespace heed::train

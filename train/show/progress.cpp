#include <heed/train/show/progress.h>

#include <algorithm>
#include <cmath>

#include <sys/ioctl.h>
#include <unistd.h>

#include <heed/train/metrics_log.h>
#include <heed/train/show/plot.h>
#include <heed/train/show/say.h>

namespace heed::train {

constexpr std::chrono::milliseconds kRedraw{200};  // on a terminal
constexpr std::chrono::seconds kNextLine{5};       // elsewhere

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

Progress::Progress(int64_t steps, std::FILE* stream)
    : steps_(steps), stream_(stream), terminal_(isatty(fileno(stream)) != 0), last_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (drawn_) say(stream_, "\n");
}

void Progress::update(int64_t done, double loss, double tokens_per_second, double left, const std::string& doing) {
  const auto now = std::chrono::steady_clock::now();
  const bool last = done == steps_ && doing.empty();
  if (!last && now - last_ < (terminal_ ? std::chrono::steady_clock::duration(kRedraw) : kNextLine)) return;
  draw(done, loss, tokens_per_second, left, doing);
}

void Progress::draw(int64_t done, double loss, double tokens_per_second, double left, const std::string& doing) {
  last_ = std::chrono::steady_clock::now();
  const std::string count = fmt::format("{:>{}}/{}", done, std::to_string(steps_).size(), steps_);
  const std::string activity = doing.empty() ? "" : "  " + doing, time = format_duration(left);
  const std::string speed = tokens_per_second > 0 ? fmt::format("  {} tokens/s", format_count(tokens_per_second)) : "";
  const std::string lines[] = {// the longest that leaves the last column free, which some terminals wrap at
                               fmt::format("step {}  loss {:.4f}{}{}  {} left", count, loss, speed, activity, time),
                               fmt::format("step {}  loss {:.4f}{}  {} left", count, loss, activity, time),
                               fmt::format("{}  {:.3f}{}  {}", count, loss, activity, time),
                               fmt::format("{}{}  {}", count, activity, time), fmt::format("{}  {}", count, time)};
  const size_t room = columns() > 0 ? static_cast<size_t>(columns() - 1) : lines[0].size();
  const std::string* line = std::ranges::find_if(lines, [&](const std::string& l) { return l.size() <= room; });
  if (line == std::end(lines)) --line;
  erase();
  say(stream_, "{}{}", line->substr(0, room), terminal_ ? "" : "\n");
  drawn_ = terminal_;
  std::fflush(stream_);
}

void Progress::note(const std::string& lines) {
  erase();
  say(stream_, "{}\n", lines);
  drawn_ = false;
  std::fflush(stream_);
}

int Progress::columns() const {
  winsize size{};
  if (!terminal_ || ioctl(fileno(stream_), TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

void Progress::erase() {
  if (drawn_) say(stream_, "\r\033[K");
}

std::string loss_curve(const std::filesystem::path& metrics, int columns) {
  Series training{"training", {}, {}}, evaluation{"evaluation", {}, {}};
  for (const auto& [step, numbers] : read_metrics(metrics)) {
    if (numbers.empty() || numbers[0].first.ends_with(kOfAll)) continue;
    Series& series = numbers[0].first == "loss" ? training : evaluation;
    series.x.push_back(static_cast<double>(step));
    series.y.push_back(numbers[0].second);
  }
  LineChart chart{"", "step", "loss", {}};
  for (const Series& series : {training, evaluation})
    if (series.x.size() > 1) chart.series.push_back(series);
  return chart.series.empty() ? "" : text(chart, columns, 12);
}

}  // namespace heed::train

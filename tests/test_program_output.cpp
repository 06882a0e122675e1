// What the program prints arrives, or it says that it did not; what it says to type next works; and how many threads
// print it.
#include <fstream>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "catch.h"
#include "workplace.h"

using namespace heed;
using tests::Finished;
using tests::kTinyGpt;
using tests::kTinyTranslator;
using tests::Workplace;

TEST_CASE("heed: output that a full disk did not take is an error in one sentence, of every command", "[program]") {
  const Workplace place;
  REQUIRE(place.run(kTinyGpt + "--tokenizer bpe --vocabulary 270 --out gpt").exit_code == 0);
  REQUIRE(place.run(kTinyTranslator + "--out translator").exit_code == 0);
  std::ofstream(place / "ids") << "72 101";
  for (const std::string& command : std::vector<std::string>{
           "info", "info --json", "--help", "gpt --help", "--version", "manual", "completion bash",
           "gpt sample --model gpt --tokens 5", "gpt sample --model gpt --tokens 5 --samples 2",
           kTinyGpt + "--json --overwrite --out other", kTinyTranslator + "--json --overwrite --out other",
           "seq2seq translate --model translator 'cat number 7'", "seq2seq translate --model translator < pairs",
           "tokenizer encode --tokenizer gpt text", "tokenizer decode --tokenizer gpt ids"}) {
    REQUIRE(place.run(command).exit_code == 0);
    const Finished full = place.run(command + " > /dev/full");
    INFO("heed " << command << "\n" << full.err);
    CHECK(full.exit_code == 1);
    const std::string last = full.err.substr(full.err.rfind("heed: "));
    CHECK(last == "heed: the output could not all be written; need a place for it, with room\n");
  }
}

TEST_CASE("heed: a full disk ends training in one sentence and leaves no file half-written", "[program][errors]") {
  const Workplace place;
  REQUIRE(place.run("gpt train --text text --preset micro --steps 2 --out model").exit_code == 0);
  const std::string weights = tests::content_of(place / "model/model.safetensors");
  const Finished full =
      place.run("gpt train --text text --preset micro --steps 3 --overwrite --out model", tests::kFullDisk);
  INFO(full.err);
  CHECK(full.exit_code == 1);
  CHECK_THAT(full.err, Contains("heed: ") && Contains("cannot write") && Contains("model.safetensors"));
  CHECK(tests::content_of(place / "model/model.safetensors") == weights);
  for (const auto& entry : std::filesystem::directory_iterator(place / "model"))
    CHECK(entry.path().extension() != ".tmp");

  REQUIRE(place.run("gpt train --text text --preset micro --steps 3 --time-limit 0.000001 --out cut").exit_code == 0);
  const Finished resumed = place.run("gpt train --resume --out cut", tests::kFullDisk);
  CHECK(resumed.exit_code == 1);
  CHECK_THAT(resumed.err, Contains("; the save of step 1 is whole: once this is mended, resume goes on from it\n"));
  CHECK(place.run("gpt train --resume --out cut").exit_code == 0);
}

TEST_CASE("heed: a log that cannot be written ends no command, and takes no file's place", "[program]") {
  const Workplace place;
  REQUIRE(place.run(kTinyGpt + "--out whole").exit_code == 0);
  const std::string whole = tests::content_of(place / "whole/model.safetensors");
  for (const std::string lost : {"2>/dev/full", "2>&-", "2>&1 >/dev/null | head -c 1 >/dev/null; true"}) {
    INFO(lost);
    std::filesystem::remove_all(place / "model");
    CHECK(place.run(kTinyGpt + "--evaluate-every 2 --sample-every 2 --out model " + lost).exit_code == 0);
    CHECK(tests::content_of(place / "model/model.safetensors") == whole);
    CHECK(place.files_in("model") == tests::kModelFiles);
    CHECK(place.run(kTinyTranslator + "--overwrite --out translator " + lost).exit_code == 0);
  }
  CHECK(place.run("gpt sample --model none 2>&-").exit_code == 1);
  CHECK(place.run("gpt sample --model none 2>/dev/full").exit_code == 1);
  CHECK(place.run("gpt fly 2>&-").exit_code == 2);
  const Finished closed = place.run("gpt sample --model whole --tokens 5 >&-");
  CHECK(closed.exit_code == 1);
  CHECK(closed.err == "heed: the output could not all be written; need a place for it, with room\n");
}

TEST_CASE("heed train: the next command is quoted so that a shell takes it", "[program]") {
  const Workplace place;
  std::ofstream pairs(place / "pairs of 'it'");
  for (int i = 0; i < 40; ++i) pairs << "it 's number " << i << "\tc' est numéro " << i << "\n";
  pairs.close();
  const auto next = [&](const std::string& command, const std::string& before) {
    const Finished trained = place.run(command);
    REQUIRE(trained.exit_code == 0);
    const size_t at = trained.err.rfind(before + "heed ") + before.size() + 5;
    const Finished then = place.run(trained.err.substr(at, trained.err.find('\n', at) - at));
    INFO(trained.err << then.err);
    CHECK(then.exit_code == 0);
    return then.out;
  };
  for (const char* directory : {"'a run'", "'a run, isn'\\''t it'", "'$HOME & co'"}) {
    const std::string out = std::string("--overwrite --out ") + directory;
    CHECK_FALSE(next(kTinyGpt + out, "Next: ").empty());
    next(kTinyGpt + "--time-limit 0.000001 " + out, "To go on: ");
    const std::string train = "seq2seq train --pairs \"pairs of 'it'\" --steps 6 --threads 1 " + out;
    CHECK_FALSE(next(train, "Next: ").empty());
    next(train + " --time-limit 0.000001", "To go on: ");
  }
}

TEST_CASE("heed --threads: every command that computes has so many threads", "[program]") {
  const Workplace place;
  const Finished gpt = place.run("gpt train --text text --layers 1 --heads 2 --channels 512 --steps 0 --out gpt");
  REQUIRE(gpt.exit_code == 0);  // wide enough to be shared
  REQUIRE(place.run(kTinyTranslator + "--out translator").exit_code == 0);
  struct Endless {
    std::string command, before, once;  // what it reads, and the file that is there once it computes
  };
  for (const auto& [command, before, once] :
       {Endless{"gpt train --text text --preset micro --steps 1000000 --out run", "", "run/metrics.jsonl"},
        Endless{"seq2seq train --pairs pairs --steps 1000000 --out run", "", "run/metrics.jsonl"},
        Endless{"gpt sample --model gpt --tokens 100000000", "", "said"},
        Endless{"seq2seq translate --model translator", "yes cat |", "said"}}) {
    const auto threads = [&, command = command, before = before, once = once](int count) {
      std::filesystem::remove_all(place / "run");
      const Finished counted = place.run(
          fmt::format(
              "{} --threads {} > said 2> /dev/null & pid=$!; while [ -e /proc/$pid/exe ] && [ ! -s {} ]; do :; done; "
              "ls /proc/$pid/task | wc -l; kill -KILL $pid; wait $pid 2> /dev/null; rm said",
              command, count, once),
          before);
      return std::stoi(counted.out);
    };
    INFO(command);
    CHECK(threads(3) == threads(1) + 2);
  }
}

TEST_CASE("heed: a reader of the output that has read enough is no error", "[program]") {
  const Workplace place;
  const Finished cut = place.run("manual | head -c 1");
  CHECK(cut.out == ".");
  CHECK(cut.err.empty());
  CHECK(place.run("info | true").err.empty());  // which has left by then
}

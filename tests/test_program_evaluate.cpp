// `heed gpt evaluate` and `heed seq2seq evaluate` from outside: the numbers of training's end, of any text and pairs.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "workplace.h"

using namespace heed;
using nlohmann::json;
using tests::Finished;
using tests::kKillOnceSaved;
using tests::kTinyGpt;
using tests::kTinyTranslator;
using tests::Workplace;

namespace {

json result_of(const Workplace& place, const std::string& command) {
  const Finished finished = place.run(command + " --json");
  INFO(finished.err);
  REQUIRE(finished.exit_code == 0);
  return json::parse(finished.out);
}

}  // namespace

TEST_CASE("heed gpt evaluate: the loss of training's end, of the text, of its ids, and of the whole", "[program]") {
  const Workplace place;
  const json trained = result_of(place, kTinyGpt + "--out model");
  const std::string evaluate = "gpt evaluate --model model --text ";
  const json held_out = result_of(place, evaluate + "text --held-out");
  const auto size = static_cast<int64_t>(tests::content_of(place / "text").size());
  CHECK(held_out["loss"] == trained["val_loss"]);
  CHECK(held_out["bits_per_byte"] == trained["bits_per_byte"]);
  CHECK(held_out["perplexity"].get<double>() == Approx(std::exp(held_out["loss"].get<double>())));
  CHECK(held_out["tokens"] == size - size * 9 / 10 - 1);
  REQUIRE(place.run("gpt prepare --text text --tokenizer model --out ids").exit_code == 0);
  CHECK(result_of(place, evaluate + "ids") == held_out);

  const json whole = result_of(place, evaluate + "text");
  CHECK(whole["tokens"] == size - 1);
  CHECK(whole["loss"] != held_out["loss"]);
  CHECK_THAT(place.run(evaluate + "text").out,
             Contains(fmt::format("loss {:.4f} (perplexity ", whole["loss"].get<double>())));
  // A window's first token is predicted from itself alone: of one token each, all are.
  CHECK(result_of(place, evaluate + "text --context 1")["loss"] > whole["loss"]);
  for (const std::string weights : {"bf16", "q8"}) {
    const double loss = result_of(place, evaluate + "text --weights " + weights)["loss"];
    CHECK(loss != whole["loss"]);
    CHECK(loss == Approx(whole["loss"].get<double>()).epsilon(1e-3));
  }
}

TEST_CASE("heed gpt evaluate: what it cannot predict", "[program]") {
  const Workplace place;
  REQUIRE(place.run(kTinyGpt + "--out model").exit_code == 0);
  REQUIRE(place.run(kTinyGpt + "--tokenizer bpe --vocabulary 260 --out pieces").exit_code == 0);
  REQUIRE(place.run("gpt prepare --text text --tokenizer pieces --out ids").exit_code == 0);
  std::ofstream(place / "one") << "a";
  std::ofstream(place / "strange") << "the café";
  const std::string evaluate = "gpt evaluate --model model --text ";
  const auto refused = [&](const std::string& arguments, int code, const std::string& why) {
    const Finished finished = place.run(evaluate + arguments);
    INFO(arguments << ": " << finished.err);
    CHECK(finished.exit_code == code);
    CHECK(finished.out.empty());
    CHECK_THAT(finished.err, Contains(why));
  };
  refused("one", 1, "gpt evaluate: 'one' has 1 token to predict from; need 2 or more");
  refused("one --held-out", 1, "gpt evaluate: the last tenth of 'one' has 1 token");
  refused("strange", 1, "unknown characters \"fé\"");
  refused("nothing", 1, "cannot read \"nothing\"");
  refused("text --context 33", 2, "--context 33 is more than the model has positions for; need at most 32");
  refused("ids", 2, "the tokenizer of --model is another than 'ids/tokenizer.json', which made the ids");
  refused("ids --held-out", 2, "--held-out is given, and --text 'ids' is a directory of ids; need a text");
  refused("ids --keep-cr", 2, "--keep-cr is given, and --text 'ids' is a directory of ids; need a text");
}

TEST_CASE("heed seq2seq evaluate: the scores of training's end, of other pairs, of a wider beam", "[program]") {
  const Workplace place;
  json trained = result_of(place, "seq2seq train --pairs pairs --steps 60 --threads 1 --out model");
  const std::string evaluate = "seq2seq evaluate --model model ";
  const json scores = result_of(place, evaluate);
  for (const auto& [key, value] : scores.items()) CHECK(trained[key] == value);
  const Finished printed = place.run(evaluate);
  CHECK_THAT(printed.out, Contains("exact match") && Contains("chrF2"));
  CHECK(printed.err.empty());
  CHECK(result_of(place, evaluate + "--beam 3")["arch"] == "attention");

  const std::string sentence = "cat number 7",
                    answer = place.run("seq2seq translate --model model '" + sentence + "'").out;
  std::ofstream(place / "own") << sentence << "\t" << answer;
  CHECK(result_of(place, evaluate + "--pairs own")["exact_match"] == 1);

  // What another run held out does not stay beside the model that is written over its own.
  std::filesystem::rename(place / "model", place / "cut");
  place.run(
      "seq2seq train --pairs pairs --steps 9999 --save-every 1 --threads 1 --out cut --overwrite" + kKillOnceSaved,
      "set -m;");
  CHECK_THAT(place.run("seq2seq evaluate --model cut").err, Contains("'cut' has no held_out.tsv"));
  std::filesystem::rename(place / "cut", place / "model");

  CHECK(place.run(evaluate + "--pairs nothing").exit_code == 1);
  CHECK_THAT(place.run(evaluate).err, Contains("'model' has no held_out.tsv") && Contains("need --pairs FILE"));
}

TEST_CASE("heed seq2seq evaluate: pairs longer than training took are left out, aloud", "[program]") {
  const Workplace place;
  REQUIRE(place.run(kTinyTranslator + "--max-length 4 --out model").exit_code == 0);
  const std::string evaluate = "seq2seq evaluate --model model --pairs own";
  std::ofstream(place / "own") << "one two three four five\tun\n";
  CHECK_THAT(place.run(evaluate).err,
             Contains("seq2seq evaluate: no pair has at most 4 tokens on each side, the --max-length of training"));
  std::ofstream(place / "own") << "one two three four five\tun\ncat number 7\tchat\n";
  const Finished scored = place.run(evaluate);
  CHECK(scored.exit_code == 0);
  CHECK_THAT(scored.err, Contains("left out of what is scored, since longer than 4 tokens: 1 of the pairs"));
}

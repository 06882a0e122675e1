// Trainings of the program that are interrupted, killed, resumed, or meet another one.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <pty.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <heed/tensor/io/json.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/tensor/precision.h>
#include <heed/train/run_directory.h>
#include "catch.h"
#include "skip.h"
#include "workplace.h"

using namespace heed;
using tests::Finished;
using tests::kKillOnceSaved;
using tests::kModelFiles;
using tests::kTinyGpt;
using tests::kTinyTranslator;
using tests::kTranslatorFiles;
using tests::replace;
using tests::Workplace;

TEST_CASE("heed: Ctrl-C saves before it leaves, and --resume ends as if nothing had happened", "[program]") {
  const Workplace place;
  const auto check = [&](const std::string& train, const std::string& resume, const std::set<std::string>& files) {
    REQUIRE(place.run(train + " --out whole").exit_code == 0);
    const Finished cut = place.run(
        train + " --out cut & pid=$!; while [ ! -s cut/metrics.jsonl ]; do sleep 0.01; done; kill -INT $pid; wait $pid",
        "set -m;");
    INFO(cut.err);
    REQUIRE(cut.exit_code == 130);
    CHECK_THAT(cut.err, Contains("saved") && Contains("--resume --out cut"));
    CHECK(place.files_in("cut").contains("training.safetensors"));
    const Finished resumed = place.run(resume + " --resume --threads 1 --out cut");
    INFO(resumed.err);
    REQUIRE(resumed.exit_code == 0);
    CHECK(place.files_in("cut") == files);
    CHECK(tests::content_of(place / "cut/model.safetensors") == tests::content_of(place / "whole/model.safetensors"));
    CHECK(tests::content_of(place / "cut/best/config.json") == tests::content_of(place / "whole/best/config.json"));
    CHECK(tests::content_of(place / "cut/best/model.safetensors") ==
          tests::content_of(place / "whole/best/model.safetensors"));
  };
  check("gpt train --text text --preset micro --steps 3000 --dropout 0.1 --threads 1", "gpt train", kModelFiles);
  for (const char* directory : {"cut", "whole"}) std::filesystem::remove_all(place / directory);
  check("gpt train --text text --preset micro --like qwen3 --optimizer muon --steps 1500 --threads 1", "gpt train",
        kModelFiles);
  for (const char* directory : {"cut", "whole"}) std::filesystem::remove_all(place / directory);
  check("seq2seq train --pairs pairs --steps 150 --threads 1", "seq2seq train", kTranslatorFiles);
  for (const char* directory : {"cut", "whole"}) std::filesystem::remove_all(place / directory);
  std::ofstream(place / "valid") << "cat number 3\tchat numéro 3\n";
  check(
      "seq2seq train --pairs pairs --valid-pairs valid --arch transformer --tokens bpe --vocabulary 300 --width 32 "
      "--dropout 0.1 --label-smoothing 0.1 --lr 0.003 --batch 20 --max-length 60 --average 50 --steps 150 "
      "--threads 1",
      "seq2seq train", kTranslatorFiles);
}

TEST_CASE("heed: a terminal that closes leaves a saved run, and under nohup one that goes on", "[program]") {
  const Workplace place;
  const auto closed = [&](const std::string& before, const std::string& train) {
    int terminal = -1;
    const pid_t process = forkpty(&terminal, nullptr, nullptr, nullptr);
    if (process == 0) {
      const std::string command = "cd '" + place.path().string() + "' && trap " + before +
                                  " HUP && exec '" HEED_PROGRAM "' " + train + " --threads 1 --out run";
      execl("/bin/bash", "bash", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    REQUIRE(process > 0);
    std::string said;  // until a line of progress is drawn
    for (char c = 0; said.find("left") == said.npos && read(terminal, &c, 1) == 1;) said += c;
    INFO(said);
    CHECK_THAT(said, Contains("left"));
    close(terminal);
    int status = 0;
    REQUIRE(waitpid(process, &status, 0) == process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  };
  for (const char* train : {"gpt train --text text --preset micro --batch 1000 --steps 1000",  // steps of some 0.3 s
                            "seq2seq train --pairs pairs --batch 80 --steps 1000"}) {
    CHECK(closed("-", train) == 130);
    CHECK(place.files_in("run").contains("training.safetensors"));
    std::filesystem::remove_all(place / "run");
  }
  CHECK(closed("''", "gpt train --text text --preset micro --batch 1000 --steps 6 --evaluate-every 1") == 0);
  CHECK(place.files_in("run") == kModelFiles);
}

TEST_CASE("heed: a run that is killed before it is ever evaluated goes on from where it was saved", "[program]") {
  const Workplace place;
  const std::string train = "gpt train --text text --preset micro --steps 400 --dropout 0.1 --threads 1";
  REQUIRE(place.run(train + " --out whole").exit_code == 0);
  CHECK(place.run(train + " --save-every 1 --out cut" + kKillOnceSaved, "set -m;").exit_code == 128 + 9);
  const Finished refused = place.run(train + " --out cut");
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, Contains("'cut' holds a model"));
  const Finished resumed = place.run("gpt train --resume --threads 1 --out cut");
  INFO(resumed.err);
  REQUIRE(resumed.exit_code == 0);
  CHECK(tests::content_of(place / "cut/model.safetensors") == tests::content_of(place / "whole/model.safetensors"));
}

TEST_CASE("heed: a run with every rule, cut again and again by its time limit, repeats an uncut one", "[program]") {
  const Workplace place;
  const auto check = [&](const std::string& train, const std::string& resume) {
    const std::string rules =
        " --accumulate 2 --ema 0.9 --evaluate-every 7 --patience 3 --save-every 5 --threads 1 --precision auto";
    const Finished whole = place.run(train + rules + " --out whole");
    INFO(whole.err);
    REQUIRE(whole.exit_code == 0);
    CHECK_THAT(whole.err, Contains("Next: heed "));
    Finished cut = place.run(train + rules + " --out cut --time-limit 0.001 --sample-every 4");
    int runs = 1;
    for (; cut.exit_code == 0 && cut.err.find("The time limit of 0.001 s is over after step") != cut.err.npos; ++runs) {
      CHECK_THAT(cut.err, Contains("--resume --out cut"));
      cut = place.run(resume + " --resume --threads 1 --out cut --time-limit " + (runs < 3 ? "0.001" : "100"));
    }
    INFO(cut.err);
    CHECK(cut.exit_code == 0);
    CHECK(runs == 4);
    for (const char* file : {"metrics.jsonl", "model.safetensors", "best/model.safetensors", "config.json"})
      CHECK(tests::content_of(place / "cut" / file) == tests::content_of(place / "whole" / file));
    for (const char* directory : {"cut", "whole"}) std::filesystem::remove_all(place / directory);
  };
  check("gpt train --text text --preset micro --steps 40 --dropout 0.1", "gpt train");
  check("seq2seq train --pairs pairs --steps 20", "seq2seq train");
}

TEST_CASE("heed gpt train: a run ends with its curve, a sample and the next command, on stderr alone", "[program]") {
  const Workplace place;
  const Finished trained = place.run(kTinyGpt + "--evaluate-every 5 --out model");
  REQUIRE(trained.exit_code == 0);
  CHECK(trained.out.empty());
  for (const char* part :
       {"● training\n", "○ evaluation\n", "sample of step 20:\n", "Next: heed gpt sample --model model\n"})
    CHECK_THAT(trained.err, Contains(part));
  const Finished translated = place.run(kTinyTranslator + "--out translator");
  REQUIRE(translated.exit_code == 0);
  CHECK_THAT(translated.err,
             Contains(" -> ") && Contains("Next: heed seq2seq translate --model translator 'cat number"));
}

TEST_CASE("heed: --resume is offered where it can go on, and else what is offered works", "[program]") {
  const Workplace place;
  const auto says = [&](const std::string& command, const std::string& sentence) {
    const Finished refused = place.run(command);
    CHECK(refused.exit_code == 1);
    CHECK(refused.err == "heed: " + sentence + "\n");
  };
  const auto works = [&](const std::string& command) {
    const Finished finished = place.run(command);
    INFO(command << "\n" << finished.err);
    CHECK(finished.exit_code == 0);
  };
  for (const auto& [kind, train, init] :
       {std::tuple("gpt", kTinyGpt, "--init 'my run' and another --out to train on, "),
        std::tuple("seq2seq", kTinyTranslator, "")}) {
    const std::string holds = "train: 'my run' holds a model; need --overwrite to replace it, ",
                      over = fmt::format(
                          "--resume: the run in 'my run' has ended, or was never saved whole; need "
                          "{}--overwrite to begin anew",
                          init),
                      into = "--out 'my run'", resume = fmt::format("{} train --resume {}", kind, into);
    works(train + "--time-limit 0.000001 " + into);
    says(train + into, holds + "--resume to go on, or another directory");
    works(resume);
    says(train + into, holds + "or another directory");
    says(resume, over);
    works(train + "--overwrite " + into);
    if (*init) works(train + "--init 'my run' --out " + kind);
    // Room for the weights alone: their file is named, and the state after it is not written.
    const auto weights = std::filesystem::file_size(place / "my run/model.safetensors");
    std::filesystem::remove_all(place / "my run");
    const Finished full = place.run(train + "--save-every 5 " + into, tests::full_disk(weights / 512 + 2));
    CHECK(full.exit_code == 1);
    CHECK_THAT(full.err, Contains("cannot write 'my run/training.safetensors'"));
    says(resume, over);
    works(train + "--overwrite " + into);
    std::filesystem::remove_all(place / "my run");
  }
}

TEST_CASE("heed: an interrupted run that another one overwrites is gone, even if that one saves nothing", "[program]") {
  const Workplace place;
  for (const auto& [kind, train, use] :
       {std::tuple("gpt", kTinyGpt, "gpt sample --tokens 5 --model cut"),
        std::tuple("seq2seq", kTinyTranslator, "seq2seq translate --model cut 'cat number 7'")})
    for (const bool killed : {false, true}) {
      std::filesystem::remove_all(place / "cut");
      REQUIRE(place.run(train + "--time-limit 0.000001 --out cut").exit_code == 0);
      const std::string said = place.run(use).out;
      const std::string other = train + "--seed 9 --lr 0.5 --overwrite --out cut";
      if (killed)
        CHECK(place
                  .run(other + " --save-every 100000 --evaluate-every 100000 & pid=$!; while [ -e "
                               "cut/training.safetensors ]; do :; done; kill -KILL $pid; wait $pid 2>/dev/null",
                       "set -m;")
                  .exit_code == 128 + 9);
      else CHECK(place.run(other, tests::kFullDisk).exit_code == 1);
      const Finished resumed = place.run(std::string(kind) + " train --resume --out cut");
      CHECK(resumed.exit_code == 1);
      CHECK_THAT(resumed.err, Contains("the run in 'cut' has ended, or was never saved whole"));
      CHECK(place.run(use).out == said);  // the last model of the old run, whole
    }
}

TEST_CASE("heed train: nothing is removed that heed did not write", "[program]") {
  const Workplace place;
  const std::vector<std::string> foreign = {"out/best/photo.jpg", "out/snapshots/notes.txt", "out/snapshots/1.txt",
                                            "out/events.out.tfevents.1700000000.host.7.0"};
  for (const std::string& file : foreign) {
    std::filesystem::create_directories((place / file).parent_path());
    std::ofstream(place / file) << "precious";
  }
  const auto train = [&](const std::string& command) {
    const Finished finished = place.run(command + " --save-every 2 --tensorboard --out out");
    INFO(finished.err);
    CHECK(finished.exit_code == 0);
    for (const std::string& file : foreign) CHECK(tests::content_of(place / file) == "precious");
  };
  train(kTinyGpt);
  train(kTinyGpt + "--overwrite");
  train(kTinyTranslator + "--overwrite --average 3");
  for (const char* file : {"config.json", "model.safetensors"}) std::filesystem::remove(place / "out" / file);
  const Finished refused = place.run(kTinyGpt + "--out out");
  CHECK(refused.err == "heed: train: 'out/best' holds a model; need --overwrite to replace it, or another directory\n");
}

TEST_CASE("heed: a directory is one run's at a time, and a dead one holds it no longer", "[program]") {
  const Workplace place;
  {
    const train::RunDirectory held(place / "model");
    for (const std::string& command : {kTinyGpt, kTinyTranslator, kTinyGpt + "--overwrite "}) {
      const Finished second = place.run(command + "--out model");
      CHECK(second.exit_code == 1);
      CHECK(second.err == fmt::format("heed: train: process {} trains into 'model'; need another directory, or that "
                                      "process ended\n",
                                      getpid()));
    }
    CHECK(place.files_in("model") == std::set<std::string>{"run.lock"});
    CHECK_THROWS_WITH(train::RunDirectory(place / "model"), Contains(fmt::format("process {} trains into", getpid())));
  }
  CHECK(place.files_in("model").empty());
  std::ofstream(place / "model/run.lock") << "left by a process that was killed";
  CHECK(place.run(kTinyGpt + "--out model").exit_code == 0);
  CHECK(place.files_in("model") == kModelFiles);
  CHECK(place.run(kTinyGpt + "--seed 9 --overwrite --out model").exit_code == 0);
  CHECK_THAT(tests::content_of(place / "model/config.json"), Contains("\"seed\": 9"));
}

TEST_CASE("heed gpt train: one process that is to shard its optimiser is told that it does not", "[program]") {
  const Workplace place;
  const Finished alone = place.run(kTinyGpt + "--shard-optimizer --out alone");
  CHECK(alone.exit_code == 0);
  CHECK_THAT(alone.err, Contains("heed: --shard-optimizer shares nothing, as there is one process"));
}

TEST_CASE("heed train --resume: a run in bf16 is refused where there is none", "[program]") {
  if (has_bf16()) return tests::skip("a machine without bf16");
  const Workplace place;
  for (const std::string& train : {kTinyGpt, kTinyTranslator}) {
    REQUIRE(place.run(train + "--time-limit 1e-6 --overwrite --out cut").exit_code == 0);
    std::string config = tests::content_of(place / "cut/config.json");
    const std::string f32 = "\"precision\": \"f32\"";
    REQUIRE_THAT(config, Contains(f32));
    std::ofstream(place / "cut/config.json") << config.replace(config.find(f32), f32.size(), "\"precision\": \"bf16\"");
    const Finished refused = place.run(train.substr(0, train.find(' ')) + " train --resume --out cut");
    CHECK(refused.exit_code == 1);
    CHECK(refused.err == "heed: --resume: the products of the run in 'cut' read bf16, and " + why_no_bf16() +
                             "; need a machine of which heed info says bf16, as in f32 its numbers would be others\n");
  }
}

TEST_CASE("heed train: a run whose directory is removed or moved ends with a sentence, and makes no other",
          "[program]") {
  const Workplace place;
  for (const std::string train : {"gpt train --text text --preset micro", "seq2seq train --pairs pairs --average 3"})
    for (const std::string away : {"rm -r cut", "mv cut away"}) {
      const Finished finished = place.run(train +
                                          " --threads 1 --steps 100000 --save-every 1 --out cut & pid=$!; while [ ! -e "
                                          "cut/training.safetensors ]; do :; done; kill -STOP $pid; " +
                                          away + "; kill -CONT $pid; wait $pid");
      INFO(finished.err);
      CHECK(finished.exit_code == 1);
      CHECK_THAT(finished.err, Contains("heed: "));
      CHECK_FALSE(std::filesystem::exists(place / "cut"));
      if (away[0] == 'r') {
        CHECK_THAT(finished.err, !Contains("is whole"));
        continue;
      }
      std::filesystem::rename(place / "away", place / "cut");
      const std::string resume = train.substr(0, train.find(' ')) + " train --resume --time-limit 1e-6 --out cut";
      CHECK(place.run(resume).exit_code == 0);
      std::filesystem::remove_all(place / "cut");
    }
}

TEST_CASE("heed train: the weights say which version wrote them, under what licence, and after how many steps",
          "[program]") {
  const Workplace place;
  const std::string version = place.run("--version").out;  // "heed 1.2.3\n"
  for (const std::string& train : {kTinyGpt, kTinyTranslator})
    for (const std::string license : {"", "CC-BY-4.0"}) {
      const std::string given = license.empty() ? "" : " --license " + license;
      REQUIRE(place.run(train + " --overwrite --out m" + given).exit_code == 0);
      const Metadata said = SafetensorsFile(place / "m/model.safetensors").metadata();
      CHECK(said == Metadata{{"format", "pt"},
                             {"heed", version.substr(5, version.size() - 6)},
                             {"license", license.empty() ? "unknown" : license},
                             {"steps", train == kTinyGpt ? "20" : "6"}});
    }
  const Finished refused = place.run(std::string(kTinyGpt) + " --out n --license ''");
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, Contains("--license: need a line of text, not ''"));
}

TEST_CASE("heed train --resume: from any working directory, and wherever text, ids or pairs were moved", "[program]") {
  const Workplace place;
  REQUIRE(place.run("tokenizer train --tokenizer pieces --vocabulary 270 text").exit_code == 0);
  REQUIRE(place.run("gpt prepare --text text --tokenizer pieces --out ids").exit_code == 0);
  std::ofstream(place / "valid") << "cat number 3\tchat numéro 3\n";
  const std::string where = place.path().string(), micro = " --preset micro --steps 20";
  for (const auto& [train, file, option] :
       {std::tuple("gpt train --text text" + micro, "text", "--text"),
        {"gpt train --text ids" + micro, "ids", "--text"},
        {"seq2seq train --pairs pairs --steps 6", "pairs", "--pairs"},
        {"seq2seq train --pairs pairs --valid-pairs valid --steps 6", "valid", "--valid-pairs"}}) {
    const std::string resume = train.substr(0, train.find(' ')) + " train --resume --out '" + where + "/run'";
    const std::string cut = train + " --overwrite --out run --time-limit 0.000001";
    REQUIRE(place.run(cut).exit_code == 0);
    const Finished elsewhere = place.run(resume, "cd / &&");
    INFO(train << elsewhere.err);
    CHECK(elsewhere.exit_code == 0);
    REQUIRE(place.run(cut).exit_code == 0);
    std::filesystem::rename(place / file, place / "moved");
    const Finished lost = place.run(resume);
    CHECK(lost.exit_code == 1);
    CHECK(lost.err ==
          fmt::format("heed: --resume: '{}/{}' is not there; need {}, to say where what the interrupted run "
                      "learns from now is\n",
                      where, file, option));
    CHECK(place.run(resume + " --time-limit 0.000001 " + option + " moved").exit_code == 0);
    CHECK(place.run(resume, "cd / &&").exit_code == 0);  // it has learnt where that is
    std::filesystem::rename(place / "moved", place / file);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(place / "run"))
      if (entry.is_regular_file()) CHECK(tests::content_of(entry.path()).find(where) == std::string::npos);
  }
}

TEST_CASE("heed train --resume: a run of an older version, whose configuration has the paths, goes on", "[program]") {
  const Workplace place;
  std::ofstream(place / "valid") << "cat number 3\tchat numéro 3\n";
  const auto path = [&](const char* file) { return (place / file).string(); };
  for (const auto& [kind, train, paths] : {std::tuple("gpt", tests::kTinyGpt, Json{{"text", path("text")}}),
                                           {"seq2seq",
                                            tests::kTinyTranslator + "--valid-pairs valid ",
                                            {{"pairs", path("pairs")}, {"valid_pairs", path("valid")}}}}) {
    REQUIRE(place.run(train + "--out run --time-limit 0.000001").exit_code == 0);
    Safetensors state = load_safetensors(place / "run/training.safetensors");
    std::erase_if(state.metadata, [](const auto& note) { return note.first.starts_with("--"); });
    save_safetensors(place / "run/training.safetensors", state.tensors, state.metadata);
    Json config = Json::parse(tests::content_of(place / "run/config.json"));
    (config.contains("heed") && config["heed"].is_object() ? config["heed"] : config)["training"].update(paths);
    std::ofstream(place / "run/config.json") << config.dump();
    const Finished resumed = place.run(fmt::format("{} train --resume --out '{}/run'", kind, path("")), "cd / &&");
    INFO(resumed.err);
    CHECK(resumed.exit_code == 0);
    std::filesystem::remove_all(place / "run");
  }
}

TEST_CASE("heed train: a text in a folder whose name is not UTF-8 is learnt, and found again if it is told",
          "[program]") {
  const Workplace place;
  std::filesystem::create_directory(place / "\xff");
  for (const char* file : {"text", "pairs"}) std::filesystem::copy(place / file, place / "\xff" / file);
  for (const auto& [kind, option, file] : {std::tuple("gpt", "--text", "text"), {"seq2seq", "--pairs", "pairs"}}) {
    const std::string train = fmt::format("{} train --out run ", kind),
                      there = fmt::format("{} \xff/{} ", option, file);
    const std::string micro = kind == std::string("gpt") ? "--preset micro " : "";
    const Finished cut = place.run(train + there + micro + "--steps 4 --time-limit 0.000001");
    INFO(cut.err);
    REQUIRE(cut.exit_code == 0);
    CHECK_THAT(place.run(train + "--resume").err, Contains("is not there; need ") && Contains(option));
    CHECK(place.run(train + there + "--resume").exit_code == 0);
    std::filesystem::remove_all(place / "run");
  }
}

TEST_CASE("heed gpt train: ids that changed, and those of another tokenizer, are refused", "[program]") {
  const Workplace place;
  for (const char* size : {"270", "280"})
    REQUIRE(place.run(fmt::format("tokenizer train --tokenizer {0} --vocabulary {0} text", size)).exit_code == 0);
  REQUIRE(place.run("gpt prepare --text text --tokenizer 270 --out ids").exit_code == 0);
  const std::string train = "gpt train --text ids --preset micro --steps 20 --threads 1 --time-limit 0.000001 --out ";
  CHECK(place.run(train + "same --tokenizer 270").exit_code == 0);
  const Finished other = place.run(train + "other --tokenizer 280");
  CHECK(other.exit_code == 2);
  CHECK_THAT(other.err, Contains("the tokenizer of --tokenizer is another than '") &&
                            Contains("ids/tokenizer.json', which made the ids; need that one"));
  REQUIRE(place.run("gpt train --text text --tokenizer 280 --preset micro --steps 1 --out init").exit_code == 0);
  CHECK_THAT(place.run(train + "other --init init").err, Contains("the tokenizer of --init is another than '"));
  std::string ids = tests::content_of(place / "ids/train.bin");
  std::swap_ranges(ids.begin(), ids.begin() + 2, ids.begin() + 2);
  REQUIRE(ids != tests::content_of(place / "ids/train.bin"));
  std::ofstream(place / "ids/train.bin", std::ios::binary) << ids;
  CHECK_THAT(place.run("gpt train --resume --out same").err,
             Contains("/ids' has changed: its ids are others, as many as the interrupted run's; need those"));
}

TEST_CASE("heed seq2seq train: scores that Ctrl-C or a kill cut off are told and logged by --resume", "[program]") {
  const Workplace place;
  std::ofstream(place / "valid") << tests::content_of(place / "pairs").substr(0, 1200);
  const std::string train = "seq2seq train --pairs pairs --valid-pairs valid --steps 6 --ema 0.5 --threads 1 ";
  const Finished whole = place.run(train + "--out whole");
  REQUIRE(whole.exit_code == 0);
  CHECK_THAT(tests::content_of(place / "whole/metrics.jsonl"), Contains("\"bleu_all\":"));
  const auto table = [](const Finished& run) {
    const size_t at = std::min(run.err.size(), run.err.find("source words"));
    return run.err.substr(at, run.err.find("Next: ") - at);
  };
  for (const auto& [signal, code] : {std::pair("INT", 130), {"KILL", 128 + 9}}) {
    std::filesystem::remove_all(place / "cut");
    const Finished cut = place.run(
        train +
            fmt::format("--beam 300 --out cut & pid=$!; while [ ! -e cut/held_out.tsv ]; do :; done; kill -{} $pid; "
                        "wait $pid 2>/dev/null",
                        signal),
        "set -m;");
    INFO(cut.err);
    CHECK(cut.exit_code == code);
    if (code == 130)
      CHECK_THAT(cut.err, Contains("Interrupted after step 6; saved. To go on: heed seq2seq train --res"));
    const Finished resumed = place.run("seq2seq train --resume --threads 1 --out cut");
    CHECK(resumed.exit_code == 0);
    CHECK(table(resumed) == table(whole));
    CHECK(place.files_in("cut") == kTranslatorFiles);
    for (const char* file : {"metrics.jsonl", "model.safetensors", "best/model.safetensors"})
      CHECK(tests::content_of(place / "cut" / file) == tests::content_of(place / "whole" / file));
  }
}

TEST_CASE("heed seq2seq train --resume: other pairs, as many, are refused", "[program]") {
  const Workplace place;
  const std::string pairs = tests::content_of(place / "pairs");
  const Finished cut = place.run(
      "seq2seq train --pairs pairs --steps 1000 --save-every 1 --threads 1 --out cut & pid=$!; "
      "while [ ! -e cut/training.safetensors ]; do :; done; kill -KILL $pid; wait $pid 2>/dev/null",
      "set -m;");
  REQUIRE(cut.exit_code == 128 + 9);
  std::string other = pairs;
  std::swap(other[0], other[2]);
  std::ofstream(place / "pairs") << other;
  const Finished refused = place.run("seq2seq train --resume --out cut");
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, Contains("pairs' has changed"));
  replace(place / "pairs", "/dev/zero");
  CHECK_THAT(place.run("seq2seq train --resume --out cut").err, Contains("pairs\" is not a regular file"));
}

TEST_CASE("heed gpt train --resume: another text is refused, and a directory that does not tell is not", "[program]") {
  const Workplace place;
  const std::string text = tests::content_of(place / "text");
  const Finished cut = place.run(
      "gpt train --text text --preset micro --steps 3000 --threads 1 --out cut & pid=$!; "
      "while [ ! -s cut/metrics.jsonl ]; do sleep 0.01; done; kill -INT $pid; wait $pid",
      "set -m;");
  REQUIRE(cut.exit_code == 130);
  std::string other = text;
  std::swap(other[4], other[8]);  // as long, and of the same characters
  std::ofstream(place / "text") << other;
  const Finished refused = place.run("gpt train --resume --out cut");
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, Contains("text has changed: its bytes are others, as many as the interrupted run's"));
  std::ofstream(place / "text") << text << "more";
  CHECK_THAT(place.run("gpt train --resume --out cut").err,
             Contains(fmt::format("text has changed: it has {} bytes where the interrupted run had {}; need the same",
                                  text.size() + 4, text.size())));
  replace(place / "text", "/dev/zero");
  CHECK_THAT(place.run("gpt train --resume --out cut").err, Contains("text\" is not a regular file"));
  std::filesystem::remove(place / "text");
  std::ofstream(place / "text") << other;

  auto config = nlohmann::ordered_json::parse(tests::content_of(place / "cut/config.json"));
  config["heed"]["training"].erase("text_hash");
  std::ofstream(place / "cut/config.json") << config.dump();
  CHECK(place.run("gpt train --resume --threads 1 --out cut").exit_code == 0);
}

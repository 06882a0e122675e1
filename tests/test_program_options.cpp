// What --resume does with each option of `heed gpt train` and `heed seq2seq train`, as their --help lists them.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include <heed/tensor/io/safetensors.h>
#include "catch.h"
#include "workplace.h"

using namespace heed;
using tests::Finished;
using tests::Workplace;

namespace {

/// The options of a command line, or of --help.
std::set<std::string> options_in(const std::string& text) {
  static const std::regex option("(?:^|\\s)(--[a-z-]+)(?=\\s|$)");
  std::set<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), option), end; at != end; ++at) names.insert((*at)[1]);
  return names;
}

/// The option that begins a line of --help.
std::set<std::string> options_of(const Finished& help) {
  std::set<std::string> names;
  for (size_t at = help.out.find("\n  --"); at != help.out.npos; at = help.out.find("\n  --", at + 1))
    names.merge(options_in(help.out.substr(at + 3, help.out.find_first_of(" \n", at + 3) - at - 3)));
  return names;
}

const std::set<std::string> kAgain = {"--text",       "--pairs", "--valid-pairs", "--sample-every",
                                      "--save-every", "--keep",  "--beam"};
// Of one process: how long it may take, what it runs on, where it writes what.
const std::set<std::string> kOfProcess = {"--out",  "--resume",  "--overwrite",      "--time-limit",
                                          "--json", "--threads", "--shard-optimizer"};

}  // namespace

TEST_CASE("heed train --resume: no option that a run was given is forgotten, and none that decides it is taken",
          "[program]") {
  const Workplace place;
  REQUIRE(place.run("gpt train --text text --preset micro --steps 1 --tokenizer bpe --vocabulary 270 --out init")
              .exit_code == 0);
  std::ofstream(place / "valid") << "cat number 3\tchat numéro 3\ncat number 4\tchat numéro 4\n";
  const std::string rules =
      " --steps 12 --seed 5 --lr 0.01 --accumulate 2 --evaluate-every 3 --precision auto --license MIT --batch 5 "
      "--dropout 0.1 --sample-every 2 --save-every 5 --keep 0,4 --tensorboard ";
  for (const auto& [kind, runs] :
       {std::pair<std::string, std::vector<std::string>>(
            "gpt", {"--text text --preset micro --like nanochat --tokenizer bpe --vocabulary 270 --optimizer muon "
                    "--context 16 --layers 1 --heads 4 --channels 16 --ema 0.9 --patience 2 --keep-cr",
                    "--text text --preset micro --init init --freeze h.0 --context 8",
                    "--text text --preset micro --init init --lora 2 --ema 0.9"}),
        {"seq2seq",
         {"--pairs pairs --valid-pairs valid --tokens bpe --vocabulary 300 --arch transformer --width 16 "
          "--layers 1 --heads 2 --average 3 --label-smoothing 0.1 --max-length 40 --beam 3",
          "--pairs pairs --min-count 3 --tokens words --cell lstm --ema 0.9 --patience 2"}}}) {
    const std::string train = kind + " train ", resume = train + "--resume --threads 1 --out cut ";
    std::set<std::string> known = kOfProcess;
    if (kind == "seq2seq") known.erase("--shard-optimizer");
    for (const std::string& run : runs) {
      INFO(train << run);
      const std::string all = train + run + rules + "--threads 1 --overwrite ";
      known.merge(options_in(run + rules));
      const Finished whole = place.run(all + "--out whole"), cut = place.run(all + "--out cut --time-limit 0.000001");
      INFO(whole.err << cut.err);
      REQUIRE((whole.exit_code == 0 && cut.exit_code == 0));
      for (const bool first : {true, false}) {
        INFO((first ? "as it was begun" : "as it was resumed"));
        const Metadata notes = SafetensorsFile(place / "cut/training.safetensors").metadata();
        for (const std::string& option : options_in(run + rules)) {
          if (!kAgain.contains(option)) continue;
          const auto note = notes.find(option);
          REQUIRE(note != notes.end());
          CHECK_THAT(all + " ", Contains(option + " " + std::filesystem::path(note->second).filename().string() + " "));
        }
        if (first) REQUIRE(place.run(resume + "--time-limit 0.000001").exit_code == 0);
      }
      const Finished resumed = place.run(resume);
      INFO(resumed.err);
      CHECK(resumed.exit_code == 0);
      CHECK(place.files_in("cut").size() > place.files_in("whole").size());  // each process has its event file
      for (const char* file : {"config.json", "metrics.jsonl", "model.safetensors", "steps/0/model.safetensors",
                               "steps/4/model.safetensors"})
        CHECK(tests::content_of(place / "cut" / file) == tests::content_of(place / "whole" / file));
      for (const char* said : {"sample of step 4:", "sample of step 6:", "translated with a beam of 3"})
        CHECK((resumed.err.find(said) == resumed.err.npos) == (whole.err.find(said) == whole.err.npos));
    }
    const Finished help = place.run(train + "--help");
    CHECK(options_of(help) == known);
    CHECK_THAT(help.out, Contains("--keep N,N,... ") && !Contains("... ..."));

    REQUIRE(place.run(train + runs[0] + rules + "--overwrite --out cut --time-limit 0.000001").exit_code == 0);
    std::set<std::string> tried = {"--tensorboard"};  // goes on where it is
    for (const std::string& run : runs)
      for (const std::string& option : options_in(run + rules)) {
        if (kAgain.contains(option) || !tried.insert(option).second) continue;
        const std::string words = run + rules + " ", given = words.substr(words.find(option + " "));
        const Finished refused = place.run(resume + given.substr(0, given.find(" --")));
        INFO(given);
        CHECK(refused.exit_code == 2);
        CHECK_THAT(refused.err, Contains(option + " is given too; need none, as the interrupted run goes on with its"));
      }
    for (const char* folder : {"cut", "whole"}) std::filesystem::remove_all(place / folder);
  }
}

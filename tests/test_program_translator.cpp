// `heed seq2seq` from outside.
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include <heed/train/model_config.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>
#include "catch.h"
#include "page_data.h"
#include "workplace.h"

using namespace heed;
using tests::Finished;
using tests::kTinyTranslator;
using tests::kTranslatorFiles;
using tests::Workplace;

TEST_CASE("heed seq2seq: each architecture trains, reports by length, and translates", "[program]") {
  const Workplace place;
  for (const std::string arch : {"rnn", "attention", "transformer"}) {
    const Finished trained = place.run(kTinyTranslator + "--arch " + arch +
                                       (arch == "transformer" ? "" : " --cell lstm") + " --json --out " + arch);
    INFO(trained.err);
    REQUIRE(trained.exit_code == 0);
    const auto report = nlohmann::json::parse(trained.out);
    for (const char* key : {"parameters", "steps", "train_loss", "val_loss", "seconds", "tokens_per_s", "peak_mib",
                            "exact_match", "bleu"})
      CHECK(report[key].is_number());
    REQUIRE(report["by_length"].size() == 1);
    CHECK(report["by_length"][0]["count"] == 5);
    CHECK(place.files_in(arch) == kTranslatorFiles);
    CHECK(tests::content_of(place / (arch + "/held_out.tsv")).starts_with("cat number "));
    const Finished translated = place.run("seq2seq translate --model " + arch + " --beam 3 'Cat number 7' 'cat'");
    CHECK(translated.exit_code == 0);
    CHECK(std::count(translated.out.begin(), translated.out.end(), '\n') == 2);
  }
  CHECK_THAT(place.run("seq2seq translate --model attention --align 'cat number 7'").out,
             Contains("█") || Contains("▒") || Contains("░"));
  CHECK_THAT(place.run("seq2seq translate --model attention 'cat zebra'").err, Contains("does not know 'zebra'"));
}

TEST_CASE("heed page: a run becomes a page of all models that it kept, each after the steps that made it",
          "[program][page]") {
  const Workplace place;
  for (const std::string run : {"seq2seq", "gpt"}) {
    const std::string train = run + " train --threads 1 --steps 6 --out " + run +
                              (run == "gpt" ? " --text text --preset micro " : " --pairs pairs ");
    REQUIRE(place.run(train + "--keep 0,2 --keep 4").exit_code == 0);
    const auto steps = [&](const std::string& models) {
      const Finished finished = place.run("page " + models + " --out page.html");
      INFO(finished.err);
      REQUIRE(finished.exit_code == 0);
      const auto page = tests::page_data(tests::content_of(place / "page.html"));
      std::vector<int64_t> all;
      for (const auto& snapshot : page["snapshots"]) all.push_back(snapshot["steps"]);
      return all;
    };
    CHECK(steps("--model " + run) == std::vector<int64_t>{0, 2, 4, 6});
    CHECK(steps("--model " + run + "/steps/2") == std::vector<int64_t>{2});
    CHECK(steps("--model " + run + " --model " + run + "/steps/0") == std::vector<int64_t>{0, 6});
    const Finished twice = place.run("page --out no.html --model " + run + " --model " + run);
    CHECK(twice.exit_code == 2);
    CHECK_THAT(twice.err, Contains(fmt::format("'{0}' and '{0}' are both of 6 steps; need snapshots of one", run)));

    // A run that was cut off goes on with what it was asked to keep, and its model says how far it came.
    REQUIRE(place.run(train + "--keep 1,3,6 --time-limit 1e-6 --overwrite").exit_code == 0);
    CHECK(steps("--model " + run) == std::vector<int64_t>{1});
    for (const char* step : {"0", "7", "300000"}) {
      const Finished none = place.run(run + " train --resume --keep 2," + step + " --out " + run);
      CHECK(none.exit_code == 2);
      CHECK_THAT(none.err, Contains(fmt::format("--keep: the run has no step {} ahead; need 1 to 6\n", step)));
    }
    REQUIRE(place.run(run + " train --resume --out " + run).exit_code == 0);
    CHECK(steps("--model " + run) == std::vector<int64_t>{1, 3, 6});
    const std::filesystem::path third = place / run / "steps/3";
    CHECK((run == "gpt" ? train::read_gpt_training(train::ModelConfig::read(third)).rules.done
                        : train::load_translator(third)->training().rules.done) == 3);

    // As many as a page has no room for.
    for (int64_t step = 10; step < 3000; ++step)
      std::filesystem::create_directory_symlink("1", place / run / "steps" / std::to_string(step));
    const Finished many = place.run("page --out no.html --model " + run);
    CHECK(many.exit_code == 2);
    CHECK_THAT(many.err, Contains("numbers of 2993 snapshots are too many for a page; need at most 30.00M: name fewer "
                                  "snapshots, each by --model"));
    CHECK(steps("--model " + run + " --model " + run + "/steps/3") == std::vector<int64_t>{3, 6});
  }
  CHECK_THAT(place.run(kTinyTranslator + "--keep 7 --out no").err,
             Contains("--keep: the run has no step 7; need 0 to 6"));
  CHECK_FALSE(std::filesystem::exists(place / "no"));
  const Finished mixed = place.run("page --out no.html --model seq2seq --model gpt/steps/3");
  CHECK(mixed.exit_code == 2);
  CHECK_THAT(mixed.err, Contains("'gpt/steps/3' has another architecture, other sizes or tokens than 'seq2seq'"));
  CHECK_FALSE(std::filesystem::exists(place / "no.html"));
}

TEST_CASE("heed page: snapshots are of one training, not of models that differ where shapes do not",
          "[program][page]") {
  const Workplace place;
  const auto learn = [&](const std::string& options, const std::string& name) {
    REQUIRE(place.run("seq2seq train --pairs pairs --width 16 --threads 1 " + options + " --out " + name).exit_code ==
            0);
  };
  const auto refuses = [&](const std::string& model, const std::string& other) {
    const Finished refused = place.run("page --out page.html --model " + model + " --model " + other);
    CHECK(refused.exit_code == 2);
    CHECK_THAT(refused.err, Contains(fmt::format("'{}' has another architecture, other sizes or tokens than '{}'; need "
                                                 "snapshots of one training",
                                                 other, model)));
    CHECK_FALSE(std::filesystem::exists(place / "page.html"));
  };
  learn("--arch transformer --layers 1 --heads 4 --steps 2", "four");
  learn("--arch transformer --layers 1 --heads 2 --steps 4", "two");
  refuses("four", "two");
  learn("--cell rnn --steps 2", "tanh");
  learn("--cell rnn_relu --steps 4", "relu");
  refuses("tanh", "relu");
  learn("--cell rnn --steps 4", "late");
  CHECK(place.run("page --model tanh --model late --out page.html").exit_code == 0);
}

TEST_CASE("heed seq2seq train: tokens, sizes and training are as asked, and kept with the model", "[program]") {
  const Workplace place;
  std::ofstream(place / "valid") << "cat number 3\tchat numéro 3\ncat number 3\tle chat numéro 3\ndog\tchien\n";
  const Finished trained = place.run(
      "seq2seq train --pairs pairs --valid-pairs valid --arch transformer --tokens bpe --vocabulary 270 --width 24 "
      "--layers 1 --heads 3 --dropout 0.2 --lr 0.01 --batch 16 --label-smoothing 0.1 --max-length 40 --steps 20 "
      "--threads 1 --beam 2 --json --out model");
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  CHECK_THAT(trained.err, Contains("left out of training, since 'valid' has their sources too: 1 of the pairs"));
  CHECK_THAT(trained.err, Contains("learns 99 pairs") && Contains("beam of 2") && Contains("pair by pair"));
  CHECK_THAT(trained.err, Contains("BLEU is nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"));
  const auto report = nlohmann::json::parse(trained.out);
  for (const char* key : {"chrf", "exact_match_of_one", "bleu_of_one"}) CHECK(report[key].is_number());
  CHECK(tests::content_of(place / "model/held_out.tsv") ==
        "cat number 3\tchat numéro 3\ncat number 3\tle chat numéro 3\ndog\tchien\n");

  const auto config = nlohmann::json::parse(tests::content_of(place / "model/config.json"));
  CHECK(config["source_words"]["model"]["type"] == "BPE");
  CHECK(config["config"]["context"] == 90);
  CHECK(config["config"]["feedforward"] == 96);
  const auto translator = train::load_translator(place / "model");
  CHECK(translator->source_tokens().size() == 270);
  const train::TranslatorTraining& training = translator->training();
  CHECK((training.valid_pairs == "valid" && training.batch == 16 && training.lr == 0.01));
  CHECK((training.label_smoothing == 0.1 && training.max_length == 40));
  const Finished translated = place.run("seq2seq translate --model model --align 'Cat number zebra'");
  CHECK(translated.exit_code == 0);
  CHECK(translated.err.empty());  // nothing is unknown
}

TEST_CASE("heed seq2seq train: the best model by validation is kept beside the last, and opens like it", "[program]") {
  const Workplace place;
  const std::string train = "seq2seq train --pairs pairs --arch rnn --width 16 --threads 1 --out model --overwrite ";
  REQUIRE(place.run(train + "--lr 0.1 --steps 40").exit_code == 0);
  const auto weights = [&](const std::string& file) { return tests::content_of(place / file); };
  const std::string before = weights("model/best/model.safetensors");
  CHECK(before != weights("model/model.safetensors"));
  CHECK(place.run("seq2seq translate --model model/best 'cat number 7'").exit_code == 0);
  // A run anew is not measured by what stood there before.
  REQUIRE(place.run(train + "--lr 0.1 --steps 0").exit_code == 0);
  CHECK(weights("model/best/model.safetensors") == weights("model/model.safetensors"));
  CHECK(weights("model/best/model.safetensors") != before);
}

TEST_CASE("heed seq2seq translate: without a sentence each line of stdin is answered, before the next one comes",
          "[program]") {
  const Workplace place;
  REQUIRE(place.run("seq2seq train --pairs pairs --tokens bpe --max-length 30 --steps 6 --threads 1 --out model")
              .exit_code == 0);
  const std::string translate = "seq2seq translate --model model";
  const Finished lines =
      place.run(translate + " < lines",
                "printf '\\357\\273\\277Cat number 7\\r\\n\\nA caf\\351\\n%0100d\\n cat number 8' 1 > lines;");
  INFO(lines.err);
  CHECK(lines.exit_code == 1);
  CHECK(std::count(lines.out.begin(), lines.out.end(), '\n') == 5);
  CHECK(lines.out.substr(lines.out.find('\n')).starts_with("\n\n\n\n"));  // nothing for three lines
  CHECK_THAT(lines.err, Contains("heed: line 3: the sentence is not UTF-8: byte 5 (0xe9)"));
  CHECK_THAT(lines.err, Contains("heed: line 4: word '0000") && Contains("the model takes at most 30"));
  CHECK(lines.out.starts_with(place.run(translate + " 'cat number 7'").out));

  // The second line is written once the first is answered.
  const Finished talk =
      place.run(translate + " > said", "{ echo cat; while [ ! -s said ]; do :; done; echo dog; } | timeout 60");
  CHECK(talk.exit_code == 0);
  const std::string said = tests::content_of(place / "said");
  CHECK(std::count(said.begin(), said.end(), '\n') == 2);
}

TEST_CASE("heed seq2seq translate: a sentence longer than the model takes is split where it pauses, said aloud",
          "[program]") {
  const Workplace place;
  REQUIRE(place.run(kTinyTranslator + "--max-length 4 --out model").exit_code == 0);
  const std::string translate = "seq2seq translate --model model ";
  const Finished whole = place.run(translate + "'cat number 7 . cat number 8'");
  INFO(whole.err);
  CHECK(whole.exit_code == 0);
  CHECK_THAT(whole.err, Contains("longer than the 4 tokens that the model takes; split in 2"));
  const Finished parts = place.run(translate + "'cat number 7 .' 'cat number 8'");
  std::string joined = parts.out;
  joined[joined.find('\n')] = ' ';
  CHECK(whole.out == joined);
  CHECK_THAT(place.run(translate + "'cat , number 7 cat number'").err, Contains("split in 2"));
  CHECK_THAT(place.run(translate + "'cat number 7 cat number 8'").err, Contains("split in 2"));
  CHECK(place.run(translate + "--align 'cat number 7 . cat number 8' --page page.html").exit_code == 0);
}

TEST_CASE("heed seq2seq train --max-length: longer pairs are left out, and it is said how many", "[program]") {
  const Workplace place;
  std::ofstream(place / "pairs", std::ios::app) << "one very long cat\tchat\na cat\tun chat qui est long\n";
  const Finished trained = place.run(kTinyTranslator + "--max-length 3 --out model");
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  CHECK_THAT(trained.err, Contains("since longer than 3 tokens: "));
}

TEST_CASE("heed seq2seq train: of a large file a thousand sources are held out, with all their translations",
          "[program]") {
  const Workplace place;
  std::ofstream pairs(place / "pairs");
  for (int i = 0; i < 22'000; ++i) pairs << "s" << i << "\tt" << i << "\ns" << i << "\tu" << i << "\n";
  pairs.close();
  const Finished trained =
      place.run("seq2seq train --pairs pairs --tokens bpe --arch rnn --width 2 --steps 0 --out model");
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  const std::string held_out = tests::content_of(place / "model/held_out.tsv");
  CHECK(std::count(held_out.begin(), held_out.end(), '\n') == 2000);
}

TEST_CASE("heed seq2seq translate --page: one file with all sentences, the model at work, and one beside it",
          "[program][page]") {
  const Workplace place;
  for (const std::string arch : {"rnn", "attention", "transformer"})
    REQUIRE(place.run(kTinyTranslator + "--arch " + arch + " --out " + arch).exit_code == 0);
  const auto page = [&](const std::string& arguments) {
    const Finished finished = place.run("seq2seq translate " + arguments + " --page page.html");
    INFO(finished.err);
    REQUIRE(finished.exit_code == 0);
    return tests::page_data(tests::content_of(place / "page.html"))["examples"];
  };
  const auto two = page("--model attention --beside rnn 'cat number <script>' 'cat'");
  REQUIRE(two.size() == 2);
  CHECK(two[0]["name"] == "cat number < script >");
  CHECK(two[0]["unknown"] == nlohmann::json({"<", "script", ">"}));
  REQUIRE(two[0]["lanes"].size() == 2);
  CHECK(two[0]["lanes"][0]["weights"]["shape"] == nlohmann::json({two[0]["lanes"][0]["written"].size(), 5}));
  CHECK(two[0]["lanes"][1]["weights"].is_null());
  CHECK_FALSE(two[0]["lanes"][1]["written"].empty());
  const auto alone = page("--model transformer 'cat number 7'")[0];
  CHECK(alone["maps"].size() == 3);
  CHECK(alone["maps"][0]["layers"].size() == 2);
  CHECK(alone["maps"][0]["layers"][0]["shape"][0] == 4);
  CHECK(alone["lanes"][1]["written"].empty());     // a scheme
  CHECK(place.files_in(".").size() == 3 + 2 + 1);  // three models, their text and pairs, the page
}

TEST_CASE("heed seq2seq train: each cell has the parameters of its gates", "[program]") {
  const Workplace place;
  const auto parameters = [&](const std::string& cell) {
    const Finished trained = place.run("seq2seq train --pairs pairs --steps 0 --threads 1 --json --arch rnn --cell " +
                                       cell + " --out " + cell);
    INFO(trained.err);
    REQUIRE(trained.exit_code == 0);
    return nlohmann::json::parse(trained.out)["parameters"].get<int64_t>();
  };
  // One gate, three and four, in encoder and decoder; the LSTM's cell state has a bridge of its own besides.
  const int64_t rnn = parameters("rnn"), gru = parameters("gru"), lstm = parameters("lstm"), bridge = 128 * 128 + 128;
  CHECK(gru > rnn);
  CHECK(3 * (gru - rnn) == 2 * (lstm - bridge - rnn));
}

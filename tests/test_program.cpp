// The `heed` program from outside: what it writes, where, and with which exit code.
#include <cmath>
#include <set>
#include <sstream>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include <heed/autograd/grad_mode.h>
#include <heed/models/generate.h>
#include <heed/train/run_directory.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>
#include "catch.h"
#include "page_data.h"
#include "run_program.h"

using namespace heed;
using tests::Finished;
using tests::run_program;
using tests::TemporaryDirectory;

namespace {

const std::string kTinyGpt = "gpt train --text text --preset micro --steps 20 --threads 1 ";
const std::string kTinyTranslator = "seq2seq train --pairs pairs --steps 6 --threads 1 ";

/// With a text and sentence pairs to learn from.
struct Workplace : TemporaryDirectory {
  Workplace() {
    std::ofstream text(*this / "text"), pairs(*this / "pairs");
    for (int i = 0; i < 100; ++i) {
      text << "the cat sat on the mat , and the dog sat on the log .\n";
      pairs << "cat number " << i << "\tchat numéro " << i << "\n";
    }
  }
  Finished run(const std::string& arguments, const std::string& before = "") const {
    return run_program(path(), arguments, before);
  }
  std::set<std::string> files_in(const std::string& directory) const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path() / directory))
      names.insert(entry.path().filename());
    return names;
  }
};

bool same_bits(const Tensor& a, const Tensor& b) { return a.to_vector<float>() == b.to_vector<float>(); }

/// How many pivots of a matrix (N, M) are larger than rounding.
int64_t rank_of(Tensor x) {
  const double least = 1e-4 * abs(x).max().item<double>();
  for (int64_t rank = 0;; ++rank) {
    const int64_t at = abs(x).argmax().item<int64_t>(), row = at / x.size(1), column = at % x.size(1);
    const double pivot = x(row, column).item<double>();
    if (std::abs(pivot) <= least) return rank;
    x = x - outer(x(all, column), x(row)) / pivot;
  }
}

const std::set<std::string> kModelFiles = {"config.json",       "generation_config.json", "metrics.jsonl",
                                           "model.safetensors", "tokenizer.json",         "tokenizer_config.json"};
const std::set<std::string> kTranslatorFiles = {"best", "config.json", "held_out.tsv", "metrics.jsonl",
                                                "model.safetensors"};

}  // namespace

TEST_CASE("heed: help and version go to stdout", "[program]") {
  const Workplace place;
  CHECK(place.run("--version").out.starts_with("heed "));
  const Finished help = place.run("gpt train --help");
  CHECK(help.exit_code == 0);
  CHECK(help.err.empty());
  for (const char* flag : {"--text", "--preset", "--steps", "--batch", "--context", "--layers", "--heads", "--channels",
                           "--dropout", "--lr", "--seed", "--threads", "--out", "--json"})
    CHECK_THAT(help.out, Contains(flag));
}

TEST_CASE("heed gpt train: one JSON object on stdout, a folder of Hugging Face's, the rest on stderr", "[program]") {
  const Workplace place;
  const Finished trained = place.run(kTinyGpt + "--seed 3 --out model --json");
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  const auto report = nlohmann::json::parse(trained.out);
  for (const char* key : {"parameters", "steps", "train_loss", "val_loss", "seconds", "tokens_per_s", "peak_mib"})
    CHECK(report[key].is_number());
  CHECK(report["steps"] == 20);
  CHECK(report["val_loss"] > 0);
  CHECK(place.files_in("model") == kModelFiles);
  CHECK_THAT(trained.err, Contains("val_loss"));
  const auto config = nlohmann::json::parse(tests::content_of(place / "model/config.json"));
  CHECK(config["n_embd"] == 32);
  CHECK(config["heed"]["training"]["seed"] == 3);

  const Finished silent = place.run(kTinyGpt + "--seed 3 --out again");
  CHECK(silent.out.empty());
  CHECK(tests::content_of(place / "model/model.safetensors") == tests::content_of(place / "again/model.safetensors"));
  CHECK(place.run(kTinyGpt + "--seed 4 --out other").exit_code == 0);
  CHECK(tests::content_of(place / "model/model.safetensors") != tests::content_of(place / "other/model.safetensors"));
}

TEST_CASE("heed gpt train --like: the folder is the family's, of about as many numbers", "[program]") {
  const Workplace place;
  double gpt2 = 0;
  for (const std::string family : {"gpt2", "llama", "qwen3", "nanochat"}) {
    const Finished trained = place.run(kTinyGpt + "--channels 64 --json --like " + family + " --out " + family);
    INFO(family << ": " << trained.err);
    REQUIRE(trained.exit_code == 0);
    const auto config = nlohmann::json::parse(tests::content_of(place / (family + "/config.json")));
    CHECK(config["model_type"] == family);
    CHECK(config.contains("num_hidden_layers") != config.contains("n_layer"));
    const double parameters = nlohmann::json::parse(trained.out)["parameters"];
    if (family == "gpt2") gpt2 = parameters;
    CHECK(parameters == Approx(gpt2).epsilon(0.04));
    CHECK(place.run("gpt sample --tokens 5 --model " + family).exit_code == 0);
  }
  const Finished modern = place.run("gpt train --text text --preset modern --steps 2 --out modern");
  INFO(modern.err);
  CHECK(modern.exit_code == 0);
  CHECK_THAT(tests::content_of(place / "modern/config.json"), Contains("\"model_type\": \"qwen3\""));
}

TEST_CASE("heed gpt train --init: begins with any family's weights, trains what is not frozen, and is of the family",
          "[program]") {
  const Workplace place;
  std::ofstream(place / "other") << tests::content_of(place / "text").substr(7);
  const auto weights = [&](const std::string& directory) {
    return load_safetensors(place / directory / "model.safetensors").tensors;
  };
  for (const std::string family : {"gpt2", "llama", "nanochat"}) {
    REQUIRE(place.run(kTinyGpt + "--like " + family + " --out " + family).exit_code == 0);
    const Finished none = place.run("gpt train --text text --steps 0 --json --out none --overwrite --init " + family);
    INFO(family << ": " << none.err);
    REQUIRE(none.exit_code == 0);
    const auto before = weights(family), same = weights("none");
    REQUIRE(before.size() == same.size());
    for (size_t i = 0; i < before.size(); ++i) CHECK(same_bits(before[i].second, same[i].second));

    const std::string on = "gpt train --text other --steps 5 --context 16 --threads 1 --init " + family;
    REQUIRE(place.run(on + " --freeze h.0 --freeze 'wte.*' --out tuned --overwrite").exit_code == 0);
    const auto tuned = weights("tuned");
    for (size_t i = 0; i < before.size(); ++i) {
      const std::string& name = before[i].first;
      INFO(name);
      const bool frozen = name.find("h.0.") != name.npos || name.find("layers.0.") != name.npos ||
                          name.find("wte") != name.npos || name.find("embed_tokens") != name.npos ||
                          name.ends_with("bias");  // zeros, which gpt2's files have and the model has not
      CHECK(same_bits(before[i].second, tuned[i].second) == frozen);
    }
  }
}

TEST_CASE("heed gpt train --lora: trains small matrices alone, saves them added up, and goes on after an interruption",
          "[program]") {
  const Workplace place;
  REQUIRE(place.run(kTinyGpt + "--out model").exit_code == 0);
  const std::string on = "gpt train --text text --batch 4 --threads 1 --init model --lora 2 --steps ";
  const Finished whole = place.run(on + "40 --save-every 10 --out whole");
  INFO(whole.err);
  REQUIRE(whole.exit_code == 0);
  CHECK_THAT(whole.err, Contains("of them trained"));
  const auto before = load_safetensors(place / "model" / "model.safetensors").tensors,
             after = load_safetensors(place / "whole" / "model.safetensors").tensors;
  REQUIRE(before.size() == after.size());
  for (size_t i = 0; i < before.size(); ++i) {
    const auto& [name, x] = before[i];
    INFO(name);
    const bool layer = name.find(".h.") != name.npos && name.ends_with("weight") && name.find("ln_") == name.npos;
    CHECK(same_bits(x, after[i].second) == !layer);
    if (layer) CHECK(rank_of((after[i].second - x).to(f64)) == 2);
  }
  CHECK(place.run("gpt sample --tokens 5 --model whole").exit_code == 0);
  const std::string kill =
      " & pid=$!; while [ ! -e cut/training.safetensors ]; do :; done; kill -KILL $pid; wait $pid 2>/dev/null";
  place.run(on + "40 --save-every 1 --out cut" + kill, "set -m;");
  const Finished resumed = place.run("gpt train --resume --threads 1 --out cut");
  INFO(resumed.err);
  REQUIRE(resumed.exit_code == 0);
  CHECK(tests::content_of(place / "cut/model.safetensors") == tests::content_of(place / "whole/model.safetensors"));
}

TEST_CASE("heed gpt sample: continues the prompt on stdout, the same from the same seed", "[program]") {
  const Workplace place;
  REQUIRE(place.run(kTinyGpt + "--out model").exit_code == 0);
  const Finished a = place.run("gpt sample --model model --prompt 'the cat' --tokens 40 --seed 1");
  INFO(a.err);
  REQUIRE(a.exit_code == 0);
  CHECK(a.err.empty());
  CHECK(a.out.starts_with("the cat"));
  CHECK(a.out.size() == 7 + 40 + 1);
  CHECK(place.run("gpt sample --model model --prompt 'the cat' --tokens 40 --seed 1").out == a.out);
  CHECK(place.run("gpt sample --model model --prompt 'the cat' --tokens 40 --seed 2").out != a.out);
  CHECK(place.run("gpt sample --model model --tokens 5 --temperature 0 --top-k 3 --top-p 0.5").out.size() == 6);
}

TEST_CASE("heed seq2seq: each architecture trains, reports by length, and translates", "[program]") {
  const Workplace place;
  for (const std::string arch : {"rnn", "attention", "transformer"}) {
    const Finished trained = place.run(kTinyTranslator + "--arch " + arch + " --cell lstm --json --out " + arch);
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
  const auto best = train::load_translator(place / "model/best");
  double lowest = INFINITY, last = 0;
  std::istringstream log(tests::content_of(place / "model/metrics.jsonl"));
  for (std::string line; std::getline(log, line);)
    if (const auto json = nlohmann::json::parse(line); json.contains("val_loss"))
      last = json.at("val_loss"), lowest = std::min(lowest, last);
  CHECK(best->training().val_loss == Approx(lowest).epsilon(1e-12));
  CHECK(train::load_translator(place / "model")->training().val_loss == INFINITY);
  CHECK(place.run("seq2seq translate --model model/best 'cat number 7'").exit_code == 0);
  // A run anew is not measured by what stood there before.
  REQUIRE(place.run(train + "--lr 0.1 --steps 0").exit_code == 0);
  CHECK(train::load_translator(place / "model/best")->training().val_loss > lowest);
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

TEST_CASE("heed gpt sample --page: every layer and head over the end of the text", "[program][page]") {
  const Workplace place;
  REQUIRE(place.run(kTinyGpt + "--out model").exit_code == 0);
  const Finished finished =
      place.run("gpt sample --model model --prompt 'the cat' --tokens 40 --seed 1 --page page.html");
  INFO(finished.err);
  REQUIRE(finished.exit_code == 0);
  CHECK(finished.out == place.run("gpt sample --model model --prompt 'the cat' --tokens 40 --seed 1").out);
  const auto data = tests::page_data(tests::content_of(place / "page.html"));
  const auto maps = data["examples"][0]["maps"][0];
  CHECK(data["examples"][0]["name"] == finished.out.substr(7 + 40 - 32, 32));  // as many as the context holds
  CHECK(maps["layers"].size() == 2);
  CHECK(maps["layers"][0]["shape"] == nlohmann::json({2, 32, 32}));
  CHECK_THAT(data["about"].get<std::string>(), Contains("the last 32 of 47 characters"));
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

TEST_CASE("heed: a run that is killed before it is ever evaluated goes on from where it was saved", "[program]") {
  const Workplace place;
  const std::string train = "gpt train --text text --preset micro --steps 400 --dropout 0.1 --threads 1";
  REQUIRE(place.run(train + " --out whole").exit_code == 0);
  const std::string kill =
      " & pid=$!; while [ ! -e cut/training.safetensors ]; do :; done; kill -KILL $pid; wait $pid 2>/dev/null";
  CHECK(place.run(train + " --save-every 1 --out cut" + kill, "set -m;").exit_code == 128 + 9);
  const Finished refused = place.run(train + " --out cut");
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, Contains("'cut' holds a model"));
  const Finished resumed = place.run("gpt train --resume --threads 1 --out cut");
  INFO(resumed.err);
  REQUIRE(resumed.exit_code == 0);
  CHECK(tests::content_of(place / "cut/model.safetensors") == tests::content_of(place / "whole/model.safetensors"));
}

TEST_CASE("heed: a directory is one run's at a time, and a dead one holds it no longer", "[program]") {
  const Workplace place;
  {
    const train::RunDirectory held(place / "model", train::RunDirectory::Model::refuse);
    for (const std::string& command : {kTinyGpt, kTinyTranslator, kTinyGpt + "--overwrite "}) {
      const Finished second = place.run(command + "--out model");
      CHECK(second.exit_code == 1);
      CHECK(second.err == fmt::format("heed: train: process {} trains into 'model'; need another directory, or that "
                                      "process ended\n",
                                      getpid()));
    }
    CHECK(place.files_in("model") == std::set<std::string>{"run.lock"});
  }
  CHECK(place.files_in("model").empty());
  std::ofstream(place / "model/run.lock") << "left by a process that was killed";
  CHECK(place.run(kTinyGpt + "--out model").exit_code == 0);
  CHECK(place.files_in("model") == kModelFiles);
  CHECK(place.run(kTinyGpt + "--seed 9 --overwrite --out model").exit_code == 0);
  CHECK_THAT(tests::content_of(place / "model/config.json"), Contains("\"seed\": 9"));
}

TEST_CASE("heed gpt train: line ends of Windows and a byte order mark are no characters, unless --keep-cr",
          "[program]") {
  const Workplace place;
  std::string text = tests::content_of(place / "text"), windows = "\xEF\xBB\xBF";
  for (const char c : text) windows += c == '\n' ? "\r\n" : std::string(1, c);
  std::ofstream(place / "windows") << windows;
  const std::string sizes = " --preset micro --steps 2 --threads 1";
  REQUIRE(place.run("gpt train --text text --out unix" + sizes).exit_code == 0);
  REQUIRE(place.run("gpt train --text windows --out windows-model" + sizes).exit_code == 0);
  REQUIRE(place.run("gpt train --text windows --keep-cr --out kept" + sizes).exit_code == 0);
  const auto characters = [&](const std::string& model) {
    return tests::content_of(place / (model + "/tokenizer.json"));
  };
  CHECK(characters("windows-model") == characters("unix"));
  CHECK(tests::content_of(place / "windows-model/model.safetensors") ==
        tests::content_of(place / "unix/model.safetensors"));
  CHECK_THAT(characters("kept"), Contains("\"\\r\"") && Contains("\xEF\xBB\xBF"));
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
  CHECK_THAT(refused.err, Contains("'pairs' has changed"));
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
  CHECK_THAT(refused.err, Contains("text has changed"));

  auto config = nlohmann::ordered_json::parse(tests::content_of(place / "cut/config.json"));
  config["heed"]["training"].erase("text_hash");
  std::ofstream(place / "cut/config.json") << config.dump();
  CHECK(place.run("gpt train --resume --threads 1 --out cut").exit_code == 0);
}

TEST_CASE("load_gpt and load_translator open what the program wrote", "[program]") {
  const Workplace place;
  REQUIRE(place.run(kTinyGpt + "--dropout 0.2 --out gpt").exit_code == 0);
  auto [gpt, tokenizer] = train::load_gpt(place / "gpt");
  const std::vector<int64_t> ids = tokenizer.encode("the cat");
  const Tensor prompt = from_vector(ids, {1, 7});
  CHECK(gpt(prompt).shape() == Shape{1, 7, tokenizer.size()});  // in training: dropout has its generator
  {
    const nn::EvalMode eval;
    const NoGrad no_grad;
    Rng rng(1);
    const Tensor text = models::sample(gpt, prompt, {.tokens = 40, .temperature = 0.8}, rng);
    CHECK(place.run("gpt sample --model gpt --prompt 'the cat' --tokens 40 --seed 1").out ==
          tokenizer.decode(text[0].to_vector<int64_t>()) + "\n");
  }
  for (const std::string arch : {"rnn", "attention", "transformer"}) {
    REQUIRE(place.run(kTinyTranslator + "--arch " + arch + " --out " + arch).exit_code == 0);
    const auto translator = train::load_translator(place / arch);
    const std::vector<std::string> sentences{"cat number 7"};
    CHECK(place.run("seq2seq translate --model " + arch + " 'cat number 7'").out ==
          translator->text(translator->translate(sentences)[0], sentences[0]) + "\n");
  }
}

TEST_CASE("heed tokenizer: what train learnt encodes, and decodes to the same bytes", "[program]") {
  const Workplace place;
  REQUIRE(place.run("tokenizer train --tokenizer bpe --vocabulary 300 text").exit_code == 0);
  REQUIRE(place.run("tokenizer train --tokenizer bpe.json --vocabulary 300 < text").exit_code == 0);
  CHECK(tests::content_of(place / "bpe/tokenizer.json") == tests::content_of(place / "bpe.json"));
  const auto encoded = place.run("tokenizer encode --tokenizer bpe text");
  REQUIRE(encoded.exit_code == 0);
  std::ofstream(place / "ids") << encoded.out;
  CHECK(place.run("tokenizer decode --tokenizer bpe.json ids").out == tests::content_of(place / "text"));
  CHECK(place.run("tokenizer encode --tokenizer bpe < text").out == encoded.out);
  std::ofstream(place / "special") << "<|endoftext|>";
  CHECK(place.run("tokenizer encode --tokenizer bpe special").out ==
        std::to_string(train::Tokenizer::load(place / "bpe").end_of_text()) + "\n");
}

TEST_CASE("heed gpt train: a BPE learns the text, prepared ids train as their text does", "[program]") {
  const Workplace place;
  const std::string sizes = " --preset micro --context 4 --steps 2 --threads 1";
  const auto trained = place.run("gpt train --text text --tokenizer bpe --vocabulary 260 --json --out bpe" + sizes);
  REQUIRE(trained.exit_code == 0);
  const auto report = nlohmann::json::parse(trained.out);
  CHECK(report["bits_per_byte"].get<double>() > 0);
  CHECK(report["bits_per_byte"] < report["val_loss"].get<double>() / std::log(2));  // a token is longer than a byte
  CHECK(train::Tokenizer::load(place / "bpe").size() == 260);
  CHECK(place.run("gpt sample --model bpe --prompt 'the' --tokens 3").exit_code == 0);
  REQUIRE(place.run("gpt prepare --text text --tokenizer bpe --out ids").exit_code == 0);
  REQUIRE(place.run("gpt train --text ids --out from-ids" + sizes).exit_code == 0);
  CHECK(tests::content_of(place / "from-ids/tokenizer.json") == tests::content_of(place / "bpe/tokenizer.json"));
  REQUIRE(place.run("gpt train --text text --tokenizer bpe/tokenizer.json --out again" + sizes).exit_code == 0);
  CHECK(tests::content_of(place / "again/model.safetensors") == tests::content_of(place / "bpe/model.safetensors"));
}

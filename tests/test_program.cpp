// The `heed` program from outside: GPTs and tokenizers, what it writes, where, and with which exit code.
#include <cmath>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/models/generate.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>
#include "catch.h"
#include "page_data.h"
#include "skip.h"
#include "workplace.h"

using namespace heed;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using tests::Finished;
using tests::kKillOnceSaved;
using tests::kModelFiles;
using tests::kTinyGpt;
using tests::kTinyTranslator;
using tests::Workplace;

namespace {

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

TEST_CASE("heed completion: a shell offers commands, options, choices and files", "[program]") {
  const Workplace place;
  std::ofstream(place.path() / "try.bash") << R"(
source completion.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_heed && echo "${COMPREPLY[*]}")";
  std::ofstream(place.path() / "completion.bash") << place.run("completion bash").out;
  const auto offered = [&](const std::string& words) {
    std::system(("cd '" + place.path().string() + "' && bash try.bash " + words + " > offered 2>&1").c_str());
    return tests::content_of(place.path() / "offered");
  };
  CHECK_THAT(offered("heed ''"), StartsWith("gpt seq2seq tokenizer"));
  CHECK(offered("heed gpt tr") == "train\n");
  CHECK(offered("heed gpt train --pre") == "--preset --precision\n");
  CHECK(offered("heed gpt train --preset m") == "micro modern\n");
  CHECK(offered("heed gpt train --tokenizer tr") == "try.bash\n");
  CHECK(offered("heed tokenizer decode compl") == "completion.bash\n");
  CHECK(offered("heed gpt train --steps ''") == "\n");
  CHECK_THAT(place.run("completion zsh").out, StartsWith("#compdef heed\n") && Contains("'--preset[sizes and steps"));
  CHECK(place.run("completion fish").exit_code == 2);
}

TEST_CASE("heed completion zsh: by source, or from a directory of fpath", "[program]") {
  if (std::system("command -v zsh > /dev/null") != 0) return tests::skip("zsh is not there");
  const Workplace place;
  std::filesystem::create_directory(place.path() / "functions");
  std::ofstream(place.path() / "functions/_heed") << place.run("completion zsh").out;
  for (const std::string bring :
       {"fpath=($PWD/functions $fpath); compinit -u -d dump", "compinit -u -d other; source functions/_heed"}) {
    CAPTURE(bring);
    std::ofstream(place.path() / "try.zsh") << "autoload -U compinit; " + bring + "; print ${_comps[heed]}\n";
    std::system(("cd '" + place.path().string() + "' && zsh -f try.zsh > found 2>&1").c_str());
    CHECK(tests::content_of(place.path() / "found") == "_heed\n");
  }
}

TEST_CASE("heed book: where it was installed, else beside the build, else how to get it", "[program]") {
  const tests::TemporaryDirectory place;
  const std::filesystem::path build = place.path() / "heed/build";
  std::filesystem::create_directories(build);
  std::filesystem::copy_file(HEED_PROGRAM, build / "heed");
  const auto book = [&] { return tests::run_program(place.path(), "", "exec heed/build/heed book;"); };
  const Finished none = book();
  CHECK(none.exit_code == 1);
  CHECK_THAT(none.err, StartsWith("heed: book: neither '") && Contains("/heed/share/doc/heed/book.html' nor '") &&
                           Contains("/heed/out/book/index.html' exists; need scripts/book.sh"));
  for (const char* file : {"heed/out/book/index.html", "heed/share/doc/heed/book.html"}) {
    std::filesystem::create_directories((place.path() / file).parent_path());
    std::ofstream(place.path() / file) << "<html>";
    CHECK_THAT(book().out, EndsWith(std::string(file) + "\n"));
  }
}

TEST_CASE("heed manual: every option of every command, and help ends with examples", "[program]") {
  const Workplace place;
  const std::string manual = place.run("manual").out;
  const auto help_of = [&place](const std::string& command) {
    const std::string help = place.run(command + " --help").out, examples = "\nExamples:\n  ";
    REQUIRE_THAT(help, Contains(examples));
    CHECK_THAT(help.substr(help.find(examples) + examples.size()), Contains("heed ") && Contains("\n  "));
    return help;
  };
  CHECK_THAT(manual, StartsWith(".TH HEED 1"));
  for (const std::string command :
       {"gpt train", "gpt sample", "gpt export", "gpt prepare", "seq2seq train", "seq2seq translate", "tokenizer train",
        "tokenizer encode", "tokenizer decode", "page", "book", "info", "completion", "manual"}) {
    CAPTURE(command);
    CHECK_THAT(manual, Contains(".SS heed " + command + "\n"));
    const std::string help = help_of(command);
    for (size_t at = help.find("\n  --"); at != help.npos; at = help.find("\n  --", at + 1)) {
      std::string option = help.substr(at + 3, help.find_first_of(" \n", at + 5) - at - 3);
      for (size_t dash = option.find('-'); dash != option.npos; dash = option.find('-', dash + 2))
        option.insert(dash, "\\");
      CHECK_THAT(manual, Contains("\\fB" + option + "\\fR"));
    }
  }
  for (const char* group : {"", "gpt", "seq2seq", "tokenizer"}) help_of(group);
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

TEST_CASE("heed gpt: a model may have more tokens than its tokenizer names, and writes none of them", "[program]") {
  const Workplace place;
  const auto tokenizer = train::Chars::from_text(tests::content_of(place / "text"));
  const models::GptConfig config{
      .vocabulary = 50 * tokenizer.size(), .context = 32, .layers = 1, .heads = 2, .channels = 32};
  nn::Parameters params(1);
  const models::Gpt gpt(params, config);
  std::filesystem::create_directory(place / "padded");
  train::save_gpt(place / "padded", params, config, tokenizer, {});
  nn::Parameters wide(1, f64);
  const models::Gpt of_f64(wide, config);
  train::save_gpt(place / "f64", wide, config, tokenizer, {});
  CHECK_THAT(place.run("gpt sample --model f64 --weights q8").err,
             Contains("--weights q8 is given, and the weights of 'f64' are f64; need weights of f32, or no --weights"));
  CHECK(place.run("gpt sample --model padded --temperature 9 --tokens 100").exit_code == 0);
  const Finished tuned = place.run("gpt train --init padded --text text --steps 2 --out tuned");
  INFO(tuned.err);
  CHECK(tuned.exit_code == 0);
  CHECK_THAT(tuned.err, Contains("sample of step 2"));
  CHECK(train::load_gpt(place / "tuned").gpt.config.vocabulary == config.vocabulary);
}

TEST_CASE("heed gpt: a text begins and ends with the tokens that the folder names, also of what is trained from it",
          "[program]") {
  const Workplace place;
  const auto bpe = train::Bpe::train("", 257, std::vector<std::string>{"<s>"});
  const models::GptConfig config{
      .vocabulary = 257, .context = 32, .layers = 1, .heads = 2, .channels = 32, .tied = false};
  nn::Parameters params(1);
  const models::Gpt gpt(params, config);
  train::save_gpt(place / "model", params, config, bpe, {});
  const auto json = [&](const char* file) { return nlohmann::json::parse(tests::content_of(place / file)); };
  nlohmann::json tokenizer = json("model/tokenizer.json");
  tokenizer["post_processor"] = {{"type", "RobertaProcessing"}, {"cls", {"<s>", 256}}, {"sep", {"<s>", 256}}};
  std::ofstream(place / "model/tokenizer.json") << tokenizer.dump();
  std::vector<int64_t> ids = bpe.encode("the");
  ids.insert(ids.begin(), 256);
  Rng rng(1);
  const auto written =
      models::sample(gpt, from_vector(ids, {1, 4}), {.tokens = 9, .temperature = 0}, rng)[0].to_vector<int64_t>();
  const auto text = [&](auto end) { return "the" + bpe.decode(std::vector(written.begin() + 4, end)) + "\n"; };
  const std::string sample = "gpt sample --model model --prompt the --tokens 9 --temperature 0";
  CHECK(place.run(sample).out == text(written.end()));

  const nlohmann::json generation = {{"bos_token_id", 256}, {"eos_token_id", {256, written.back()}}};
  std::ofstream(place / "model/generation_config.json") << generation.dump();
  const std::string ended = text(std::find(written.begin() + 4, written.end(), written.back()));
  CHECK(place.run(sample).out == ended);
  CHECK(place.run(sample + " --samples 2").out == "--- seed 1337 ---\n" + ended + "--- seed 1338 ---\n" + ended);

  REQUIRE(place.run("gpt train --init model --text text --steps 2 --out tuned").exit_code == 0);
  CHECK(json("tuned/generation_config.json") == generation);
  CHECK(json("tuned/tokenizer.json")["post_processor"]["cls"] == tokenizer["post_processor"]["cls"]);
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
  place.run(on + "40 --save-every 1 --out cut" + kKillOnceSaved, "set -m;");
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

TEST_CASE("heed gpt sample --samples --weights: each text is what its seed writes alone", "[program]") {
  const Workplace place;
  REQUIRE(place.run(kTinyGpt + "--out model").exit_code == 0);
  for (const std::string weights : {"f32", "bf16", "q8"}) {
    const std::string command = "gpt sample --model model --prompt 'the cat' --tokens 40 --weights " + weights;
    std::string expected;
    for (const std::string seed : {"7", "8", "9"}) {
      const Finished alone = place.run(command + " --seed " + seed);
      INFO(alone.err);
      REQUIRE(alone.exit_code == 0);
      expected += "--- seed " + seed + " ---\n" + alone.out;
    }
    CHECK(place.run(command + " --seed 7 --samples 3").out == expected);
  }
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
  // As many as the context holds, as the run read them: the last was written and not read.
  CHECK(data["examples"][0]["name"] == finished.out.substr(7 + 40 - 1 - 32, 32));
  CHECK(maps["layers"].size() == 2);
  CHECK(maps["layers"][0]["shape"] == nlohmann::json({2, 32, 32}));
  CHECK_THAT(data["about"].get<std::string>(), Contains("; 32 of 47 tokens"));
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
  REQUIRE(place.run("tokenizer train --tokenizer unix.json --vocabulary 300 text").exit_code == 0);
  for (const char* from : {"windows", "< windows"})
    REQUIRE(place.run(fmt::format("tokenizer train --tokenizer windows.json --vocabulary 300 {}", from)).exit_code ==
            0);
  CHECK_THAT(place.run("tokenizer train --tokenizer kept.json --vocabulary 300 --keep-cr windows").err,
             Contains(fmt::format("from {} bytes", windows.size())));
  CHECK(tests::content_of(place / "windows.json") == tests::content_of(place / "unix.json"));
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
  CHECK_THAT(place.run("tokenizer train --tokenizer two.json --special '<a>' --special '<b>' text").err,
             Contains(fmt::format("from {} bytes", tests::content_of(place / "text").size())));
  CHECK_THAT(place.run("tokenizer train --tokenizer all --vocabulary 70000 text").err,
             Contains("bytes, in which no further pair comes twice"));
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

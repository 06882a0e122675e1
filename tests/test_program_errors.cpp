// Bad input to the `heed` program: one sentence on stderr, the right exit code, and nothing half-written.
#include <functional>

#include <nlohmann/json.hpp>

#include <heed/autograd/ops.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/tensor/pool.h>
#include "bad_input.h"
#include "skip.h"

using namespace heed;
using namespace heed::tests::bad_input;
using tests::Finished;
using tests::replace;

TEST_CASE("heed: a command line that cannot be is a usage error", "[program][errors]") {
  const Workplace place;
  place.refuses({
      {"", kUsage, "need a command: gpt, seq2seq"},
      {"page", kUsage, "nothing to show is given; need either --model DIR, or --attention FILE and --tokens FILE"},
      {"page --tokens t.json", kUsage, "--tokens is given alone; need --attention FILE and --tokens FILE together"},
      {"page --model m --attention a --tokens t", kUsage, "--model and --attention are both given"},
      {"page --attention a --tokens t cat", kUsage, "no model runs in a page of --attention; need no text"},
      {"page --model none", kError, "none"},
      {"fly", kUsage, "not expected: fly"},
      {"train", kUsage, "heed: not expected: train; did you mean gpt train?"},
      {"gtp train", kUsage, "heed: not expected: gtp; did you mean gpt?"},
      {"--verison", kUsage, "heed: not expected: --verison; did you mean --version?"},
      {"gpt trian --text text", kUsage, "heed: not expected: trian; did you mean train?"},
      {"gpt train --stepz 5 --bogus 3", kUsage, "heed: not expected: --stepz; did you mean --steps?"},
      {"gpt train -steps 5", kUsage, "heed: not expected: -steps; did you mean --steps?"},
      {"gpt sample --model none --temp 1", kUsage, "heed: not expected: --temp; did you mean --temperature?"},
      {"gpt sample --modle none", kUsage, "heed: not expected: --modle; did you mean --model?"},
      {"seq2seq translate --model none --bogus cat", kUsage, "heed: not expected: --bogus\n"},
      {"gpt", kUsage, "need a command: train, prepare, evaluate, sample, export"},
      {"gpt fly", kUsage, "not expected: fly"},
      {"gpt train --bogus", kUsage, "not expected: --bogus"},
      {"gpt train extra", kUsage, "not expected: extra"},
      {"gpt train --text text --vocabulary 300", kUsage, "--vocabulary is given without --tokenizer bpe"},
      {"gpt train --text . --tokenizer bpe", kUsage, "--text '.' is a directory of ids"},
      {"gpt train --text . --keep-cr", kUsage, "--keep-cr is given, and --text '.' is a directory of ids"},
      {"gpt train --text . --tokenizer none.json", kError, "\"none.json\" is not there; need a tokenizer.json"},
      {"tokenizer encode text", kUsage, "--tokenizer is required"},
      {"tokenizer train --tokenizer out < latin1", kError, "\"standard input\" is not UTF-8: byte 3 "},
      {"page --model m \"$(printf 'caf\\351%060d')\"", kUsage,
       "the text \"caf\\ufffd" + std::string(36, '0') + "\"... is not UTF-8: byte 3 (0xe9)"},
      {"tokenizer encode --tokenizer text text", kError, "the text is no tokenizer.json"},
      {"tokenizer train --tokenizer new.json --vocabulary 256 text", kError,
       "need at least the 256 bytes and 1 special"},
      {"gpt train --steps", kUsage, "heed: --steps: need N after it\n"},
      {"gpt train --steps 5 --steps 6", kUsage, "heed: --steps is given twice; need it once\n"},
      {"gpt sample --model m --model m --model m", kUsage, "heed: --model is given 3 times; need it once\n"},
      {"page --model m cat dog", kUsage, "heed: text is given twice; need it once\n"},
      {"gpt train --steps many", kUsage, "need a whole number from 0 to 1000000000, not 'many'"},
      {"gpt train --steps -1", kUsage, "not '-1'"},
      {"gpt train --steps 1.5", kUsage, "not '1.5'"},
      {"gpt train --keep 1,,2", kUsage,
       "--keep: need whole numbers from 0 to 1000000000 with commas between, not '1,,2'"},
      {"gpt train --keep 1 --keep 2,", kUsage, "not '2,'"},
      {"seq2seq train --keep ,1", kUsage, "not ',1'"},
      {"seq2seq train --keep ''", kUsage, "not ''"},
      {"gpt train --batch 0", kUsage, "--batch: need a whole number from 1"},
      {"gpt train --context -8", kUsage, "not '-8'"},
      {"gpt train --layers 0", kUsage, "--layers"},
      {"gpt train --channels -32", kUsage, "--channels"},
      {"gpt train --channels 99999999999999999999", kUsage, "--channels"},
      {"gpt train --heads 3", kUsage, "--heads 3 does not divide --channels 128"},
      {"gpt train --like qwen3 --heads 4 --channels 12", kUsage, "--heads 4 of --channels 12 are 3 wide; need an even"},
      {"gpt train --init absent --layers 2", kUsage, "--layers is given with --init, whose model has its own"},
      {"gpt train --init absent --tokenizer bpe", kUsage, "--tokenizer bpe is given with --init"},
      {"gpt train --lora 4", kUsage, "--lora 4 adds to a trained model; need --init, too"},
      {"gpt train --lora 0 --init good", kUsage, "--lora: need a whole number from 1"},
      {"gpt train --lora 4 --init good --freeze h.0", kUsage, "--freeze is given with --lora"},
      {"gpt train --dropout 1", kUsage, "--dropout: need a number from 0 and below 1, not '1'"},
      {"gpt train --lr 0", kUsage, "--lr: need a number above 0, not '0'"},
      {"gpt train --lr nan", kUsage, "--lr"},
      {"gpt train --preset huge", kUsage, "--preset: need one of micro, cpu, modern, baby, not 'huge'"},
      {"gpt train --threads 0", kUsage, "--threads"},
      {"gpt train --resume --overwrite", kUsage, "--overwrite is given too"},
      {"gpt train --accumulate 0", kUsage, "--accumulate: need a whole number from 1"},
      {"gpt train --evaluate-every 0", kUsage, "--evaluate-every: need a whole number from 1"},
      {"gpt train --sample-every 0", kUsage, "--sample-every: need a whole number from 1"},
      {"gpt train --patience 0", kUsage, "--patience: need a whole number from 1"},
      {"gpt train --time-limit 0", kUsage, "--time-limit: need a number above 0"},
      {"gpt train --ema 1", kUsage, "--ema: need a number above 0 and below 1, not '1'"},
      {"gpt train --resume --accumulate 2", kUsage, "--accumulate is given too"},
      {"seq2seq train --resume --ema 0.9", kUsage, "--ema is given too"},
      {"seq2seq train --accumulate 0", kUsage, "--accumulate: need a whole number from 1"},
      {"gpt train --save-every 0", kUsage, "--save-every: need a whole number from 1"},
      {"gpt train --resume --steps 5", kUsage, "--steps is given too"},
      {"gpt sample", kUsage, "--model is required"},
      {"gpt sample --model x --temperature -1", kUsage, "--temperature"},
      {"gpt sample --model x --top-k 0", kUsage, "--top-k"},
      {"gpt sample --model x --top-p 0", kUsage, "--top-p: need a number above 0"},
      {"gpt sample --model x --top-p 2", kUsage, "--top-p: need a number above 0"},
      {"gpt sample --model x --tokens -3", kUsage, "--tokens"},
      {"gpt sample --model x --samples 0", kUsage, "--samples: need a whole number from 1"},
      {"gpt sample --model x --weights q4", kUsage, "--weights: need one of f32, bf16, q8, not 'q4'"},
      {"gpt sample --model x --samples 2 --page p.html", kUsage, "--samples 2 is given with --page"},
      {"seq2seq train --arch cnn", kUsage, "--arch: need one of rnn, attention, transformer, not 'cnn'"},
      {"seq2seq train --cell elman", kUsage, "--cell: need one of rnn, rnn_relu, lstm, gru"},
      {"seq2seq train --steps -1", kUsage, "--steps"},
      {"seq2seq train --tokens chars", kUsage, "--tokens: need one of words, bpe, not 'chars'"},
      {"seq2seq train --tokens bpe --vocabulary 258", kUsage, "--vocabulary: need a whole number from 259"},
      {"seq2seq train --vocabulary 300", kUsage, "--vocabulary is given without --tokens bpe"},
      {"seq2seq train --tokens bpe --min-count 3", kUsage, "--min-count is given without --tokens words"},
      {"seq2seq train --min-count 0", kUsage, "--min-count"},
      {"seq2seq train --arch transformer --cell lstm", kUsage, "--cell is given without --arch rnn or attention"},
      {"seq2seq train --ema 0.9 --average 3", kUsage, "--ema is given with --average"},
      {"seq2seq train --patience 2 --average 3", kUsage, "--patience is given with --average"},
      {"seq2seq train --layers 3", kUsage, "--layers is given without --arch transformer"},
      {"seq2seq train --arch rnn --heads 3", kUsage, "--heads is given without --arch transformer"},
      {"seq2seq train --arch transformer --heads 3", kUsage, "--heads 3 does not divide --width 128"},
      {"seq2seq train --width 0", kUsage, "--width: need a whole number from 1"},
      {"seq2seq train --dropout 1", kUsage, "--dropout: need a number from 0 and below 1, not '1'"},
      {"seq2seq train --label-smoothing -0.1", kUsage, "--label-smoothing: need a number from 0"},
      {"seq2seq train --label-smoothing 1", kUsage, "--label-smoothing: need a number from 0 and below 1, not '1'"},
      {"seq2seq train --lr 0", kUsage, "--lr: need a number above 0"},
      {"seq2seq train --batch 0", kUsage, "--batch"},
      {"seq2seq train --max-length 10001", kUsage, "--max-length: need a whole number from 1 to 10000"},
      {"seq2seq train --valid-pairs pairs", kUsage, "--valid-pairs is given without --pairs"},
      {"seq2seq train --resume --tokens bpe", kUsage, "--tokens is given too"},
      {"seq2seq translate", kUsage, "--model is required"},
      {"seq2seq translate --model x --page out", kUsage, "--page shows the sentences of the command line"},
      {"seq2seq train --average 0", kUsage, "--average: need a whole number from 1 to 50"},
      {"seq2seq translate --model x --beam 0 'a cat'", kUsage, "--beam"},
      {"seq2seq translate --model x ' '", kUsage, "sentence ' ' has no words"},
      {"seq2seq translate --model x \"$(printf 'caf\\351')\"", kUsage, "UTF-8"},
  });
}

TEST_CASE("heed: an empty name, as of a variable that a shell did not have, is refused, not taken for none",
          "[program][errors]") {
  const Workplace place;
  std::vector<BadInput> inputs;
  for (const auto& [command, options] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"gpt train", {"--text", "--tokenizer", "--init", "--out"}},
           {"gpt prepare --text text --tokenizer t --out out", {"--text", "--tokenizer", "--out"}},
           {"gpt sample --model m", {"--model", "--page"}},
           {"gpt export --model m --gguf g", {"--model", "--gguf"}},
           {"seq2seq train", {"--pairs", "--valid-pairs", "--out"}},
           {"seq2seq translate cat --model m", {"--model", "--page", "--beside"}},
           {"tokenizer encode --tokenizer t", {"--tokenizer"}},
           {"page", {"--model", "--attention", "--tokens", "--out"}}})
    for (const std::string& option : options)
      for (const char* empty : {" ''", "=", "= --seed 3"}) {
        std::string before = command;  // without the option's good value, which may come once only
        if (const size_t at = before.find(" " + option + " "); at != before.npos)
          before.erase(at, before.find(' ', at + option.size() + 2) - at);
        inputs.push_back({before + " " + option + empty, kUsage, "heed: " + option + ": need a name for "});
      }
  for (const char* positional : {"tokenizer encode --tokenizer t ''", "tokenizer train --tokenizer t ''"})
    inputs.push_back({positional, kUsage, "heed: text: need a name for FILE, not ''"});
  place.refuses(inputs);
}

TEST_CASE("heed: files that are missing, empty or not what they should be are named", "[program][errors]") {
  const Workplace place;
  place.refuses({
      {"gpt train --init absent --out out", kError, "'absent' is not a directory"},
      {"gpt train --text absent --out out", kError, "cannot read \"absent\""},
      {"gpt train --text . --out out", kError, "'.' has no train.bin, and 0 files *_train.bin; need one"},
      {"gpt train --text empty --out out", kError, "\"empty\" is empty"},
      {"gpt train --text latin1 --out out", kError, "not UTF-8: byte 3 "},
      {"gpt train --text short --out out", kError,
       "short is too short: 14 characters to train on and 2 to validate on; need more than the context, 64"},
      {"seq2seq train --pairs absent --out out", kError, "cannot read \"absent\""},
      {"seq2seq train --pairs empty --out out", kError, "\"empty\" is empty"},
      {"seq2seq train --pairs latin1 --out out", kError, "UTF-8"},
      {"seq2seq train --pairs no-tab --out out", kError, "no-tab:2: no tab"},
      {"seq2seq train --pairs one-pair --out out", kError,
       "'one-pair' has 1 different sources; need at least 10, since a share of 0.05 is held out"},
      {"seq2seq train --pairs pairs --valid-pairs absent --out out", kError, "cannot read \"absent\""},
      {"seq2seq train --pairs one-pair --valid-pairs one-pair --out out", kError,
       "'one-pair' has no source that 'one-pair' has not"},
      {"seq2seq train --pairs pairs --min-count 1000 --out out", kError, "no word occurs 1000 times"},
      {"gpt sample --model absent", kError, "'absent' is not a directory"},
      {"gpt sample --model .", kError, "config.json"},
      {"seq2seq translate --model absent 'a cat'", kError, "'absent' is not a directory"},
      {"gpt train --resume --out absent", kError, "'absent' is not a directory"},
  });
}

TEST_CASE("heed: a model directory that lies is refused", "[program][errors]") {
  const Trained place;
  using Path = std::filesystem::path;
  using Json = nlohmann::json;
  const std::string weights = tests::content_of(place / "good/model.safetensors");
  place.refuses({
      {place.spoil("truncated",
                   [&](const Path& d) { write(d / "model.safetensors", weights.substr(0, weights.size() - 1)); }),
       kError, "truncated"},
      {place.spoil("longer", [&](const Path& d) { write(d / "model.safetensors", weights + "x"); }), kError,
       "1 bytes follow"},
      {place.spoil("header",
                   [&](const Path& d) {
                     write(d / "model.safetensors", "\xff\xff\xff\xff\xff\xff\xff\x7f" + weights.substr(8));
                   }),
       kError, "claim a header"},
      {place.spoil("no-weights", [&](const Path& d) { std::filesystem::remove(d / "model.safetensors"); }), kError,
       "model.safetensors' does not exist"},
      {place.spoil("no-config", [&](const Path& d) { std::filesystem::remove(d / "config.json"); }), kError,
       "config.json"},
      {place.spoil("half-config", [&](const Path& d) { write(d / "config.json", "{\"model\": \"gpt\""); }), kError,
       "is no JSON object, as training writes it: it ends at byte 15; need all of it"},
      {place.spoil("deep-config", [&](const Path& d) { write(d / "config.json", std::string(1'000'000, '[')); }),
       kError, "it nests deeper than 16 levels; need fewer"},
      {place.spoil("deep-value",
                   [&](const Path& d) {
                     write(d / "config.json",
                           "{\"model\": " + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}");
                   }),
       kError, "it nests deeper than 16 levels; need fewer"},
      {place.spoil_config("4-TB", [](Json& c) { c["n_embd"] = 1'000'000, c["n_layer"] = 1000; }), kError,
       "describes a model of at least 12"},
      {place.spoil_config("layers", [](Json& c) { c["n_layer"] = 3; }), kError, "missing"},
      {place.spoil_config("channels", [](Json& c) { c["n_embd"] = 64; }), kError, "different"},
      {place.spoil_config("negative", [](Json& c) { c["n_embd"] = -64; }), kError, "\"n_embd\""},
      {place.spoil_config("text-size", [](Json& c) { c["n_positions"] = "32"; }), kError, "\"n_positions\""},
      {place.spoil_config("huge", [](Json& c) { c["n_positions"] = int64_t{1} << 62; }), kError, "\"n_positions\""},
      {place.spoil_config("heads", [](Json& c) { c["n_head"] = 3; }), kError, "heads"},
      {place.spoil_config("vocabulary", [](Json& c) { c["vocab_size"] = 5; }), kError, "5"},
      {place.spoil("no-tokenizer", [](const Path& d) { std::filesystem::remove(d / "tokenizer.json"); }), kError,
       "tokenizer.json"},
      {place.spoil("tokenizer",
                   [](const Path& d) {
                     auto json = Json::parse(tests::content_of(d / "tokenizer.json"));
                     json["model"]["vocab"]["\n"] = 1;
                     write(d / "tokenizer.json", json.dump());
                   }),
       kError, "have the same id"},
      {place.spoil("device", [](const Path& d) { replace(d / "config.json", "/dev/zero"); }), kError,
       "config.json\" is not a regular file"},
      {place.spoil("tokens-device", [](const Path& d) { replace(d / "tokenizer.json", "/dev/zero"); }), kError,
       "tokenizer.json\" is not a regular file"},
      {place.spoil("template-device", [](const Path& d) { replace(d / "chat_template.jinja", "/dev/zero"); }), kError,
       "chat_template.jinja\" is not a regular file"},
      {place.spoil("index-device",
                   [](const Path& d) {
                     std::filesystem::remove(d / "model.safetensors");
                     replace(d / "model.safetensors.index.json", "/dev/zero");
                   }),
       kError, "index.json\" is not a regular file"},
      {"page --attention good/model.safetensors --tokens /dev/zero", kError, "\"/dev/zero\" is not a regular file"},
      {place.spoil("empty-tokenizer", [](const Path& d) { write(d / "tokenizer.json", "{}"); }), kError,
       "the text is no tokenizer.json that heed knows"},
      {place.spoil_translator("big-rnn", [](Json& c) { c["config"]["hidden"] = 1'000'000; }), kError,
       "describes a model of at least"},
      {place.spoil_translator("big-transformer",
                              [](Json& c) {
                                c["training"]["arch"] = "transformer";
                                c["config"] = {{"context", 1},
                                               {"layers", 1000},
                                               {"heads", 1},
                                               {"channels", 1'000'000},
                                               {"feedforward", 1'000'000},
                                               {"dropout", 0},
                                               {"pre_norm", true},
                                               {"learned_positions", false},
                                               {"tied_output", true}};
                              }),
       kError, "describes a model of at least"},
      {place.spoil_translator("long-transformer",
                              [](Json& c) {
                                c["training"]["arch"] = "transformer";
                                c["config"] = {{"context", 1'000'000}, {"layers", 1},
                                               {"heads", 1},           {"channels", 1000},
                                               {"feedforward", 1},     {"dropout", 0},
                                               {"pre_norm", true},     {"learned_positions", false},
                                               {"tied_output", true}};
                              }),
       kError, "\"context\" of 'long-transformer/config.json' is 1000000; need a whole number from 1 to 100000"},
      {"gpt sample --model translator", kError, "'translator/config.json' is of a translator; need a GPT"},
      {"seq2seq translate --model good 'a cat'", kError, "'good/config.json' is of a gpt2; need a translator"},
      {"gpt train --text text --init good --context 33 --out out", kUsage,
       "--context 33 is more than the model of --init has positions for; need at most 32"},
      {"gpt train --text pairs --init good --out out", kError, "the vocabulary has these 16"},
      {"gpt train --text text --init good --freeze h.9 --out out", kError,
       "no parameter or module \"h.9\"; need a name of this store: the closest of 37 names: h.0, h.1, h"},
      {"gpt train --text text --init good --freeze '*' --out out", kUsage, "--freeze leaves no parameter to train"},
      {"gpt train --text text --out good", kError,
       "'good' holds a model; need --overwrite to replace it, or another directory"},
      {"seq2seq train --pairs pairs --out translator", kError, "'translator' holds a model; need --overwrite"},
      {"gpt train --resume --out good", kError, "--resume: the run in 'good' has ended, or was never saved whole"},
  });
}

TEST_CASE("heed gpt sample: a prompt that the model cannot read is a usage error", "[program][errors]") {
  const Trained place;
  place.refuses({
      {"gpt sample --model good --prompt 'the é☃'", kUsage, "unknown characters \"é☃\""},
      {"gpt sample --model good --prompt \"$(printf 'caf\\351')\"", kUsage, "UTF-8"},
  });
}

TEST_CASE("heed: a directory that cannot be written is said before training", "[program][errors]") {
  const Workplace place;
  write(place / "file", "x");
  place.refuses({
      {"gpt train --text text --out /proc/heed", kError, "/proc/heed"},
      {"gpt train --text text --out file", kError, "cannot make the directory 'file'"},
      {"seq2seq train --pairs pairs --out /proc/heed", kError, "/proc/heed"},
  });
  // What the system does not even look for: a name without end, and a link to itself.
  replace(place / "loop", "loop");
  for (const std::string& name : {std::string(5000, 'x'), std::string("loop")})
    for (const char* command : {"gpt train --text text --out ", "gpt train --text ",
                                "seq2seq train --pairs pairs --out ", "seq2seq train --pairs "}) {
      const Finished refused = place.run(command + name);
      INFO(refused.err);
      CHECK(refused.exit_code == kError);
      CHECK_THAT(refused.err, Contains(name) && !Contains("filesystem error"));
    }
}

TEST_CASE("heed: a text for which memory has no room is refused with its size", "[program][errors]") {
  if (!kKeepFreed) return tests::skip("a limit of memory: AddressSanitizer reserves more than that");
  const Workplace place;
  REQUIRE(place.run("tokenizer train --tokenizer pieces --vocabulary 270 text").exit_code == 0);
  REQUIRE(place.run("seq2seq train --pairs pairs --steps 1 --width 8 --out translator").exit_code == 0);
  std::ofstream(place / "big") << "a";
  std::filesystem::resize_file(place / "big", 3'000'000'000);
  const std::string no_room =
      "bytes or more, for which memory has no room; need less text, or for a GPT ids, which heed "
      "gpt prepare makes of a file of any size\n";
  for (const auto& [command, said] :
       {std::pair<std::string, std::string>("gpt train --out out --text big", "\"big\" has 3000000000 " + no_room),
        {"seq2seq train --out out --pairs big", "\"big\" has 3000000000 " + no_room},
        {"tokenizer encode --tokenizer pieces big", "\"big\" has 3000000000 " + no_room},
        {"tokenizer encode --tokenizer pieces <big", no_room},
        {"seq2seq translate --model translator <big",
         "line 1 of standard input cannot be read, or memory has no room for it; need a sentence in each line\n"}}) {
    const Finished refused = place.run(command, "ulimit -v 500000;");
    INFO(command << "\n" << refused.err);
    CHECK(refused.exit_code == kError);
    CHECK(refused.out.empty());
    CHECK_THAT(refused.err, Contains("heed: ") && Contains(said));
  }
}

TEST_CASE("heed: a loss that is not finite stops with the step and the op that made it", "[program][errors]") {
  const Workplace place;
  const Finished finished = place.run("gpt train --text text --preset micro --steps 200 --lr 1e30 --out out");
  INFO(finished.err);
  CHECK(finished.exit_code == kError);
  CHECK_THAT(finished.err, Contains("of step ") && Contains("first made by"));
  CHECK_FALSE(std::filesystem::exists(place / "out/model.safetensors"));
}

TEST_CASE("heed train: several processes of a build without MPI are refused, not left to train alone", "[program]") {
  const Workplace place;
  if (place.run("info").out.find("MPI: no ") == std::string::npos) return;  // scripts/mpi.sh tests the others
  for (const char* command : {"gpt train --text text", "seq2seq train --pairs pairs"})
    for (const char* mpirun : {"OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=1", "PMI_SIZE=2"}) {
      const Finished finished = place.run(std::string(command) + " --steps 2 --out out", mpirun);
      CHECK(finished.exit_code == 1);
      CHECK_THAT(finished.err, Contains("mpirun started 2 processes, and this build is without MPI, so that each would "
                                        "train alone; need a build with -DHEED_MPI=ON, or no mpirun"));
      CHECK_FALSE(std::filesystem::exists(place / "out"));
    }
}

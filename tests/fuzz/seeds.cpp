// Writes seeds for every target, each what heed itself writes: seeds FOLDER.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <heed/autograd/ops.h>
#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/safetensors.h>
#include <heed/train/data/tokenizer/bpe.h>
#include <heed/train/training_state.h>
#include "../llama_tokenizer.h"
#include "small_models.h"

using namespace heed;
namespace fs = std::filesystem;

namespace {

constexpr const char* kText = "the cat that was sitting on the mat didn't see the dog\nl'été, où est-il ?\n";

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

fs::path target(const fs::path& root, const char* name) {
  fs::create_directories(root / name);
  return root / name;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: seeds FOLDER\n"), 2;
  const fs::path root = argv[1];
  save_safetensors(
      target(root, "safetensors") / "types",
      {{"a", tensor({{1., 2.}, {3., 4.}})}, {"b", arange(3)}, {"c", tensor({true, false})}, {"d", ones({0, 2}, f64)}},
      {{"format", "pt"}});
  save_safetensors(target(root, "safetensors") / "none", {});
  write_file(target(root, "pairs") / "two",
             "\xEF\xBB\xBFI'm cold .\tj'ai froid .\tCC-BY\r\n\nHe sleeps .\til dort aujourd'hui .\n");
  write_file(target(root, "chars") / "json", train::Chars::from_text(kText).to_json());
  write_file(target(root, "chars") / "text", kText);
  write_file(target(root, "words") / "json",
             train::Words::from_sentences(std::vector<std::string>{"the cat", "l' été"}).to_json());
  write_file(target(root, "words") / "text", kText);
  const std::vector<std::string> special = {train::kEndOfText};
  std::string llm_c(1024, '\0');  // the header: 20240520, 1, and 2 ids
  llm_c.replace(0, 9, std::string("\x88\xD8\x34\x01\x01\0\0\0\x02", 9));
  write_file(target(root, "bin") / "llm.c", llm_c + std::string("\x01\0\x02\0", 4));
  write_file(target(root, "bin") / "nanogpt", std::string("\x01\0\x02\0\0\0", 6));
  write_file(target(root, "text") / "windows", "\xEF\xBB\xBFl'été\r\nthe cat\r\n");
  write_file(target(root, "text") / "unix", kText);
  tests::SmallRun run;
  run.layer(ones({1, 2})).sum().backward();
  run.optimizer.step();
  train::save_training(target(root, "state") / "one", run.params, run.optimizers, run.params.rng(), {.step = 1});
  write_file(target(root, "state") / "metrics", "{\"step\": 10, \"loss\": 1.5}\n{\"step\": 20, \"loss\": null}\n");
  write_file(target(root, "tokenizer") / "bpe", train::Bpe::train(kText, 270, special).to_json());
  write_file(target(root, "tokenizer") / "llama2", tests::llama_json({"<unk>"}, {"th", "the", "t", "h", "e"}).dump());
  write_file(target(root, "bpe") / "text", kText);

  const std::string zero(1, '\0');
  write_file(target(root, "notes") / "chat", R"({"bos_token_id": 1, "eos_token_id": [2, 3], "pad_token_id": null})" +
                                                 zero + R"({"chat_template": "{{ messages }}", "bos_token": "t"})" +
                                                 zero +
                                                 "{% for message in messages %}{{ message.content }}{% endfor %}");
  const fs::path models = target(root, "models");
  for (const std::string& name : tests::save_small_models(models))
    write_file(target(root, "config") / name, read(models / name / "config.json"));
  write_file(target(root, "index") / "two", read(models / "gpt2" / "model.safetensors.index.json"));
  fs::remove_all(models);
}

// Where tests run the program: a directory with something to learn from.
#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "run_program.h"

namespace heed::tests {

inline const std::string kTinyGpt = "gpt train --text text --preset micro --steps 20 --threads 1 ";
inline const std::string kTinyTranslator = "seq2seq train --pairs pairs --steps 6 --threads 1 ";

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

/// Puts a link in the place of a file.
inline void replace(const std::filesystem::path& path, const std::string& target) {
  std::filesystem::remove(path);
  std::filesystem::create_symlink(target, path);
}

inline const std::set<std::string> kModelFiles = {"best",           "config.json",          "generation_config.json",
                                                  "metrics.jsonl",  "model.safetensors",    "times.jsonl",
                                                  "tokenizer.json", "tokenizer_config.json"};
inline const std::set<std::string> kTranslatorFiles = {"best",          "config.json",       "held_out.tsv",
                                                       "metrics.jsonl", "model.safetensors", "times.jsonl"};

/// After a command that trains into "cut": kills it once it has saved. Needs "set -m;" before the command.
inline const std::string kKillOnceSaved =
    " & pid=$!; while [ ! -e cut/training.safetensors ]; do :; done; kill -KILL $pid; wait $pid 2>/dev/null";

}  // namespace heed::tests

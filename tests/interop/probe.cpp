// What scripts/interop.sh asks of heed: opens a folder, and tells what the model computes.
//   probe FOLDER QUESTION ANSWER AGAIN
// QUESTION holds "tokens" and "prompt", ANSWER gets what tests/folder_answer.h says; AGAIN becomes a folder with the
// same model. probe FOLDER alone opens it, and says how much memory that took at most and how much the parameters have.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>

#include <sys/resource.h>

#include "../folder_answer.h"

using namespace heed;

int main(int argc, char** argv) try {
  if (argc != 2 && argc != 5) return std::fprintf(stderr, "usage: probe FOLDER [QUESTION ANSWER AGAIN]\n"), 2;
  const train::SavedModel saved(argv[1]);
  if (argc == 2) {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const double mib = static_cast<double>(saved.params.numel()) * 4 / (1 << 20);
    fmt::print("peak {:.0f} MiB, parameters {:.0f} MiB\n", static_cast<double>(usage.ru_maxrss) / 1024, mib);
    return 0;
  }
  std::map<std::string, Tensor> question;
  for (const auto& [name, x] : load_safetensors(argv[2]).tensors) question[name] = x;
  save_safetensors(argv[3], tests::folder_answer(saved, question.at("tokens"), question.at("prompt")));
  std::filesystem::create_directories(argv[4]);
  train::save_gpt(argv[4], saved.params, saved.gpt.config);
  return 0;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "probe: %s\n", error.what()), 1;
}

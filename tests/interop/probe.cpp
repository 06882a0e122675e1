// What scripts/interop.sh asks of heed: opens a folder, and tells what the model computes.
//   probe FOLDER QUESTION ANSWER AGAIN
// QUESTION holds "tokens" and "prompt", ANSWER gets what tests/folder_answer.h says; AGAIN becomes a folder with the
// same model.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>

#include "../folder_answer.h"

using namespace heed;

int main(int argc, char** argv) try {
  if (argc != 5) return std::fprintf(stderr, "usage: probe FOLDER QUESTION ANSWER AGAIN\n"), 2;
  const train::SavedModel saved(argv[1]);
  std::map<std::string, Tensor> question;
  for (const auto& [name, x] : load_safetensors(argv[2]).tensors) question[name] = x;
  save_safetensors(argv[3], tests::folder_answer(saved, question.at("tokens"), question.at("prompt")));
  std::filesystem::create_directories(argv[4]);
  train::save_gpt(argv[4], saved.params, saved.gpt.config);
  return 0;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "probe: %s\n", error.what()), 1;
}

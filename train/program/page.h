// `heed page`: a page in which a trained model runs, or that shows attention from elsewhere.
#pragma once

#include <string>
#include <vector>

namespace heed::train::program {

struct PageFlags {
  std::vector<std::string> models;  ///< directories: one, or snapshots of one translator's training
  std::string attention;            ///< instead of models: a safetensors file of weights
  std::string tokens;               ///< and the JSON file of what they are between
  std::string out = "page.html";
  std::vector<std::string> texts;  ///< the first is what a reader finds typed
};

/// Returns the exit code.
int write_page(const PageFlags& flags);

}  // namespace heed::train::program

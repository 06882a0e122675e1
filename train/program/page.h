// `heed page`: a page in which a trained model runs.
#pragma once

#include <string>
#include <vector>

namespace heed::train::program {

struct PageFlags {
  std::vector<std::string> models;  ///< directories: one, or snapshots of one translator's training
  std::string out = "page.html";
  std::vector<std::string> texts;  ///< the first is what a reader finds typed
};

/// Returns the exit code.
int write_live_page(const PageFlags& flags);

}  // namespace heed::train::program

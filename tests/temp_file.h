// One file in a directory of its own, for each test that reads files.
#pragma once

#include <fstream>
#include <string>

#include "temporary_directory.h"

namespace heed::tests {

struct TempFile {
  TempFile() = default;  ///< a name without a file
  explicit TempFile(const std::string& content) { std::ofstream(path, std::ios::binary) << content; }

  TemporaryDirectory folder;
  std::string path = (folder / "file").string();
};

}  // namespace heed::tests

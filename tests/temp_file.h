// A file of this process's own that is gone afterwards.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/core.h>
#include <unistd.h>

namespace heed {

struct TempFile {
  TempFile() = default;  ///< a name without a file
  explicit TempFile(const std::string& content) { std::ofstream(path, std::ios::binary) << content; }
  TempFile(const TempFile&) = delete;
  ~TempFile() { std::filesystem::remove(path); }

  std::string path = fmt::format("{}/heed_{}_{}", std::filesystem::temp_directory_path().string(), getpid(), count++);

 private:
  static inline int count = 0;
};

}  // namespace heed

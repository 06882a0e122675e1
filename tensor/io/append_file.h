// A file that grows by records, each whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>

#include <heed/tensor/error.h>

namespace heed {

/// Records at the end of a file.
class AppendFile {
 public:
  /// Opens the file, or makes an empty one. Throws FileError.
  explicit AppendFile(std::filesystem::path path, Loc loc = Loc::current());
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// Throws FileError, for example when the disk is full.
  void append(std::string_view record);

 private:
  [[noreturn]] void fail_with(const char* what, int error) const;

  std::filesystem::path path_;
  Loc where_;
  int descriptor_ = -1;
};

}  // namespace heed

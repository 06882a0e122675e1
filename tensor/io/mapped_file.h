// A file's bytes as memory.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include <heed/tensor/error.h>

namespace heed {

/// A regular file that the system reads as its bytes are looked at, and need not hold all at once. Nobody may shorten
/// it meanwhile.
class MappedFile {
 public:
  /// Throws FileError with `need` ("a safetensors file") if there is none at `path`, or it cannot be read.
  MappedFile(const Op& op, const std::filesystem::path& path, const std::string& need);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// All of them.
  std::span<const std::byte> bytes() const { return bytes_; }
  /// Takes the part from memory; whoever looks there again has it read again.
  void forget(std::span<const std::byte> part) const;

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace heed

#include <heed/tensor/io/mapped_file.h>

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace heed {

MappedFile::MappedFile(const Op& op, const std::filesystem::path& path, const std::string& need) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not keep us waiting
  if (descriptor < 0 && errno == ENOENT) fail<FileError>(op, "'{}' does not exist; need {}", path.string(), need);
  struct stat about {};
  const bool known = descriptor >= 0 && ::fstat(descriptor, &about) == 0, regular = known && S_ISREG(about.st_mode);
  const auto size = static_cast<size_t>(about.st_size);
  void* start = regular && size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0) : nullptr;
  if (descriptor >= 0) ::close(descriptor);
  if (known && !regular) fail<FileError>(op, "'{}' is not a regular file; need {}", path.string(), need);
  if (!known || start == MAP_FAILED)
    fail<FileError>(op, "'{}' cannot be read; need permission to read it", path.string());
  if (start) bytes_ = {static_cast<const std::byte*>(start), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::forget(std::span<const std::byte> part) const {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE)), begin = reinterpret_cast<uintptr_t>(part.data());
  const uintptr_t first = begin / page * page, last = (begin + part.size()) / page * page;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace heed

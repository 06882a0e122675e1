#include <heed/tensor/io/append_file.h>

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace heed {

AppendFile::AppendFile(std::filesystem::path path, Loc loc) : path_(std::move(path)), where_(loc) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_with("cannot open", errno);
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::append(std::string_view record) {
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  const ssize_t written = ::write(descriptor_, record.data(), record.size());
  if (written == static_cast<ssize_t>(record.size())) return;
  const int error = written < 0 ? errno : ENOSPC;
  if (written > 0 && ::ftruncate(descriptor_, before) != 0) {  // then part of it stays: the error below tells
  }
  fail_with("cannot write", error);
}

void AppendFile::fail_with(const char* what, int error) const {
  fail<FileError>({"write", where_}, "{} '{}': {}; need a directory that can be written, with room on the disk", what,
                  path_.string(), std::generic_category().message(error));
}

}  // namespace heed

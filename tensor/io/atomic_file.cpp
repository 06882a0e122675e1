#include <heed/tensor/io/atomic_file.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace heed {

namespace {

[[noreturn]] void fail_with(const Op& op, const char* what, int error, const std::filesystem::path& path,
                            const char* room = "with room for the file") {
  fail<FileError>(op, "{} '{}': {}; need a directory that can be written, {}", what, path.string(),
                  std::generic_category().message(error), room);
}

/// The folder that holds `path`.
std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// Makes a rename in `folder` survive a power cut, where the file system can do so.
void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

constexpr std::string_view kTemporary = ".tmp";

/// Whether it is the name of a temporary file, as in "model.safetensors.1234-0.tmp".
bool is_temporary(const std::string& name) {
  if (!name.ends_with(kTemporary)) return false;
  const std::string stem = name.substr(0, name.size() - kTemporary.size()), number = stem.substr(stem.rfind('.') + 1);
  return number.find('-') != number.npos && number.find_first_not_of("0123456789-") == number.npos;
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path, Loc loc) : path_(std::move(path)), where_(loc) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path_, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    fail<FileError>({called_, where_}, "'{}' exists and is not a regular file; need a file name", path_.string());
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    temporary_ = path_;
    temporary_ += fmt::format(".{}-{}{}", ::getpid(), attempt, kTemporary);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) {
      if (hold_file(descriptor_) != ENOENT) break;
      ::close(std::exchange(descriptor_, -1));  // taken for abandoned before it was held
    } else if (errno != EEXIST || attempt == 100) {
      fail_with({called_, where_}, "cannot create", errno, path_);
    }
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_with({called_, where_}, "cannot write", errno, path_);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void AtomicFile::flush() {
  if (::fsync(descriptor_) != 0 && errno != EINVAL)
    fail_with({called_, where_}, "cannot write", errno, path_);  // EINVAL: nothing to sync here
}

void AtomicFile::commit() {
  flush();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_with({called_, where_}, "cannot name", errno, path_);
  ::close(descriptor_);
  descriptor_ = -1;
  sync_folder(folder_of(path_));
}

void commit_together(std::list<AtomicFile>& files, std::span<const std::filesystem::path> gone) {
  const auto remove = [](const std::filesystem::path& file) {
    if (std::error_code error; !std::filesystem::remove(file, error) && error)
      fail_with({Op::called("commit_together")}, "cannot remove", error.value(), file, "and whose files may change");
  };
  for (AtomicFile& file : files) file.flush();  // which takes long, before anything changes
  remove(files.back().path_);
  for (const std::filesystem::path& file : gone) remove(file);
  for (AtomicFile& file : files) file.commit();
}

constexpr const char* kRoom = "with room on the disk";

AppendFile::AppendFile(std::filesystem::path path, Loc loc) : path_(std::move(path)), where_(loc) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_with({called_, where_}, "cannot open", errno, path_, kRoom);
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
  fail_with({called_, where_}, "cannot write", error, path_, kRoom);
}

int hold_file(int descriptor) {
  const int error = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  struct stat file {};
  return ::fstat(descriptor, &file) == 0 && file.st_nlink > 0 ? error : ENOENT;
}

void remove_abandoned(const std::filesystem::path& folder) {
  std::error_code stop;
  for (std::filesystem::directory_iterator entry(folder, stop), end; !stop && entry != end; entry.increment(stop)) {
    if (!is_temporary(entry->path().filename())) continue;
    const int descriptor = ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (hold_file(descriptor) == 0) ::unlink(entry->path().c_str());
    ::close(descriptor);
  }
}

void write_file(const std::filesystem::path& path, std::string_view text, Loc loc) {
  const Op op{"write_file", loc};
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace heed

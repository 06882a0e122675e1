#include <heed/train/run_directory.h>

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <heed/tensor/io/atomic_file.h>
#include <heed/train/model_config.h>

namespace heed::train {
namespace {

constexpr const char* kLockFile = "run.lock";

/// Whether the open file still has its name: its last holder removes it.
bool is_named(int descriptor) {
  struct stat file {};
  return fstat(descriptor, &file) == 0 && file.st_nlink > 0;
}

void require(const Op& op, const std::error_code& error, const char* what, const std::filesystem::path& path) {
  if (error)
    fail<FileError>(op, "cannot {} '{}': {}; need a directory that can be written", what, path.string(),
                    error.message());
}

}  // namespace

void make_directory(const std::filesystem::path& directory, const Op& op) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  require(op, error, "make the directory", directory);
  AtomicFile probe(directory / "probe");  // leaves nothing
}

void remove_if_there(const std::filesystem::path& path, const Op& op) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  require(op, error, "remove", path);
}

RunDirectory::RunDirectory(std::filesystem::path path, Model model, Loc loc) : path_(std::move(path)) {
  const Op op{"train", loc};
  make_directory(path_, op);
  const std::filesystem::path file = path_ / kLockFile;
  for (;;) {
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0)
      fail<FileError>(op, "cannot open '{}': {}", file.string(), std::generic_category().message(errno));
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    const int error = fcntl(descriptor_, F_SETLK, &whole) == 0 ? 0 : errno;
    if (error == 0 && is_named(descriptor_)) break;
    fcntl(descriptor_, F_GETLK, &whole);
    ::close(descriptor_);
    if (error != 0 && error != EACCES && error != EAGAIN)
      fail<FileError>(op, "cannot lock '{}': {}", file.string(), std::generic_category().message(error));
    if (error != 0 && whole.l_type != F_UNLCK)  // else the holder left meanwhile
      fail<FileError>(op, "process {} trains into '{}'; need another directory, or that process ended", whole.l_pid,
                      path_.string());
  }
  const bool found = std::filesystem::exists(path_ / kConfigFile) || std::filesystem::exists(path_ / kWeightsFile);
  if (model != Model::refuse || !found) {
    for (const std::filesystem::path& folder : {path_, path_ / kBestDirectory}) remove_abandoned(folder);
    return;
  }
  remove_if_there(file, op);
  ::close(descriptor_);
  const bool interrupted = std::filesystem::exists(path_ / kStateFile);
  fail<FileError>(op, "'{}' holds a model; need --overwrite to replace it, {}or another directory", path_.string(),
                  interrupted ? "--resume to go on, " : "");
}

RunDirectory::~RunDirectory() {
  std::error_code ignored;  // a file without a lock holds nobody up
  std::filesystem::remove(path_ / kLockFile, ignored);
  ::close(descriptor_);
}

}  // namespace heed::train

#include <heed/tensor/io/atomic_file.h>

#include <filesystem>
#include <fstream>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>

#include "catch.h"
#include "skip.h"
#include "temporary_directory.h"

using namespace heed;
using heed::AtomicFile;
using heed::write_file;

namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

size_t files_in(const std::filesystem::path& directory) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

/// While it lives, files cannot grow beyond `bytes`, as if the disk were full.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    signal_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  rlimit before_;
  void (*signal_)(int);
};

}  // namespace

TEST_CASE("atomic file: the old content stays until the commit", "[files]") {
  const tests::TemporaryDirectory directory;
  write_file(directory / "a", "old");
  AtomicFile file(directory / "a");
  file.write("new");
  CHECK(content(directory / "a") == "old");
  file.commit();
  CHECK(content(directory / "a") == "new");
  CHECK(files_in(directory.path()) == 1);
}

TEST_CASE("atomic file: without a commit nothing is left", "[files]") {
  const tests::TemporaryDirectory directory;
  { AtomicFile(directory / "a").write("half"); }
  CHECK(files_in(directory.path()) == 0);
}

TEST_CASE("atomic file: a full disk leaves the old file and no rest, and is said", "[files]") {
  const tests::TemporaryDirectory directory;
  write_file(directory / "a", "old");
  {
    const SmallDisk full(1000);
    CHECK_THROWS_WITH(write_file(directory / "a", std::string(100'000, 'x')),
                      Contains("cannot write") && Contains("too large"));
  }
  CHECK(content(directory / "a") == "old");
  CHECK(files_in(directory.path()) == 1);
}

TEST_CASE("atomic file: a directory that is absent is named", "[files]") {
  const tests::TemporaryDirectory directory;
  CHECK_THROWS_WITH(AtomicFile(directory / "no" / "file"),
                    Contains("no/file") && Contains("No such file or directory"));
  CHECK_THROWS_AS(AtomicFile(directory / "no" / "file"), FileError);
}

TEST_CASE("atomic file: a directory that cannot be written is named", "[files]") {
  if (geteuid() == 0) {
    tests::skip("root may write everywhere but where nobody may");
    CHECK_THROWS_WITH(AtomicFile("/proc/heed"), Contains("/proc/heed"));
    return;
  }
  const tests::TemporaryDirectory directory;
  chmod(directory.path().c_str(), 0500);
  CHECK_THROWS_WITH(AtomicFile(directory / "a"), Contains("Permission denied"));
}

TEST_CASE("atomic file: devices and directories are not replaced", "[files]") {
  const tests::TemporaryDirectory directory;
  CHECK_THROWS_WITH(AtomicFile("/dev/full"), Contains("not a regular file"));
  CHECK_THROWS_WITH(AtomicFile(directory.path()), Contains("not a regular file"));
}

TEST_CASE("atomic file: new files get the permissions that the umask leaves", "[files]") {
  const tests::TemporaryDirectory directory;
  const mode_t before = umask(0027);
  write_file(directory / "a", "x");
  umask(before);
  CHECK(
      std::filesystem::status(directory / "a").permissions() ==
      (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write | std::filesystem::perms::group_read));
}

TEST_CASE("atomic file: what a killed process left is removed, and nothing else", "[files]") {
  const tests::TemporaryDirectory directory;
  const std::string left[] = {"model.safetensors.12-0.tmp", "a.1-3.tmp"};
  const std::string others[] = {"notes.tmp", "a.1-3.tmp.txt", "v1.2.tmp", "1-2", "a.x1-2.tmp"};
  for (const std::string& name : left) write_file(directory / name, "half");
  for (const std::string& name : others) write_file(directory / name, "whole");
  AtomicFile living(directory / "living");  // a file of ours that is being written
  living.write("text");
  heed::remove_abandoned(directory.path());
  for (const std::string& name : left) CHECK_FALSE(std::filesystem::exists(directory / name));
  for (const std::string& name : others) CHECK(std::filesystem::exists(directory / name));
  living.commit();
  CHECK(content(directory / "living") == "text");
  heed::remove_abandoned(directory / "absent");
}

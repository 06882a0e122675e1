// Files that are whole at any time: one that appears under its name complete, or not at all, and one that grows by
// records.
#pragma once

#include <filesystem>
#include <list>
#include <span>
#include <string_view>

#include <heed/tensor/error.h>

namespace heed {

/// Writes to a temporary name in the same directory; commit() flushes to disk and renames. Without a commit, the
/// destructor removes what was written and leaves any older file of that name as it was.
class AtomicFile {
 public:
  /// Throws FileError if the directory cannot be written or `path` names something other than a regular file.
  explicit AtomicFile(std::filesystem::path path, Loc loc = Loc::current());
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Throws FileError, for example when the disk is full.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// The file takes its name. Throws FileError.
  void commit();

 private:
  friend void commit_together(std::list<AtomicFile>& files, std::span<const std::filesystem::path> gone);
  void flush();  // until the disk has what was written

  std::filesystem::path path_, temporary_;
  const char* called_ = Op::called("AtomicFile");
  Loc where_;
  int descriptor_ = -1;
};

/// Files that belong together take their names in this order, those in `gone` lose theirs. The last is one without
/// which nobody reads the others: stopped at any moment, this leaves all as it was, or as it is to be, or no file of
/// that name. Throws FileError.
void commit_together(std::list<AtomicFile>& files, std::span<const std::filesystem::path> gone = {});

/// A file that grows by records, each whole or not at all.
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
  std::filesystem::path path_;
  const char* called_ = Op::called("AppendFile");
  Loc where_;
  int descriptor_ = -1;
};

/// Holds the open file, which nobody else can as long as it is open: a process that dies holds none. Returns 0, or why
/// not: EWOULDBLOCK if another descriptor has it, ENOENT if it has lost its name, or what else the system says.
int hold_file(int descriptor);

/// Removes the temporary files of processes that were killed before their commit. Those of living processes stay, as
/// does all that cannot be removed.
void remove_abandoned(const std::filesystem::path& folder);

/// `text` as the whole file `path`. Throws FileError.
void write_file(const std::filesystem::path& path, std::string_view text, Loc loc = Loc::current());

}  // namespace heed

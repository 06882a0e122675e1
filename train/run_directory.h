// The directory of a training run, held by one process at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <heed/tensor/error.h>
#include <heed/tensor/io/safetensors.h>

namespace heed::train {

// Within a run's directory:
constexpr const char* kBestDirectory = "best";              ///< the model with the lowest evaluation
constexpr const char* kStepsDirectory = "steps";            ///< of directories N: the model as N steps had made it
constexpr const char* kStateFile = "training.safetensors";  ///< what an interrupted run goes on from

/// Makes the directory (and those above it) and checks that files can be created in it. Throws FileError.
void make_directory(const std::filesystem::path& directory, const Op& op);
/// The directory, its best/ or one of its steps/: the first with a model that heed wrote or could read; else empty.
std::filesystem::path model_in(const std::filesystem::path& directory);
/// The models in its steps/, by their number.
std::map<int64_t, std::filesystem::path> kept_in(const std::filesystem::path& directory);
/// Files by their names, written in this order; an empty text removes its file.
using FolderTexts = std::vector<std::pair<const char*, std::string>>;
/// Writes weights, with what their file says of itself, and texts, the last of which is config.json. The directory is
/// made if it is not there. Stopped at any moment, this leaves what was there, or all that is new, or a folder
/// without config.json, which does not open; beside the state of a run, whose own model is there, config.json stays.
/// Throws FileError.
void write_model(const std::filesystem::path& directory, const NamedTensors& weights, const Metadata& about,
                 const FolderTexts& texts, const Op& op);
/// Removes a file if it is there. Throws FileError.
void remove_if_there(const std::filesystem::path& file, const Op& op);
/// Removes the files that heed may have written, and the directory if they were all that is in it. Throws FileError.
void remove_model(const std::filesystem::path& directory, const Op& op);
/// Removes the models in its steps/, as of a run that another one follows. Throws FileError.
void remove_kept(const std::filesystem::path& directory, const Op& op);

/// While it lives, nobody else can hold the directory. The hold is the system's: it ends with the process, however that
/// ends.
class RunDirectory {
 public:
  /// Makes the directory if there is none, and removes what a killed run left half-written. Throws FileError if it
  /// cannot be written, and if another process, or this one, holds it already (with its number).
  explicit RunDirectory(std::filesystem::path path, Loc loc = Loc::current());
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Where it is: path(), or where it was moved to; empty if it was removed.
  std::filesystem::path place() const;
  /// Throws FileError if it is no longer at path(), where another run may be by now.
  void check(const Op& op) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace heed::train

// Event files, which TensorBoard shows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/tensor.h>
#include <heed/train/metrics_log.h>

namespace heed::train {

/// Appends events to a file events.out.tfevents.* of a directory: TFRecords (lengths and data with masked CRC-32C) of
/// tensorflow.Event messages. Every call throws FileError if it cannot write.
class EventFile {
 public:
  /// A new file, whose run goes on after `done` steps: what earlier files hold of later ones is void. At 0 those files
  /// are removed.
  EventFile(const std::filesystem::path& directory, int64_t done, Loc loc = Loc::current());
  /// Whether a directory has one; and none any more. Throws FileError.
  static bool any_in(const std::filesystem::path& directory);
  static void remove_from(const std::filesystem::path& directory, Loc loc = Loc::current());

  /// Numbers, or a text, of a step.
  void scalars(int64_t step, const Measurements& numbers);
  void text(int64_t step, const std::string& tag, const std::string& text);
  /// values (rows, columns) in [0, 1], the darker the larger. Throws ShapeError.
  void image(int64_t step, const std::string& tag, const Tensor& values, Loc loc = Loc::current());

 private:
  std::unique_ptr<AppendFile> file_;
};

}  // namespace heed::train

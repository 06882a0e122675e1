// One JSON object a line, as training goes: metrics.jsonl, and times.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <heed/tensor/io/atomic_file.h>

namespace heed::train {

/// Named numbers, in order.
using Measurements = std::vector<std::pair<std::string, double>>;

/// Ends the names of what was measured on everything, at the end of a run.
constexpr const char* kOfAll = "_all";

/// The lines of a file, each a step and its numbers in order; those that are no such lines, and null, are left out.
std::vector<std::pair<int64_t, Measurements>> read_metrics(const std::filesystem::path& path);

/// Appends lines, each whole or not at all.
class MetricsLog {
 public:
  /// Starts the file anew, but for lines of steps up to `keep`. Throws FileError if it cannot be written.
  MetricsLog(const std::filesystem::path& path, int64_t keep, Loc loc = Loc::current());

  /// {"step": step, "loss": 1.25, ...}. Numbers that are not finite are written as null. Throws FileError.
  void write(int64_t step, const Measurements& numbers);

 private:
  MetricsLog(const Op&, const std::filesystem::path& path, int64_t keep);

  AppendFile file_;
};

}  // namespace heed::train

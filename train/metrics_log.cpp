#include <heed/train/metrics_log.h>

#include <fstream>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/json.h>

namespace heed::train {
namespace {

constexpr const char* kStep = "step";

/// f(line, JSON object, step) for each line that has a step.
template <class F>
void each_line(const std::filesystem::path& path, F f) {
  if (std::error_code ignored; !std::filesystem::is_regular_file(path, ignored)) return;  // a device may have no end
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const Json json = parse_json(line);
    const auto step = json.is_object() ? json.find(kStep) : json.end();
    if (step != json.end() && step->is_number_integer()) f(line, json, step->template get<int64_t>());
  }
}

/// The lines of steps 1 .. keep of an earlier run.
std::string kept_lines(const std::filesystem::path& path, int64_t keep) {
  std::string kept;
  if (keep > 0)
    each_line(path, [&](const std::string& line, const Json&, int64_t step) {
      if (step <= keep) kept += line + "\n";
    });
  return kept;
}

}  // namespace

std::vector<std::pair<int64_t, Measurements>> read_metrics(const std::filesystem::path& path) {
  std::vector<std::pair<int64_t, Measurements>> lines;
  each_line(path, [&](const std::string&, const Json& json, int64_t step) {
    Measurements numbers;
    for (const auto& [name, number] : json.items())
      if (name != kStep && number.is_number()) numbers.emplace_back(name, number.get<double>());
    lines.emplace_back(step, std::move(numbers));
  });
  return lines;
}

// The Op of a constructor that delegates lives until all is built.
MetricsLog::MetricsLog(const std::filesystem::path& path, int64_t keep, Loc loc)
    : MetricsLog(Op{"MetricsLog", loc}, path, keep) {}

MetricsLog::MetricsLog(const Op&, const std::filesystem::path& path, int64_t keep)
    : file_((write_file(path, kept_lines(path, keep)), path)) {}

void MetricsLog::write(int64_t step, const Measurements& numbers) {
  Json json = {{kStep, step}};
  for (const auto& [name, number] : numbers) json[name] = number;
  file_.append(dump_json(json) + "\n");
}

}  // namespace heed::train

#include <heed/autograd/check/profile.h>

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/storage.h>

namespace heed {

Profile::Profile() : last_(std::chrono::steady_clock::now()) {
  last_bytes_ = memory_stats().allocated_bytes;
  last_flops_ = kernels::flops();
}

void Profile::computed(const Op& op, const Tensor&, std::span<const Tensor>) {
  if (is_newest_of_its_kind()) mark(op.name);
}

void Profile::differentiated(const Op& op, std::span<const Tensor>, const Tensor&) {
  if (is_newest_of_its_kind()) mark(std::string(op.name) + " backward");
}

void Profile::mark(const std::string& name) {
  const auto now = std::chrono::steady_clock::now();
  const int64_t bytes = memory_stats().allocated_bytes, flops = kernels::flops();
  Row& row = rows_[name];
  ++row.calls;
  row.seconds += std::chrono::duration<double>(now - last_).count();
  row.bytes += bytes - last_bytes_;
  row.flops += flops - last_flops_;
  last_bytes_ = bytes;
  last_flops_ = flops;
  last_ = std::chrono::steady_clock::now();
}

std::string Profile::table() const {
  std::vector<std::pair<std::string, Row>> sorted(rows_.begin(), rows_.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  Row total;
  for (const auto& [name, row] : sorted)
    total.seconds += row.seconds, total.flops += row.flops, total.calls += row.calls, total.bytes += row.bytes;
  const auto line = [&](const std::string& name, const Row& row) {
    return fmt::format("{:<40} {:>6} {:>10.3f} {:>6.1f}% {:>9.3f} {:>9.1f} {:>9.2f}\n", name, row.calls,
                       row.seconds * 1e3, 100 * row.seconds / std::max(total.seconds, 1e-12),
                       static_cast<double>(row.flops) * 1e-9,
                       static_cast<double>(row.flops) * 1e-9 / std::max(row.seconds, 1e-12),
                       static_cast<double>(row.bytes) / 1048576.0);
  };
  std::string out = fmt::format("{:<40} {:>6} {:>10} {:>7} {:>9} {:>9} {:>9}\n", "op", "calls", "ms", "share", "GFLOP",
                                "GFLOP/s", "MiB");
  for (const auto& [name, row] : sorted) out += line(name, row);
  return out + line("total", total);
}

}  // namespace heed

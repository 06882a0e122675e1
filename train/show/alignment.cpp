#include <heed/train/show/alignment.h>

#include <heed/train/show/plot.h>

namespace heed::train {

std::string draw_alignment(const std::vector<std::string>& source, const std::vector<std::string>& target,
                           const Tensor& weights) {
  if (target.empty()) return "";
  const Heatmap heatmap{"", "", "", source, target, weights, 0, 1};
  return text(heatmap);
}

}  // namespace heed::train

#include "train/alignment.h"

#include "train/plot.h"

namespace heed::train {

std::string draw_alignment(const std::vector<std::string>& source, const std::vector<std::string>& target, const Tensor& weights) {
  if (target.empty()) return "";
  return text(Heatmap{.title = "", .x_label = "", .y_label = "", .columns = source, .rows = target, .values = weights, .low = 0, .high = 1});
}

}  // namespace heed::train

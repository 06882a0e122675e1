#include "train/alignment.h"

#include <algorithm>
#include <cmath>

#include "train/data/utf8.h"

namespace heed::train {
namespace {

constexpr const char* kShades[] = {"·", "░", "▒", "▓", "█"};

const char* shade(double weight) {
  const int64_t level = std::lround(std::clamp(weight, 0.0, 1.0) * 4);
  return kShades[weight > 0.05 ? std::max<int64_t>(1, level) : level];
}

}  // namespace

std::string draw_alignment(const std::vector<std::string>& source, const std::vector<std::string>& target, const Tensor& weights) {
  std::vector<std::u32string> columns;
  size_t height = 0, margin = 0;
  for (const std::string& word : source) height = std::max(height, columns.emplace_back(decode_utf8(word)).size());
  for (const std::string& word : target) margin = std::max(margin, decode_utf8(word).size());

  std::string picture;
  for (size_t line = 0; line < height; ++line) {
    picture += std::string(margin + 1, ' ');
    for (const std::u32string& word : columns) {
      const size_t above = height - word.size();  // words stand on the picture
      picture += line < above ? "  " : encode_utf8(word[line - above]) + " ";
    }
    picture += "\n";
  }
  for (size_t t = 0; t < target.size(); ++t) {
    picture += std::string(margin - decode_utf8(target[t]).size(), ' ') + target[t] + " ";
    for (size_t s = 0; s < source.size(); ++s) {
      const char* cell = shade(weights.at<double>({static_cast<int64_t>(t), static_cast<int64_t>(s)}));
      picture += std::string(cell) + (std::string_view(cell) == kShades[0] ? " " : cell);
    }
    picture += "\n";
  }
  return picture;
}

}  // namespace heed::train

#include <heed/tensor/error.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace heed {

std::string to_string(const Loc& loc) {
  std::string_view file = loc.file_name();
  if (const auto slash = file.find_last_of('/'); slash != file.npos) file.remove_prefix(slash + 1);
  return fmt::format("[{}:{}]", file, loc.line());
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) (text += &part == parts.data() ? "" : separator) += part;
  return text;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string compose_message(const Op& op, fmt::string_view format, fmt::format_args args) {
  const std::string place = op.module() ? " in " + *op.module() : "";
  return fmt::format("{}{}: {}  {}", op.name, place, fmt::vformat(format, args), to_string(op.where));
}

}  // namespace heed

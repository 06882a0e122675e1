#include <heed/tensor/error.h>

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

std::string compose_message(const Op& op, fmt::string_view format, fmt::format_args args) {
  const std::string place = op.module() ? " in " + *op.module() : "";
  return fmt::format("{}{}: {}  {}", op.name, place, fmt::vformat(format, args), to_string(op.where));
}

}  // namespace heed

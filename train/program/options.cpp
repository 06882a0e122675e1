#include <heed/train/program/options.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include <heed/tensor/format.h>
#include <heed/tensor/io/utf8.h>

namespace heed::train::program {

CLI::Validator whole_number(int64_t low, int64_t high) {
  return CLI::Validator(
      [low, high](std::string& text) {
        int64_t value = 0;
        if (CLI::detail::lexical_cast(text, value) && value >= low && value <= high) return std::string();
        return fmt::format("need a whole number from {} to {}, not '{}'", low, high, text);
      },
      "");
}

CLI::Validator number(double low, bool closed, double high, bool below) {
  return CLI::Validator(
      [low, closed, high, below](std::string& text) {
        double value = 0;
        if (CLI::detail::lexical_cast(text, value) && std::isfinite(value) && (below ? value < high : value <= high) &&
            (closed ? value >= low : value > low))
          return std::string();
        const std::string most =
            std::isfinite(high) ? fmt::format(" and {} {}", below ? "below" : "at most", high) : "";
        return fmt::format("need a number {} {}{}, not '{}'", closed ? "from" : "above", low, most, text);
      },
      "");
}

CLI::Validator one_of(const std::vector<std::string>& names) {
  return CLI::Validator(
      [names](std::string& text) {
        if (std::find(names.begin(), names.end(), text) != names.end()) return std::string();
        return fmt::format("need one of {}, not '{}'", join(names, ", "), text);
      },
      "");
}

CLI::Validator one_line() {
  return CLI::Validator(
      [](std::string& text) {
        const auto control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
        if (!text.empty() && find_invalid_utf8(text) == text.npos && std::ranges::none_of(text, control))
          return std::string();
        return fmt::format("need a line of text, not '{}'", text);
      },
      "");
}

void refuse_empty_paths(CLI::App& app) {
  for (CLI::Option* option : app.get_options())
    if (const std::string type = option->get_type_name(); type.ends_with("FILE") || type.ends_with("DIR"))
      option->check(CLI::Validator(
          [type](std::string& text) { return text.empty() ? fmt::format("need a name for {}, not ''", type) : ""; },
          ""));
  for (CLI::App* command : app.get_subcommands({})) refuse_empty_paths(*command);
}

std::string shell_word(const std::string& word) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

void examples(CLI::App* command, const std::vector<std::string>& lines) {
  command->footer("Examples:\n  " + join(lines, "\n  "));
}

}  // namespace heed::train::program

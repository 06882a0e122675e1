#include <heed/train/program/options.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include <heed/nn/scope.h>
#include <heed/tensor/format.h>
#include <heed/tensor/io/utf8.h>

namespace heed::train::program {
namespace {

/// "; did you mean --steps?" for an option or a command that is nearly one of the app's; else "".
std::string meant(const CLI::App& app, const std::string& word) {
  std::vector<std::pair<std::string, std::string>> known;  // what is compared, and what is typed
  if (word.starts_with('-')) {
    for (const CLI::Option* option : app.get_options())
      for (const std::string& name : option->get_lnames()) known.emplace_back("--" + name, "--" + name);
  } else {
    const auto every = [](const CLI::App*) { return true; };
    for (const CLI::App* command : app.get_subcommands(every)) {
      known.emplace_back(command->get_name(), command->get_name());
      for (const CLI::App* within : command->get_subcommands(every))
        known.emplace_back(within->get_name(), command->get_name() + " " + within->get_name());
    }
  }
  const size_t letters = word.size() - std::min(word.find_first_not_of('-'), word.size());
  size_t least = std::min(letters, std::max<size_t>(3, letters / 3 + 1));  // two letters that changed places are two
  std::string best;
  for (const auto& [name, typed] : known) {
    const bool begun = letters >= 3 && name.starts_with(word);
    if (const size_t distance = begun ? 0 : edit_distance(word, name); distance < least) least = distance, best = typed;
  }
  return best.empty() ? "" : fmt::format("; did you mean {}?", best);
}

/// Refuses a text that does not fit, and says what is needed.
template <class Fits>
CLI::Validator needed(const std::string& what, Fits fits) {
  return CLI::Validator(
      [=](std::string& text) { return fits(text) ? "" : fmt::format("need {}, not '{}'", what, text); }, "");
}

}  // namespace

CLI::Validator whole_number(int64_t low, int64_t high) {
  return needed(fmt::format("a whole number from {} to {}", low, high), [low, high](const std::string& text) {
    int64_t value = 0;
    return CLI::detail::lexical_cast(text, value) && value >= low && value <= high;
  });
}

CLI::Validator whole_numbers(int64_t low, int64_t high) {
  return needed(fmt::format("whole numbers from {} to {} with commas between", low, high),
                [one = whole_number(low, high)](const std::string& text) {
                  return std::ranges::all_of(CLI::detail::split(text + ',', ','),
                                             [&](const std::string& word) { return one(word).empty(); });
                });
}

std::vector<int64_t> numbers_in(std::string list) {
  std::ranges::replace(list, '\n', ',');  // where CLI11 has joined lists
  std::vector<int64_t> numbers;
  for (const std::string& word : CLI::detail::split(list, ',')) CLI::detail::lexical_cast(word, numbers.emplace_back());
  return numbers;
}

CLI::Validator number(double low, bool closed, double high, bool below) {
  const std::string most = std::isfinite(high) ? fmt::format(" and {} {}", below ? "below" : "at most", high) : "";
  return needed(fmt::format("a number {} {}{}", closed ? "from" : "above", low, most), [=](const std::string& text) {
    double value = 0;
    return CLI::detail::lexical_cast(text, value) && std::isfinite(value) && (below ? value < high : value <= high) &&
           (closed ? value >= low : value > low);
  });
}

CLI::Validator one_of(const std::vector<std::string>& names) {
  return needed("one of " + join(names, ", "),
                [names](const std::string& text) { return std::ranges::find(names, text) != names.end(); });
}

CLI::Validator one_line() {
  return needed("a line of text", [](const std::string& text) {
    const auto control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
    return !text.empty() && find_invalid_utf8(text) == text.npos && std::ranges::none_of(text, control);
  });
}

void refuse_empty_paths(CLI::App& app) {
  for (CLI::Option* option : app.get_options())
    if (const std::string type = option->get_type_name(); type.ends_with("FILE") || type.ends_with("DIR"))
      option->check(needed("a name for " + type, [](const std::string& text) { return !text.empty(); }));
  for (CLI::App* command : app.get_subcommands({})) refuse_empty_paths(*command);
}

std::vector<std::string> split_line(int argc, char** argv) {
  std::vector<std::string> words;
  bool options = true;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    options = options && word != "--";
    const bool empty = options && word.starts_with("--") && word.find('=') == word.size() - 1;
    if (empty) word.pop_back();
    words.push_back(word);
    if (empty) words.emplace_back();
  }
  std::reverse(words.begin(), words.end());
  return words;
}

std::string unexpected(const CLI::App& app) {
  for (const std::string& word : app.remaining())
    if (word != "--") return fmt::format("not expected: {}{}", word, meant(app, word));
  return app.get_subcommands().empty() ? "" : unexpected(*app.get_subcommands().front());
}

std::string miscounted(const CLI::App& app, const CLI::ArgumentMismatch& error) {
  if (!app.get_subcommands().empty()) return miscounted(*app.get_subcommands().front(), error);
  const std::string said = error.what(), name = said.substr(0, said.find(':'));
  const CLI::Option* option = app.get_option_no_throw(name);
  if (!option) return said;
  const size_t count = option->count();
  if (count < 2) return fmt::format("{}: need {} after it", name, option->get_type_name());
  return fmt::format("{} is given {}; need it once", name, count == 2 ? "twice" : fmt::format("{} times", count));
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

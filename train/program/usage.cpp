#include "train/program/usage.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/ranges.h>
#include <sys/resource.h>

#include "tensor/parallel.h"

namespace heed::train::program {

void require_command(CLI::App& app) {
  app.require_subcommand(0, 1);  // what is given and unknown is then said to be so
  app.callback([&app] {
    if (!app.get_subcommands().empty()) return;
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
    throw UsageError(fmt::format("need a command: {}", fmt::join(names, ", ")));
  });
}

CLI::Validator whole_number(int64_t low, int64_t high) {
  return CLI::Validator(
      [low, high](std::string& text) {
        int64_t value = 0;
        if (CLI::detail::lexical_cast(text, value) && value >= low && value <= high) return std::string();
        return fmt::format("need a whole number from {} to {}, not '{}'", low, high, text);
      },
      "");
}

CLI::Validator number(double low, bool closed, double high) {
  return CLI::Validator(
      [low, closed, high](std::string& text) {
        double value = 0;
        if (CLI::detail::lexical_cast(text, value) && std::isfinite(value) && value <= high && (closed ? value >= low : value > low))
          return std::string();
        const std::string most = std::isfinite(high) ? fmt::format(" and at most {}", high) : "";
        return fmt::format("need a number {} {}{}, not '{}'", closed ? "from" : "above", low, most, text);
      },
      "");
}

CLI::Validator one_of(const std::vector<std::string>& names) {
  return CLI::Validator(
      [names](std::string& text) {
        if (std::find(names.begin(), names.end(), text) != names.end()) return std::string();
        return fmt::format("need one of {}, not '{}'", fmt::join(names, ", "), text);
      },
      "");
}

void check_resume(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0 && option->get_group() == kRunGroup)
      fail<UsageError>({"--resume"}, "{} is given too; need none, as the interrupted run goes on with its own", option->get_name());
}

void use_threads(std::optional<int64_t> threads) {
  if (threads) set_num_threads(static_cast<int>(*threads));
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace heed::train::program

// The `heed` program. Results go to stdout, everything else to stderr. Exit code 0, 1 for an error, 2 for a command line that
// cannot be, 130 if Ctrl-C ended training (after saving).
#include <cstdio>
#include <exception>
#include <string>

#include <fmt/core.h>

#include "train/program/commands.h"
#include "train/program/usage.h"

namespace {

/// An error's sentence without the place in our source that ends it.
std::string sentence(const std::exception& error) {
  std::string text = error.what();
  if (const size_t place = text.rfind("  ["); place != std::string::npos && text.ends_with(']')) text.resize(place);
  return text;
}

/// The command that was being parsed, for the hint where to find help.
std::string command_of(const CLI::App& app) {
  std::string command = "heed";
  for (const CLI::App* at = &app; !at->get_subcommands().empty(); command += " " + at->get_name()) at = at->get_subcommands().front();
  return command;
}

int usage_error(const CLI::App& app, const std::exception& error) {
  fmt::print(stderr, "heed: {}\nTry '{} --help'.\n", sentence(error), command_of(app));
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Trains small attention models: GPTs that write, and translators.", "heed");
  app.set_version_flag("--version", "heed " HEED_VERSION);
  heed::train::program::require_command(app);
  int exit_code = 0;
  heed::train::program::add_gpt(app, exit_code);
  heed::train::program::add_seq2seq(app, exit_code);
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::Success& help) {  // --help or --version
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error);
  } catch (const heed::train::program::UsageError& error) {
    return usage_error(app, error);
  } catch (const std::exception& error) {
    fmt::print(stderr, "heed: {}\n", sentence(error));
    return 1;
  }
}

// The `heed` program: reads its command line, runs the command, and ends with a sentence where that fails. Results go
// to stdout, everything else to stderr. Exit code 0, 1 for an error, 2 for a command line that cannot be, 130 if Ctrl-C
// ended training (after saving).
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <heed/train/program/options.h>
#include <heed/train/program/run.h>
#include <heed/train/show/say.h>

namespace heed::train::program {
namespace {

constexpr const char* kOutputLost = "the output could not all be written; need a place for it, with room";

/// An error's sentence without the place in our source that ends it.
std::string sentence(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error))
    return "memory has no room for what this takes; need more of it, a smaller model or batch, or less text: for a GPT "
           "ids, which heed gpt prepare makes of a file of any size";
  std::string text = error.what();
  if (const size_t place = text.rfind("  ["); place != std::string::npos && text.ends_with(']')) text.resize(place);
  return text;
}

/// The command that was being parsed, for the hint where to find help.
std::string command_of(const CLI::App& app) {
  std::string command = "heed";
  for (const CLI::App* at = &app; !at->get_subcommands().empty(); command += " " + at->get_name())
    at = at->get_subcommands().front();
  return command;
}

/// What a command whose results could not be written ends with.
int output_lost() {
  pollfd out{STDOUT_FILENO, 0, 0};
  if (::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0) {  // a reader that left has read enough
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
  say("heed: {}\n", kOutputLost);
  return 1;
}

int usage_error(const CLI::App& app, const std::exception& error) {
  say("heed: {}\nTry '{} --help'.\n", sentence(error), command_of(app));
  return 2;
}

int run(int argc, char** argv) {
  CLI::App app("Trains small attention models: GPTs that write, and translators.", "heed");
  int exit_code = 0;
  add_commands(app, exit_code);
  try {
    app.parse(split_line(argc, argv));
    return exit_code;
  } catch (const CLI::Success& help) {  // --help or --version
    return app.exit(help);
  } catch (const CLI::ExtrasError&) {
    return usage_error(app, UsageError(unexpected(app)));
  } catch (const CLI::RequiredError& error) {
    const std::string other = unexpected(app);  // perhaps what is required, misspelt
    return usage_error(app, UsageError(other.empty() ? error.what() : other));
  } catch (const CLI::ArgumentMismatch& error) {
    return usage_error(app, UsageError(miscounted(app, error)));
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error);
  } catch (const UsageError& error) {
    return usage_error(app, error);
  } catch (const std::exception& error) {
    if (std::ferror(stdout)) return output_lost();
    const char* const rank = std::getenv("OMPI_COMM_WORLD_RANK");  // mpirun ends the others, and says which it was
    say("heed{}: {}\n", rank ? fmt::format(" (rank {})", rank) : "", sentence(error));
    return 1;
  }
}

/// The exit code of a command that ended with `exit_code`, once stdout has taken all that it printed.
int end_output(int exit_code) {
  const bool whole = std::fflush(stdout) == 0 && !std::ferror(stdout);
  return whole || exit_code != 0 ? exit_code : output_lost();
}

/// Keeps the files that are opened from taking the place of a stream that the shell closed (2>&-). Writing to it fails.
void occupy_streams() {
  for (int stream = 0; stream <= 2; ++stream)
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY);
}

}  // namespace
}  // namespace heed::train::program

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit of file sizes is an error with a sentence
  std::signal(SIGPIPE, SIG_IGN);  // a reader of the log that leaves ends no run; see output_lost
  heed::train::program::occupy_streams();
  return heed::train::program::end_output(heed::train::program::run(argc, argv));
}

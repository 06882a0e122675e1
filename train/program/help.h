// Completions and the manual, from the same tree of commands and the same texts as --help.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace heed::train::program {

/// A script for bash or zsh that completes commands, options, their choices, files and directories.
std::string completion_script(const CLI::App& app, const std::string& shell);

/// The manual page, as man(1) reads it.
std::string manual_page(const CLI::App& app, const std::string& version);

}  // namespace heed::train::program

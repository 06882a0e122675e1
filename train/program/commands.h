// The commands of the `heed` program. Each adds itself to the command line and runs when it is parsed there; exit_code
// becomes what the program should end with.
#pragma once

#include <CLI/CLI.hpp>

namespace heed::train::program {

/// `heed gpt train` and `heed gpt sample`.
void add_gpt(CLI::App& app, int& exit_code);
/// `heed seq2seq train` and `heed seq2seq translate`.
void add_seq2seq(CLI::App& app, int& exit_code);

}  // namespace heed::train::program

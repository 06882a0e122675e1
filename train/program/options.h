// The commands of the command line, how options are added to it, how its words are read, and what is checked of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace heed::train::program {

/// A whole number in [low, high].
CLI::Validator whole_number(int64_t low, int64_t high = 1'000'000'000);
/// Several of them with commas between, which numbers_in() reads.
CLI::Validator whole_numbers(int64_t low, int64_t high = 1'000'000'000);
std::vector<int64_t> numbers_in(std::string list);
/// A number above `low` (or equal to it, if `closed`) and at most `high` (or below it).
CLI::Validator number(double low, bool closed, double high, bool below = false);
/// One of the names.
CLI::Validator one_of(const std::vector<std::string>& names);
/// A word or more of printable text.
CLI::Validator one_line();

/// An option of a kind (N, FILE, ...).
template <class Value>
CLI::Option* add_option(CLI::App* command, const std::string& name, Value& value, const std::string& type,
                        const std::string& help) {
  return command->add_option(name, value, help)->type_name(type);
}
/// The same, whose text is checked.
template <class Value>
CLI::Option* add_option(CLI::App* command, const std::string& name, Value& value, const std::string& type,
                        const CLI::Validator& valid, const std::string& help) {
  return add_option(command, name, value, type, help)->check(valid);
}

/// Refuses "" wherever the program and its commands take a file or a directory: a variable that a shell did not have.
void refuse_empty_paths(CLI::App& app);

/// The words of the command line, last first, as CLI11 takes them; "--text=" as "--text" and an empty word, since it
/// would take the next one for the text.
std::vector<std::string> split_line(int argc, char** argv);

/// "not expected: --stepz; did you mean --steps?" of the first word that the command being parsed has no place for, or
/// "" if there is none.
std::string unexpected(const CLI::App& app);

/// "--steps is given twice; need it once", or "--steps: need N after it", of the error of the command being parsed.
std::string miscounted(const CLI::App& app, const CLI::ArgumentMismatch& error);

/// A word of a command line as a shell takes it: in quotes if it has to be.
std::string shell_word(const std::string& word);

/// Every command with its options. One runs when it is parsed; exit_code becomes what the program ends with.
void add_commands(CLI::App& app, int& exit_code);

/// What `heed ... --help` ends with.
void examples(CLI::App* command, const std::vector<std::string>& lines);

}  // namespace heed::train::program

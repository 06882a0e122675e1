#include <heed/train/program/commands.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <vector>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <heed/tensor/format.h>

namespace heed::train::program {
namespace {

using CLI::detail::find_and_replace;

/// Calls f(path, app) for the program itself (path "") and every command in it (" gpt train"), each before its own.
void each_command(const CLI::App& app, const std::function<void(const std::string&, const CLI::App&)>& f,
                  const std::string& path = "") {
  f(path, app);
  for (const CLI::App* command : app.get_subcommands({})) each_command(*command, f, path + " " + command->get_name());
}

std::vector<std::string> names_of_commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

/// An option's names as they are typed; of "text", which stands for itself, none.
std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

/// What a value of type "chars|bpe|FILE" may be: words to choose from, and whether files or directories.
struct Values {
  std::vector<std::string> words;
  bool files = false, directories = false;
};
Values values_of(const CLI::Option& option) {
  Values values;
  const std::string type = option.get_type_size() == 0 ? "" : option.get_type_name();
  for (const std::string& word : CLI::detail::split(type, '|'))
    if (word == "FILE") values.files = true;
    else if (word == "DIR") values.directories = true;
    else if (std::ranges::any_of(word, [](unsigned char c) { return std::islower(c); })) values.words.push_back(word);
  return values;
}

std::string bash_completion(const CLI::App& app) {
  std::string paths, values, words;
  each_command(app, [&](const std::string& path, const CLI::App& command) {
    if (!path.empty()) paths += fmt::format("{}\"{}\"", paths.empty() ? "" : "|", path);
    std::vector<std::string> known = names_of_commands(command);
    std::string positional;
    for (const CLI::Option* option : command.get_options()) {
      const std::vector<std::string> names = names_of(*option);
      known.insert(known.end(), names.begin(), names.end());
      const Values v = values_of(*option);
      if (option->get_type_size() == 0) continue;
      const std::string choice = fmt::format("_heed_reply '{}' {}", join(v.words, " "),
                                             v.files         ? "-f"
                                             : v.directories ? "-d"
                                                             : "");
      if (names.empty()) positional = choice;
      for (const std::string& name : names) values += fmt::format("    \"{}:{}\") {}; return ;;\n", path, name, choice);
    }
    words += fmt::format("    \"{}\") _heed_reply '{}'{} ;;\n", path, join(known, " "),
                         positional.empty() ? "" : fmt::format("; [[ $cur == -* ]] || {}", positional));
  });
  return fmt::format(R"(# bash completion for heed: source this, or install it as bash-completion/completions/heed.
_heed_reply() {{  # _heed_reply WORDS [-f|-d]: those that fit what was typed; files or directories, too
  mapfile -t COMPREPLY < <(compgen -W "$1" ${{2:+"$2"}} -- "$cur")
  [ -z "${{2:-}}" ] || compopt -o filenames 2>/dev/null || true  # outside of a completion, as in tests
}}
_heed() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} path= word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$path $word" in {0}) path+=" $word" ;; esac
  done
  case "$path:$previous" in
{1}  esac
  case $path in
{2}  esac
}}
complete -F _heed heed
)",
                     paths, values, words);
}

std::string zsh_completion(const CLI::App& app) {
  const auto quoted = [](const std::string& text) {
    return find_and_replace(
        find_and_replace(find_and_replace(find_and_replace(text, "'", "'\\''"), "[", "\\["), "]", "\\]"), ":", "\\:");
  };
  std::string paths, words;
  each_command(app, [&](const std::string& path, const CLI::App& command) {
    if (!path.empty()) paths += fmt::format("{}\"{}\"", paths.empty() ? "" : "|", path);
    std::string specs;
    for (const CLI::Option* option : command.get_options()) {
      const Values v = values_of(*option);
      std::string action = " ";
      if (v.files) action = "_files";
      else if (v.directories) action = "_files -/";
      else if (!v.words.empty()) action = fmt::format("({})", join(v.words, " "));
      const std::string value =
          option->get_type_size() == 0 ? "" : fmt::format(":{}:{}", option->get_type_name(), action);
      for (const std::string& name : names_of(*option))
        specs += fmt::format(" \\\n      '{}[{}]{}'", name, quoted(option->get_description()), value);
      if (names_of(*option).empty()) specs += fmt::format(" \\\n      '*{}'", value);
    }
    std::string commands;
    for (const CLI::App* one : command.get_subcommands({}))
      commands += fmt::format(" '{}:{}'", one->get_name(), quoted(one->get_description()));
    words += fmt::format("    \"{}\")\n", path);
    if (!commands.empty()) words += fmt::format("      commands=({})\n      _describe command commands\n", commands);
    words += fmt::format("      _arguments{} ;;\n", specs);
  });
  return fmt::format(R"(#compdef heed
# zsh completion for heed: source this after compinit, or install it as _heed in a directory of $fpath.
_heed() {{
  local at= word  # "path" is the shell's own
  local -a commands
  integer depth=0
  for word in ${{words[2,CURRENT-1]}}; do
    case "$at $word" in {}) at+=" $word"; (( ++depth )) ;; esac
  done
  shift depth words
  (( CURRENT -= depth ))
  case $at in
{}  esac
}}
if [[ ${{funcstack[1]}} = _heed ]]; then _heed "$@"; else compdef _heed heed; fi
)",
                     paths, words);
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  return shell == "bash" ? bash_completion(app) : zsh_completion(app);
}

std::string manual_page(const CLI::App& app, const std::string& version) {
  const auto roff = [](const std::string& text) {  // a leading dot or quote would be a request
    const std::string plain = find_and_replace(find_and_replace(text, "\\", "\\e"), "-", "\\-");
    return plain.starts_with('.') || plain.starts_with('\'') ? "\\&" + plain : plain;
  };
  std::string text = fmt::format(".TH HEED 1 \"\" \"heed {}\" \"User Commands\"\n.SH NAME\nheed \\- {}\n", version,
                                 roff(app.get_description()));
  text += ".SH SYNOPSIS\n.B heed\n.I COMMAND\n[\n.I OPTION\n\\&...]\n.SH COMMANDS\n";
  each_command(app, [&](const std::string& path, const CLI::App& command) {
    if (path.empty() || !names_of_commands(command).empty()) return;
    text += fmt::format(".SS heed{}\n{}.\n", roff(path), roff(command.get_description()));
    for (const CLI::Option* option : command.get_options()) {
      const std::vector<std::string> names = names_of(*option);
      text += fmt::format(".TP\n\\fB{}\\fR", roff(names.empty() ? option->get_name() : join(names, ", ")));
      if (option->get_type_size() != 0) text += fmt::format(" \\fI{}\\fR", roff(option->get_type_name()));
      text += fmt::format("\n{}\n", roff(option->get_description()));
    }
    if (const std::string footer = command.get_footer(); !footer.empty())
      text += fmt::format(".PP\n.nf\n{}\n.fi\n", roff(footer));
  });
  return text + R"(.SH ENVIRONMENT
.TP
\fBHEED_NUM_THREADS\fR, \fBOMP_NUM_THREADS\fR
Threads, unless \fB\-\-threads\fR says otherwise.
.SH EXIT STATUS
0; 1 for an error; 2 for a command line that cannot be; 130 if Ctrl\-C ended training, which saved before.
)";
}

}  // namespace heed::train::program

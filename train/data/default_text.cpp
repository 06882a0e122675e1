#include <heed/train/data/default_text.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <heed/tensor/io/utf8.h>
#include <heed/train/data/grammar/grammar.h>

namespace heed::train {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// What `program`, found as a shell finds it, prints when it is run on `argument`s; nothing if it fails.
std::optional<std::string> printed_by(const std::string& program, std::vector<std::string> arguments) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const bool runs = posix_spawnp(&child, program.c_str(), &actions, nullptr, argv.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string text;
  std::array<char, 1 << 16> buffer;
  for (ssize_t got = 1; runs && got != 0;) {
    got = read(ends[0], buffer.data(), buffer.size());
    if (got > 0) text.append(buffer.data(), static_cast<size_t>(got));
    if (got < 0 && errno != EINTR) break;
  }
  close(ends[0]);
  int status = 0;
  while (runs && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (!runs || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return text;
}

}  // namespace

std::optional<std::string> without_references(const std::string& verses) {
  std::string text, chapter;
  text.reserve(verses.size());
  for (size_t start = 0; start < verses.size();) {
    const size_t end = std::min(verses.find('\n', start), verses.size());
    const std::string_view line(verses.data() + start, end - start);
    start = end + 1;
    const size_t space = line.find(' '), colon = line.find(':');
    if (space == line.npos || colon == line.npos || colon == 0 || colon + 1 == line.size() ||
        !is_digit(line[colon - 1]) || !is_digit(line[colon + 1]))
      return std::nullopt;
    const std::string_view reference = line.substr(0, colon);  // "Ge1" of "Ge1:1"
    if (!chapter.empty() && reference != chapter) text += '\n';
    chapter = reference;
    text.append(line.substr(space + 1)) += '\n';
  }
  return text;
}

std::optional<std::string> king_james_text(const std::string& program) {
  const auto verses = printed_by(program, {"-f", "Gen1:1-Rev22:21"});
  constexpr std::ptrdiff_t kVerses = 31102;
  if (!verses || std::count(verses->begin(), verses->end(), '\n') != kVerses) return std::nullopt;
  if (find_invalid_utf8(*verses) != verses->npos) return std::nullopt;
  return without_references(*verses);
}

DefaultText default_text(Rng& rng, int64_t max_characters) {
  constexpr int64_t kStories = 1'000'000;
  DefaultText made;
  if (auto bible = king_james_text()) {
    made = {std::move(*bible), true};
  } else {
    made = {Grammar::stories(max_characters > 0 ? max_characters : kStories, rng), false};
  }
  if (max_characters > 0 && static_cast<int64_t>(made.text.size()) > max_characters) {
    const size_t cut = made.text.rfind('\n', max_characters - 1);
    made.text.resize(cut == std::string::npos ? max_characters : cut + 1);
  }
  return made;
}

}  // namespace heed::train

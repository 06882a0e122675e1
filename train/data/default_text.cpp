#include <heed/train/data/default_text.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include <heed/tensor/io/utf8.h>
#include <heed/train/data/grammar/grammar.h>

namespace heed::train {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<std::string> without_references(const std::string& verses) {
  std::string text, chapter;
  text.reserve(verses.size());
  for (size_t start = 0; start < verses.size();) {
    const size_t end = std::min(verses.find('\n', start), verses.size());
    const std::string_view line(verses.data() + start, end - start);
    start = end + 1;
    const size_t space = line.find(' '), colon = line.find(':');
    if (space == line.npos || colon == line.npos || colon == 0 || !is_digit(line[colon - 1]) ||
        !is_digit(line[colon + 1]))
      return std::nullopt;
    const std::string_view reference = line.substr(0, colon);  // "Ge1" of "Ge1:1"
    if (!chapter.empty() && reference != chapter) text += '\n';
    chapter = reference;
    text.append(line.substr(space + 1)) += '\n';
  }
  return text;
}

std::optional<std::string> king_james_text(const std::string& program) {
  const std::string command = program + " -f Gen1:1-Rev22:21 2>/dev/null </dev/null";
  std::FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return std::nullopt;
  std::string verses;
  std::array<char, 1 << 16> buffer;
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) verses.append(buffer.data(), got);
  constexpr std::ptrdiff_t kVerses = 31102;
  const bool complete = pclose(pipe) == 0 && std::count(verses.begin(), verses.end(), '\n') == kVerses;
  if (!complete || find_invalid_utf8(verses) != verses.npos) return std::nullopt;
  return without_references(verses);
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

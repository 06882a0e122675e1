#include <heed/train/data/text.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>

#include <heed/tensor/io/utf8.h>

namespace heed::train {

namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

constexpr size_t kAnySize = SIZE_MAX;

std::string read_bytes(const std::filesystem::path& path, size_t most, const Op& op) {
  if (is_folder(path)) fail<FileError>(op, "\"{}\" is a directory; need a text file", path.string());
  std::error_code unknown;
  if (most != kAnySize || !std::filesystem::is_fifo(path, unknown)) check_regular(path, op);
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) fail<FileError>(op, "cannot read \"{}\": {}; need a text file", path.string(), std::strerror(errno));
  const auto bytes = std::filesystem::file_size(path, unknown);
  return read_rest(file.get(), fmt::format("\"{}\"", path.string()), unknown ? 0 : bytes, most, op);
}

/// "LE" or "BE" if the text begins as UTF-16 does: with its byte order mark, or with Latin letters of two bytes each.
/// Else null.
const char* utf16_order(std::string_view text) {
  if (text.starts_with("\xff\xfe")) return "LE";
  if (text.starts_with("\xfe\xff")) return "BE";
  const std::string_view start = text.substr(0, 8);
  size_t zeros[2] = {0, 0};
  for (size_t i = 0; i < start.size(); ++i) zeros[i % 2] += start[i] == 0;
  if (start.size() < 8 || zeros[0] + zeros[1] != 4 || (zeros[0] != 0 && zeros[1] != 0)) return nullptr;
  return zeros[1] ? "LE" : "BE";
}

}  // namespace

std::string read_rest(std::FILE* stream, std::string_view name, size_t bytes, size_t most, const Op& op) {
  std::string text;
  std::array<char, 1 << 16> buffer;
  try {
    text.reserve(std::min(bytes, most));
    while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), stream)) {
      text.append(buffer.data(), got);
      if (text.size() > most) fail<FileError>(op, "{} has more than {} bytes; need a smaller file", name, most);
    }
  } catch (const std::bad_alloc&) {
    fail<FileError>(op,
                    "{} has {} bytes or more, for which memory has no room; need less text, or for a GPT ids, which "
                    "heed gpt prepare makes of a file of any size",
                    name, std::max(bytes, text.size()));
  }
  if (std::ferror(stream)) fail<FileError>(op, "cannot read {}: {}", name, std::strerror(errno));
  return text;
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

void check_regular(const std::filesystem::path& path, const Op& op) {
  std::error_code ignored;
  if (is_there(path) && !std::filesystem::is_regular_file(path, ignored))
    fail<FileError>(op, "\"{}\" is not a regular file; need a text file", path.string());
}

void check_text(std::string_view text, const std::filesystem::path& path, size_t before, size_t& line, const Op& op) {
  if (const char* order = before == 0 ? utf16_order(text) : nullptr)
    fail<FileError>(op, "\"{0}\" looks like UTF-16; need UTF-8: iconv -f UTF-16{1} -t UTF-8 \"{0}\" > utf8.txt",
                    path.string(), order);
  const size_t bad = find_invalid_utf8(text);
  line += std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(bad, text.size())), '\n');
  if (bad != text.npos)
    fail<FileError>(op, "\"{}\" is not UTF-8: byte {} (0x{:02x}), in line {}; need a UTF-8 text file", path.string(),
                    before + bad, static_cast<unsigned char>(text[bad]), line);
}

std::string read_small_text(const std::filesystem::path& path, size_t most, const Op& op) {
  std::string text = read_bytes(path, most, op);
  if (text.empty()) fail<FileError>(op, "\"{}\" is empty; need text", path.string());
  size_t line = 1;
  check_text(text, path, 0, line, op);
  return text;
}

std::string read_text(const std::filesystem::path& path, Loc loc) {
  return read_small_text(path, kAnySize, {Op::called("read_text"), loc});
}

std::string unix_text(std::string text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  size_t kept = 0;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') text[kept++] = text[i];
  text.resize(kept);
  return text;
}

uint64_t fnv1a(uint64_t number, uint64_t before) { return (before ^ number) * 0x100000001b3; }

uint64_t fnv1a(std::string_view text, uint64_t before) {
  for (const char c : text) before = fnv1a(uint64_t{static_cast<unsigned char>(c)}, before);
  return before;
}

}  // namespace heed::train

#include "train/data/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>

#include "train/data/utf8.h"

namespace heed::train {

namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

std::string read_bytes(const std::string& path, const Op& op) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    fail<FileError>(op, "\"{}\" is a directory; need a text file", path);
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) fail<FileError>(op, "cannot read \"{}\": {}; need a text file", path, std::strerror(errno));
  std::string text;
  std::array<char, 1 << 16> buffer;
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) text.append(buffer.data(), got);
  if (std::ferror(file.get())) fail<FileError>(op, "cannot read \"{}\": {}", path, std::strerror(errno));
  return text;
}

}  // namespace

std::string read_text(const std::string& path, const Op& op) {
  std::string text = read_bytes(path, op);
  if (text.empty()) fail<FileError>(op, "\"{}\" is empty; need text", path);
  if (const size_t bad = find_invalid_utf8(text); bad != text.npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(bad), '\n');
    fail<FileError>(op, "\"{}\" is not UTF-8: byte {} (0x{:02x}), in line {}; need a UTF-8 text file", path, bad,
                    static_cast<unsigned char>(text[bad]), line);
  }
  return text;
}

std::string read_text(const std::string& path, Loc where) { return read_text(path, Op{"read_text", where}); }

void write_text(const std::string& path, const std::string& text, const Op& op) {
  const std::string draft = fmt::format("{}.{:08x}.tmp", path, std::random_device{}());
  std::FILE* file = std::fopen(draft.c_str(), "wb");
  if (!file) fail<FileError>(op, "cannot write \"{}\": {}", path, std::strerror(errno));
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = std::fclose(file) == 0;  // a full disk may show only here
  if (written && closed && std::rename(draft.c_str(), path.c_str()) == 0) return;
  const int error = errno;
  std::remove(draft.c_str());
  fail<FileError>(op, "cannot write \"{}\": {}", path, std::strerror(error));
}

void write_text(const std::string& path, const std::string& text, Loc where) {
  write_text(path, text, Op{"write_text", where});
}

}  // namespace heed::train

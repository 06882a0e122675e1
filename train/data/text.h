// Whole text files.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include <heed/tensor/error.h>

namespace heed::train {

/// The whole of a UTF-8 text file, or of a pipe, byte for byte. Throws FileError, naming the file, if it is missing, a
/// directory or a device, unreadable, empty, larger than memory, or not valid UTF-8 (then with the byte offset and the
/// line).
std::string read_text(const std::filesystem::path& path, Loc loc = Loc::current());
/// The same of a file that is small by its kind, as a configuration. Throws FileError too if it is not a regular file,
/// but a device or a pipe, or has more than `most` bytes.
std::string read_small_text(const std::filesystem::path& path, size_t most, const Op& op);
/// The rest of a stream of so many bytes or more, which errors call `name`. Throws FileError if it cannot be read, and
/// if it has more than `most` bytes, or than memory has room for.
std::string read_rest(std::FILE* stream, std::string_view name, size_t bytes, size_t most, const Op& op);
/// Whether something is there, and a directory; false where that cannot be asked, as of a name that is too long.
bool is_there(const std::filesystem::path& path);
bool is_folder(const std::filesystem::path& path);
/// Throws FileError if it is there and no regular file: a device or a pipe may have no end.
void check_regular(const std::filesystem::path& path, const Op& op);
constexpr size_t kLargestJson = 64 << 20;  ///< bytes: an index of a million tensors

/// Refuses a part of a file's text, `before` bytes of which came earlier, as read_text does; `line`, that in which the
/// part begins, becomes that in which it ends.
void check_text(std::string_view text, const std::filesystem::path& path, size_t before, size_t& line, const Op& op);

/// The text without a byte order mark at its start, and with "\n" for each "\r\n".
std::string unix_text(std::string text);

/// FNV-1a of 64 bits: tells texts apart, the same on every machine. `before` is that of what stands before the text.
constexpr uint64_t kNothingHashed = 0xcbf29ce484222325;
uint64_t fnv1a(std::string_view text, uint64_t before = kNothingHashed);
/// The same of numbers, one at a time, where a text has bytes.
uint64_t fnv1a(uint64_t number, uint64_t before);
/// As files keep it: 16 digits.
inline std::string hex(uint64_t hash) { return fmt::format("{:016x}", hash); }

}  // namespace heed::train

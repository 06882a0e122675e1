// Whole text files.
#pragma once

#include <string>

#include <heed/tensor/error.h>

namespace heed::train {

/// The whole of a UTF-8 text file, byte for byte. Throws FileError, naming the file, if it is missing, a
/// directory, unreadable, empty, or not valid UTF-8 (then with the byte offset and the line).
std::string read_text(const std::string& path, Loc loc = Loc::current());
std::string read_text(const std::string& path, const Op& op);

}  // namespace heed::train

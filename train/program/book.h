// What `heed book` does.
#pragma once

namespace heed::train::program {

/// Prints the path of the book: the installed one, or what scripts/book.sh wrote beside the build that this program is
/// of. Returns the exit code. Throws FileError if there is none.
int print_book();

}  // namespace heed::train::program

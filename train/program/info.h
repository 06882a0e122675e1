// What `heed info` and `heed book` do.
#pragma once

namespace heed::train::program {

struct InfoFlags {
  bool json = false;
};

/// What heed is, what it runs on, and how fast products are here: for reports, and to see what slows it down. Returns
/// the exit code.
int info(const InfoFlags& flags);

/// Prints the path of the book: the installed one, or what scripts/book.sh wrote beside the build that this program is
/// of. Returns the exit code. Throws FileError if there is none.
int print_book();

}  // namespace heed::train::program

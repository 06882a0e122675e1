// Command lines that ask for something impossible.
#pragma once

#include <heed/tensor/error.h>

namespace heed::train::program {

/// The program ends with exit code 2.
class UsageError : public Error {
  using Error::Error;
};

}  // namespace heed::train::program

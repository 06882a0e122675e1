// What the commands of the program share.
#pragma once

#include "tensor/error.h"

namespace heed::train::program {

/// A command line that asks for something impossible: the program ends with exit code 2.
class UsageError : public Error { using Error::Error; };

}  // namespace heed::train::program

#pragma once

#include <heed/tensor/parallel.h>

namespace heed::tests {

/// Sets the number of threads for one scope.
struct Threads {
  int before = num_threads();
  explicit Threads(int n) { set_num_threads(n); }
  ~Threads() { set_num_threads(before); }
};

}  // namespace heed::tests

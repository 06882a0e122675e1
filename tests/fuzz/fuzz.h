// What every fuzz target needs: hostile bytes are either taken, and then hold what is promised, or refused with a typed
// error.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include <heed/tensor/error.h>
#include "../temporary_directory.h"

namespace heed::tests {

/// Ends the run as a crash does, so that libFuzzer keeps the input.
inline void require(bool holds, const char* claim) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", claim);
  std::abort();
}

/// Runs `read`; an error of ours is a refusal. Anything else that is thrown ends the run.
template <class F>
void take_or_refuse(F&& read) {
  try {
    read();
  } catch (const Error&) {}
}

/// A folder that lives as long as the run: for readers that take a path.
inline const TemporaryDirectory& folder() {
  static const TemporaryDirectory one;
  return one;
}

inline std::string write(const std::string& name, std::string_view bytes) {
  const std::string path = (folder() / name).string();
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

/// What the target does with one input.
void fuzz(std::string_view bytes);

}  // namespace heed::tests

extern "C" inline __attribute__((used)) int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  heed::tests::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}

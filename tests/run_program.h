// Runs the built `heed` program, as a shell would.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/wait.h>

#include "temporary_directory.h"

namespace heed::tests {

inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Finished {
  int exit_code;
  std::string out, err;
};

/// For `before`: a disk with room for so many blocks of 512 bytes in a file. The counts of which lines ran, which some
/// builds write at the end, need none.
inline std::string full_disk(uintmax_t blocks) {
  return "export LLVM_PROFILE_FILE=/dev/null; ulimit -f " + std::to_string(blocks) + "; trap '' XFSZ;";
}
inline const std::string kFullDisk = full_disk(8);

/// `heed ARGUMENTS` in a shell, where `before` ran first ("ulimit -f 1;"). Its working directory is `directory`.
inline Finished run_program(const std::filesystem::path& directory, const std::string& arguments,
                            const std::string& before = "") {
  const std::filesystem::path out = directory / ".stdout", err = directory / ".stderr";
  const std::string command = "cd '" + directory.string() + "' && { " + before + " '" HEED_PROGRAM "' " + arguments +
                              " ; } >'" + out.string() + "' 2>'" + err.string() + "' </dev/null";
  const int status = std::system(command.c_str());
  const Finished finished{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content_of(out),
                          content_of(err)};
  std::filesystem::remove(out);
  std::filesystem::remove(err);
  return finished;
}

}  // namespace heed::tests

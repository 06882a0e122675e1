// Opens a GPT-2 of some MiB, made by another process, and says how much memory that takes at most: its parameters and
// kMargin, but no second copy of them.
//   loading [MIB]   (64 unless given)
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <heed/train/saved_gpt.h>
#include "../temporary_directory.h"

using namespace heed;

namespace {

constexpr double kMargin = 32;  // MiB: 22 were seen, whatever the size

double peak_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void make(const std::filesystem::path& folder, int64_t mib) {
  models::GptConfig config{.vocabulary = 8192, .context = 64, .heads = 8, .channels = 512};
  const auto size_of = [&](int64_t layers) {
    config.layers = layers;
    return parameter_count(config) * 4 >> 20;
  };
  const int64_t first = size_of(1), layer = size_of(2) - first;
  config.layers = 1 + std::max<int64_t>(0, mib - first) / layer;
  nn::Parameters params(1);
  const models::Gpt gpt(params, config);
  train::save_gpt(folder, params, config);
}

}  // namespace

int main(int argc, char** argv) try {
  const tests::TemporaryDirectory place;
  if (const pid_t child = ::fork(); child == 0) {
    make(place.path(), argc > 1 ? std::atoll(argv[1]) : 64);
    ::_exit(0);
  } else if (int status = 1; ::waitpid(child, &status, 0) != child || status != 0) {
    return std::fprintf(stderr, "loading: no model was made\n"), 1;
  }
  const train::SavedModel saved(place.path());
  const double size = static_cast<double>(saved.params.numel()) * 4 / (1 << 20), peak = peak_mib();
  std::printf("%.0f MiB at most for %.0f MiB of parameters; need at most %.0f more\n", peak, size, kMargin);
  const bool good = peak <= size + kMargin;
  std::printf("%d passed, %d failed, 0 skipped\n", good, !good);
  return !good;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "loading: %s\n", error.what()), 1;
}

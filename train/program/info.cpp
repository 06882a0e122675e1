#include <heed/train/program/commands.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/core.h>
#include <sys/resource.h>

#include <heed/tensor/io/json.h>
#include <heed/tensor/kernels/gemm.h>
#include <heed/tensor/kernels/simd.h>
#include <heed/tensor/parallel.h>
#include <heed/tensor/precision.h>
#include <heed/train/data/text.h>

namespace heed::train::program {
namespace {

std::string compiler() {
#ifdef __clang__
  return "clang++ " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

/// A line of /proc/meminfo in GiB; 0 if there is none.
double meminfo_gib(const std::string& name) {
  std::ifstream file("/proc/meminfo");
  for (std::string label, unit; file >> label;) {
    double kib = 0;
    if (label == name + ":" && file >> kib) return kib / (1 << 20);
    std::getline(file, unit);
  }
  return 0;
}

std::string memory() {
  std::string text =
      fmt::format("{:.1f} GiB, of them {:.1f} free", meminfo_gib("MemTotal"), meminfo_gib("MemAvailable"));
  if (rlimit addresses; getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY)
    text += fmt::format("; this process may address {:.1f} (ulimit -v)", double(addresses.rlim_cur) / (1 << 30));
  return text;
}

std::string mpi() {
#ifdef HEED_MPI
  return "built in (train/distributed.md)";
#else
  return "no (-DHEED_MPI=ON builds it)";
#endif
}

double bf16_gflop_per_s() {
  const Precision precision(Products::bf16);
  return kernels::gemm_gflop_per_s();
}

}  // namespace

int info(const InfoFlags& flags) {
  const double speed = kernels::gemm_gflop_per_cpu_second(), all = kernels::gemm_gflop_per_s();
  Json facts = {{"version", HEED_VERSION},
                {"compiler", compiler()},
                {"simd", kernels::simd_target()},
                {"gflop_per_s_of_a_thread", speed},
                {"gflop_per_s", all},
                {"bf16", has_bf16() ? Json(bf16_instructions()) : Json()},
                {"bf16_gflop_per_s", has_bf16() ? Json(bf16_gflop_per_s()) : Json()},
                {"threads", num_threads()},
                {"threads_why", num_threads_reason()},
                {"memory", memory()},
                {"mpi", mpi()}};
  if (flags.json) {
    fmt::print("{}\n", facts.dump());
    return 0;
  }
  fmt::print("heed {}\ncompiler: {}\nSIMD: {}\n", HEED_VERSION, compiler(), kernels::simd_target());
  fmt::print("sgemm: {:.0f} GFLOP/s a thread, {:.0f} on all of them now\nbf16: {}\n", speed, all,
             has_bf16() ? fmt::format("{}, {:.0f} GFLOP/s on all threads now (--precision bf16)", bf16_instructions(),
                                      facts["bf16_gflop_per_s"].get<double>())
                        : "no: " + why_no_bf16());
  fmt::print("threads: {} ({})\nmemory: {}\nMPI: {}\n", num_threads(), num_threads_reason(), memory(), mpi());
  return 0;
}

int print_book() {
  std::error_code unknown;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path(),
                              installed = here.parent_path() / "share/doc/heed/book.html",
                              built = here.parent_path() / "out/book/index.html";
  for (const std::filesystem::path& book : {installed, built})
    if (is_there(book)) {
      fmt::print("{}\n", book.string());
      return 0;
    }
  fail<FileError>({"book"}, "neither '{}' nor '{}' exists; need scripts/book.sh, in heed's sources, to write the book",
                  installed.string(), built.string());
}

}  // namespace heed::train::program

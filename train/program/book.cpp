#include <heed/train/program/book.h>

#include <filesystem>

#include <fmt/core.h>

#include <heed/tensor/error.h>

namespace heed::train::program {

int print_book() {
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path(),
                              installed = here.parent_path() / "share/doc/heed/book.html",
                              built = here.parent_path() / "out/book/index.html";
  for (const std::filesystem::path& book : {installed, built})
    if (std::filesystem::exists(book)) {
      fmt::print("{}\n", book.string());
      return 0;
    }
  fail<FileError>({"book"}, "neither '{}' nor '{}' exists; need scripts/book.sh, in heed's sources, to write the book",
                  installed.string(), built.string());
}

}  // namespace heed::train::program

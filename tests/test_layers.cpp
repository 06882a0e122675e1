// The house has one direction: tensor <- autograd <- nn <- models <- train.
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "catch.h"

namespace {

const std::vector<std::string> kFolders = {"tensor", "autograd", "nn", "models", "train"};

/// Height of a folder; -1 if it is not one of the five.
int floor_of(const std::string& folder) {
  for (size_t i = 0; i < kFolders.size(); ++i)
    if (kFolders[i] == folder) return static_cast<int>(i);
  return -1;
}

/// What is wrong with the includes of one file of `folder`.
std::vector<std::string> wrong_includes(std::istream& in, const std::string& folder) {
  static const std::regex include("^\\s*#\\s*include\\s*(?:\"|<heed/)([^\">/]*)/?([^\">]*)[\">]");
  std::vector<std::string> wrong;
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, include)) continue;
    const int floor = floor_of(match[1]);
    if (floor < 0 || floor > floor_of(folder)) wrong.push_back(line);
  }
  return wrong;
}

}  // namespace

TEST_CASE("layers: no folder includes from one above it, and every include starts at the root", "[layers]") {
  size_t files = 0;
  for (const std::string& folder : kFolders)
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::filesystem::path(HEED_SOURCE_DIR) / folder)) {
      if (entry.path().extension() != ".h" && entry.path().extension() != ".cpp") continue;
      ++files;
      std::ifstream in(entry.path());
      INFO(entry.path());
      CHECK(wrong_includes(in, folder) == std::vector<std::string>{});
    }
  CHECK(files > 50);
}

TEST_CASE("layers: the check finds an upward include and one from the own folder", "[layers]") {
  std::istringstream upward("#include <vector>\n#include <heed/tensor/tensor.h>\n#include <heed/nn/linear.h>\n");
  CHECK(wrong_includes(upward, "autograd") == std::vector<std::string>{"#include <heed/nn/linear.h>"});
  std::istringstream beside("#include \"linear.h\"");
  CHECK(wrong_includes(beside, "nn").size() == 1);
}

TEST_CASE("layers: heed.h brings every module, and what the README names", "[layers]") {
  const std::filesystem::path root(HEED_SOURCE_DIR);
  std::ifstream in(root / "heed.h");
  const std::string all((std::istreambuf_iterator<char>(in)), {});
  std::vector<std::string> needed = {"autograd/check/anomaly.h", "autograd/check/gradcheck.h",
                                     "autograd/check/profile.h"};
  for (const auto& entry : std::filesystem::directory_iterator(root / "nn"))
    if (entry.path().extension() == ".h") needed.push_back("nn/" + entry.path().filename().string());
  CHECK(needed.size() > 10);
  for (const std::string& header : needed) {
    CAPTURE(header);
    CHECK(all.find("#include <heed/" + header + ">") != std::string::npos);
  }
}

// The op table holds every op that the headers declare.
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "op_run.h"

using namespace heed;
using namespace heed::tests;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(HEED_SOURCE_DIR "/" + path);
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// "f(a, b)" for each declaration of a function that returns tensors, with the names of all parameters but `loc`.
std::set<std::string> declarations(std::string header, const std::string& prefix) {
  header = std::regex_replace(header, std::regex(R"(//[^\n]*)"), "");
  header = std::regex_replace(header, std::regex(R"( = (\{\}|Loc::current\(\))|<[^<>]*>)"), "");
  const std::regex declaration(
      R"(\n *(?:Tensor|std::vector|std::pair) (operator\[\]|operator\(\)|\w+)\(([^;{]*)\)(?: const)?;)");
  std::set<std::string> found;
  for (std::sregex_iterator it(header.begin(), header.end(), declaration), end; it != end; ++it) {
    std::string names;
    std::stringstream list((*it)[2].str());
    for (std::string parameter; std::getline(list, parameter, ',');) {
      std::smatch name;
      parameter = parameter.substr(0, parameter.find('='));
      REQUIRE(std::regex_search(parameter, name, std::regex(R"((\w+)\s*$)")));
      if (name[1] != "loc") names += (names.empty() ? "" : ", ") + name[1].str();
    }
    found.insert(prefix + (*it)[1].str() + "(" + names + ")");
  }
  return found;
}

}  // namespace

TEST_CASE("op table: every op of autograd/ops.h and every differentiable member of Tensor has a record, and no other",
          "[ops]") {
  std::set<std::string> declared = declarations(text_of("autograd/ops.h"), "");
  const std::string header = text_of("tensor/tensor.h");
  const size_t first = header.find("// --- differentiable members"), last = header.find(" private:", first);
  REQUIRE(first != std::string::npos);
  for (const std::string& name : declarations(header.substr(first, last - first), "Tensor::")) declared.insert(name);
  CHECK(declared.size() > 90);
  std::set<std::string> recorded;
  for (const OpRecord& record : op_table()) {
    CAPTURE(record.declares);
    CHECK(recorded.insert(record.declares).second);
    CHECK(declared.count(record.declares) == 1);
    CHECK(record.samples.size() >= 2);
  }
  for (const std::string& name : declared) {
    INFO("declared in a header, without a record in tests/op_table_*.cpp: " << name);
    CHECK(recorded.count(name) == 1);
  }
}

TEST_CASE("op table: sample names are unique within an op, and looser tolerances give a reason", "[ops]") {
  for (const OpRecord& record : op_table()) {
    CAPTURE(record.declares);
    std::set<std::string> names;
    for (const Sample& sample : record.samples) {
      CAPTURE(sample.name);
      CHECK(names.insert(sample.name).second);
      CHECK((sample.f32_tolerance == Sample{}.f32_tolerance || !sample.f32_reason.empty()));
    }
    const OpRecord plain{""};
    CHECK(((record.atol == plain.atol && record.rtol == plain.rtol) || !record.tolerance_reason.empty()));
  }
}

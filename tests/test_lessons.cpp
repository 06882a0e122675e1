// The lessons print the book's numbers: every tensor of attention_chapter.json, to every printed digit.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <regex>

#include "reference_files.h"
#include "run_program.h"
#include "temporary_directory.h"

using namespace heed;
using heed::tests::json;

namespace {

/// What a lesson prints in its quick form.
std::string output_of(const std::string& lesson) {
  const tests::TemporaryDirectory directory;
  FILE* pipe =
      popen(("'" HEED_LESSONS "/" + lesson + "' --quick --out '" + directory.path().string() + "'").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char buffer[1 << 16];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  CHECK(pclose(pipe) == 0);
  return text;
}

/// All numbers of the tensor printed as "name = tensor(...)", each time it is printed, in order.
std::vector<std::vector<double>> tensors(const std::string& output, const std::string& name) {
  std::vector<std::vector<double>> found;
  const std::string start = "\n" + name + " = tensor(";
  for (size_t at = output.find(start); at != std::string::npos; at = output.find(start, at + 1)) {
    const std::string body = output.substr(at + start.size(), output.find(")\n", at) - at - start.size());
    static const std::regex number("-?(inf|[0-9]+\\.[0-9]{4})");
    std::vector<double> values;
    for (std::sregex_iterator it(body.begin(), body.end(), number), none; it != none; ++it)
      values.push_back(std::stod(it->str()));
    found.push_back(std::move(values));
  }
  return found;
}

}  // namespace

TEST_CASE("book: lessons 5 to 8 print its numbers, digit by digit", "[book][lessons]") {
  const json file = tests::reference_file("attention_chapter.json");
  const std::map<std::string, std::string> names = {
      {"a_at", "a @ a.transpose(2, 3)"}, {"out", "dropout(ones)"}, {"dropped", "dropout(attn_weights)"}};
  std::string output;
  for (const char* lesson :
       {"05_simplified_self_attention", "06_self_attention", "07_causal_attention", "08_multi_head_attention"})
    output += output_of(lesson);
  CHECK_THAT(output, Contains("\nnext: scripts/tutorial.sh 15_what_goes_in\n"));  // which stands before lesson 9
  int64_t equal = 0, compared = 0;
  for (const json& one : file.at("cases"))
    for (const auto& [key, value] : one.at("expected").items()) {
      if (key == "sum") continue;  // of shares: lesson 5 checks that it is 1
      const std::string name = names.contains(key) ? names.at(key) : key;
      INFO(one.at("id") << ": " << name);
      std::vector<double> want = tests::tensor_of(value, f64).to_vector<double>();
      int64_t best = 0;
      for (const std::vector<double>& got : tensors(output, name)) {
        if (got.size() != want.size()) continue;
        int64_t same = 0;
        for (size_t i = 0; i < want.size(); ++i) same += got[i] == want[i] || std::abs(got[i] - want[i]) < 1e-9;
        best = std::max(best, same);
      }
      CHECK(best == int64_t(want.size()));
      equal += best, compared += int64_t(want.size());
    }
  REQUIRE(compared > 400);
  WARN("numbers of the book that the lessons print digit by digit: " << equal << " of " << compared);
}

TEST_CASE("lessons: Ctrl-C while one trains ends it, whatever trainings are yet to come", "[lessons]") {
  const tests::TemporaryDirectory directory;
  const std::string command =
      "bash -c 'set -m; cd \"" + directory.path().string() +
      "\"; \"" HEED_LESSONS "/04_bahdanau\" --quick --out out > said 2> progress & pid=$!; " +
      "while kill -0 $pid && ! grep -q step progress; do sleep 0.05; done; kill -INT $pid; wait $pid'";
  CHECK(std::system(command.c_str()) != 0);
  CHECK_THAT(tests::content_of(directory / "progress"), Contains("Interrupted after step"));
  CHECK_THAT(tests::content_of(directory / "said"), !Contains("one vector"));
}

// Bad input to what the `heed` program makes pages of.
#include <array>
#include <cmath>

#include <heed/autograd/ops.h>
#include <heed/tensor/io/safetensors.h>
#include "bad_input.h"

using namespace heed;
using namespace heed::tests::bad_input;
using tests::Finished;

TEST_CASE("heed: a page that cannot be is refused before anything is said", "[program][errors][page]") {
  const Trained place;
  REQUIRE(place.run("seq2seq train --pairs pairs --steps 2 --arch rnn --out rnn").exit_code == 0);
  const std::string translate = "seq2seq translate --model translator 'cat number 7' ";
  place.refuses({
      {translate + "--page absent/page.html", kError, "cannot create 'absent/page.html': No such file or directory"},
      {translate + "--page .", kError, "'.' exists and is not a regular file"},
      {translate + "--page /proc/page.html", kError, "/proc/page.html"},
      {"gpt sample --model good --page absent/page.html", kError, "'absent/page.html'"},
      {translate + "--beside rnn", kUsage, "--beside is drawn in a page; need --page FILE"},
      {translate + "--page out --beside translator", kUsage, "--beside is a model with attention; need one without"},
      {translate + "--page out --beside absent", kError, "'absent' is not a directory"},
      {"seq2seq translate --model rnn --page out 'cat'", kUsage, "--page asks where an rnn without attention looks"},
      {"seq2seq translate --model rnn --align 'cat'", kUsage, "--align asks where an rnn without attention looks"},
  });
  const Finished full = place.run(translate + "--page page.html", tests::kFullDisk);
  INFO(full.err);
  CHECK(full.exit_code == kError);
  CHECK_THAT(full.err, Contains("cannot write 'page.html'"));
  for (const auto& entry : std::filesystem::directory_iterator(place.path()))
    CHECK_FALSE(entry.path().filename().string().starts_with("page.html"));
}

TEST_CASE("heed page --attention: a file that is not attention between these tokens is refused",
          "[program][errors][page]") {
  const Trained place;
  const auto weights = [&](const std::string& name, const NamedTensors& tensors) {
    save_safetensors(place / (name + ".st"), tensors);
  };
  const auto page = [](const std::string& attention, const std::string& tokens) {
    return "page --attention " + attention + ".st --tokens " + tokens;
  };
  write(place / "two.json", R"(["a", "b"])");
  write(place / "pair.json", R"({"source": ["a", "b", "c"], "target": ["d"]})");
  write(place / "half.json", R"({"source": ["a"]})");
  write(place / "numbers.json", "[1, 2]");
  write(place / "broken.json", "[\"a\"");
  const Tensor causal = tensor({{{1., 0.}, {0.25, 0.75}}});
  weights("good", {{"layers.0.attn", causal}, {"layers.1.attn", causal.reshape({1, 1, 2, 2})}});
  weights("none", {});
  weights("logits", {{"a", causal * 3}});
  weights("nan", {{"a", causal * NAN}});
  weights("whole", {{"a", causal.to(i64)}});
  weights("flat", {{"a", causal[0].contiguous()}});
  weights("batch", {{"a.0", cat({causal, causal}, 0).reshape({2, 1, 2, 2})}});
  weights("twice", {{"a.0", causal}, {"a_0", causal}});
  weights("cross", {{"cross.0", full({2, 1, 3}, 1. / 3)}});
  place.refuses({
      {page("absent", "two.json"), kError, "'absent.st'"},
      {page("good", "absent"), kError, "\"absent\""},
      {page("good", "half.json"), kError, "'half.json' has no tokens; need a JSON list of strings, or of two texts"},
      {page("good", "numbers.json"), kError, "'numbers.json' has no tokens"},
      {page("good", "broken.json"), kError, "'broken.json' has no tokens: it ends at byte 4; need all of it"},
      {page("good", "pair.json"), kError, "has shape (1, 2, 2); need (heads, 1, 1) for these tokens"},
      {page("cross", "two.json"), kError, "'cross.0' of 'cross.st' has shape (2, 1, 3); need (heads, 2, 2)"},
      {page("none", "two.json"), kError, "'none.st' holds no tensor"},
      {page("logits", "two.json"), kError, "holds numbers outside [0, 1]; need the shares that softmax gives"},
      {page("nan", "two.json"), kError, "holds numbers outside [0, 1]"},
      {page("whole", "two.json"), kError, "holds numbers outside [0, 1]"},
      {page("flat", "two.json"), kError, "'a' of 'flat.st' has shape (2, 2); need (heads, 2, 2)"},
      {page("batch", "two.json"), kError, "has shape (2, 1, 2, 2); need (heads, 2, 2)"},
      {page("twice", "two.json"), kError, "are both layer 0 of 'a'; need one tensor a layer"},
  });
  for (const auto& [attention, tokens, shown] :
       std::vector<std::array<std::string, 3>>{{"good", "two.json", "\"causal\":true"},
                                               {"cross", "pair.json", R"("queries":["d"],"keys":["a","b","c"])"}}) {
    REQUIRE(place.run(page(attention, tokens) + " --out shown.html").exit_code == 0);
    CHECK_THAT(tests::content_of(place / "shown.html"), Contains(shown));
  }
}

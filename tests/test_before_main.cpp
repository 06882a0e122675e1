// Objects of a program that are made before main, in an order that no program knows, may use heed.
#include <heed/models/gpt.h>
#include <heed/train/data/pairs.h>
#include <heed/train/folder/family.h>
#include "catch.h"

using namespace heed;
using namespace heed::train;

namespace {

/// What heed writes from constants of its own.
std::vector<std::string> written() {
  const std::vector<std::string> sentences = {"a cat"};
  std::vector<std::string> all = {Words::from_sentences(sentences).to_json(), Chars::from_text("a cat").to_json(),
                                  SentenceTokens::pieces(sentences, 259).to_json(),
                                  own_json(models::GptConfig{}).dump()};
  for (const Family* family : {&kGpt2, &kLlama, &kMistral, &kQwen2, &kQwen3, &kNanochat, &kOwnFamily})
    all.push_back(family->write(models::GptConfig{}).dump());
  return all;
}

const std::vector<std::string> kBeforeMain = written();

}  // namespace

TEST_CASE("before main: vocabularies and configurations are written as ever", "[tokenizer][folders]") {
  CHECK(kBeforeMain == written());
}

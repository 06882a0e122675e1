#include <heed/train/data/tokenizer/words.h>
#include "fuzz.h"

using namespace heed;
using train::Words;

namespace {

void check(const Words& words) {
  std::string all;
  for (int64_t id = 4; id < words.size(); ++id) {
    tests::require(words.id(words.word(id)) == id, "every id is the code of its word");
    all += (id > 4 ? " " : "") + words.word(id);
  }
  tests::require(words.decode(words.encode(all)) == all, "known words survive");
  const Words again = Words::from_json(words.to_json());
  tests::require(again.size() == words.size() && again.encode(all) == words.encode(all), "a vocabulary survives JSON");
}

}  // namespace

void heed::tests::fuzz(std::string_view bytes) {
  take_or_refuse([&] { check(Words::from_json(bytes)); });
  take_or_refuse([&] {
    const std::string sentence(bytes);
    const Words words = Words::from_sentences(std::vector{sentence});
    words.unknown(sentence);
    check(words);
  });
}

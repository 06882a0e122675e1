#include <heed/train/data/tokenizer/tokenizer.h>
#include "fuzz.h"

using namespace heed;
using train::Tokenizer;

// A tokenizer.json, which is also the text that its tokenizer takes.
void heed::tests::fuzz(std::string_view bytes) {
  take_or_refuse([&] {
    const Tokenizer tokenizer = Tokenizer::from_json(bytes), again = Tokenizer::from_json(tokenizer.to_json());
    require(again.to_json() == tokenizer.to_json(), "a tokenizer survives its file");
    const std::vector<int64_t> ids = tokenizer.encode(bytes);
    require(again.encode(bytes) == ids, "a tokenizer read again gives the same ids");
    for (const int64_t id : ids) require(id >= 0 && id < tokenizer.size(), "every id is in the vocabulary");
    tokenizer.decode(ids);
  });
}

#include <heed/train/data/tokenizer/bpe.h>
#include <heed/train/data/tokenizer/pieces.h>
#include "fuzz.h"

using namespace heed;
using train::Bpe;
using train::Cut;

namespace {

void check(const Bpe& bpe, std::string_view text) {
  const std::vector<int64_t> ids = bpe.encode(text);
  tests::require(bpe.decode(ids) == text, "any bytes survive");
  const Bpe again = Bpe::from_json(bpe.to_json());
  tests::require(again.size() == bpe.size() && again.encode(text) == ids, "a vocabulary survives its file");
}

}  // namespace

// Any text.
void heed::tests::fuzz(std::string_view text) {
  for (const auto cut : {Cut::none, Cut::gpt2, Cut::smollm, Cut::llama3, Cut::nanochat, Cut::qwen2}) {
    size_t length = 0;
    for (const std::string_view piece : train::pieces_of(text, cut)) {
      require(!piece.empty(), "no piece is empty");
      length += piece.size();
    }
    require(length == text.size(), "the pieces are the text");
  }
  take_or_refuse([&] { check(Bpe::train(text, 300), text); });
}

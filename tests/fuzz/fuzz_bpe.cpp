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
  const Bpe again = Bpe::from_merges(bpe.to_merges());
  tests::require(again.size() == bpe.size() && again.encode(text) == ids, "a vocabulary survives its merges file");
}

}  // namespace

// A merges file, a zero byte, and a text; without a zero byte the file is its own text.
void heed::tests::fuzz(std::string_view bytes) {
  const size_t zero = bytes.find('\0');
  const std::string_view merges = bytes.substr(0, zero), text = zero == bytes.npos ? bytes : bytes.substr(zero + 1);
  take_or_refuse([&] { check(Bpe::from_merges(merges), text); });
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

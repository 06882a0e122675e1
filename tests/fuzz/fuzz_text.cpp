#include <heed/train/data/corpus.h>
#include <heed/train/data/text.h>
#include "fuzz.h"

using namespace heed;
using train::Corpus, train::Part;

// A text on its way to train.bin and val.bin, in every kind of tokens that can take it.
void heed::tests::fuzz(std::string_view bytes) {
  static const train::Tokenizer bpe = train::Bpe::train("the cat, the cat\r\n", 270);
  const std::string path = write("text", bytes);
  const auto check = [&](const train::Tokenizer& tokenizer, bool keep_cr) {
    prepare_corpus(path, tokenizer, folder().path(), keep_cr);
    const Corpus corpus = Corpus::from_directory(folder().path());
    std::string text;
    for (const Part part : {Part::train, Part::validation})
      text += corpus.tokenizer().decode(corpus.tokens(part).to_vector());
    require(text == (keep_cr ? std::string(bytes) : train::unix_text(std::string(bytes))), "the ids are the text's");
  };
  for (const bool keep_cr : {false, true}) {
    take_or_refuse([&] { check(bpe, keep_cr); });
    take_or_refuse([&] { check(train::Chars::from_text(bytes), keep_cr); });
  }
}

#include <heed/train/data/corpus.h>
#include "fuzz.h"

using namespace heed;
using train::Corpus, train::Part;

// A file of token ids, as train.bin and as val.bin.
void heed::tests::fuzz(std::string_view bytes) {
  static const train::Tokenizer chars = train::Chars::from_text("to heed");
  for (const char* name : {train::kTrainFile, train::kValidationFile}) write(name, bytes);
  take_or_refuse([&] {
    const Corpus corpus = Corpus::from_directory(folder().path(), chars);
    for (const int64_t id : corpus.tokens(Part::train).to_vector())
      require(id >= 0 && id < corpus.vocabulary(), "every id is in the vocabulary");
    require(corpus.bytes(Part::train) + 1 == static_cast<int64_t>(corpus.tokens(Part::train).size()),
            "a byte for each id of an ASCII character");
    Rng rng(1);
    corpus.batch(2, 1, rng);
  });
}

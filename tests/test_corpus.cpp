// The corpus of a GPT: splits, batches, windows.
#include <set>

#include <heed/train/data/corpus.h>
#include <heed/train/data/text.h>
#include "catch.h"

using namespace heed;
using namespace heed::train;

namespace {

using Ids = std::vector<int64_t>;

}  // namespace

TEST_CASE("corpus: the last tenth is the validation split", "[data]") {
  const Corpus corpus = Corpus::from_text("abcdefghijklmnopqrs");  // 19: nanoGPT's int(19 * 0.9) is 17
  CHECK(corpus.vocabulary() == 19);
  CHECK(corpus.tokens(Part::train).size() == 17);
  CHECK(corpus.tokens(Part::validation).size() == 2);
  CHECK(corpus.tokens(Part::validation)[0] == 17);
  CHECK(Corpus::from_text("ab", Chars::from_text("abc")).vocabulary() == 3);
  CHECK_THROWS_WITH(Corpus::from_text("abd", Chars::from_text("abc")), Contains("unknown characters \"d\""));
  CHECK_THROWS_AS(Corpus::from_text(""), ValueError);
  CHECK_THROWS_WITH(Corpus::from_file("/no/such/file"), Contains("Corpus::from_file: cannot read"));
}

TEST_CASE("corpus: line ends of Windows and a byte order mark are no characters, other \"\\r\" are", "[data]") {
  CHECK(unix_text("\xEF\xBB\xBFone\r\ntwo\rthree\r\n\r\n\r") == "one\ntwo\rthree\n\n\r");
  CHECK(unix_text("one\n\xEF\xBB\xBF") == "one\n\xEF\xBB\xBF");
  CHECK(unix_text("").empty());
}

TEST_CASE("corpus: a batch's windows are those that torch.randint chooses, and y follows x", "[data]") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>('a' + i % 23);
  const Corpus corpus = Corpus::from_text(text);
  Rng rng(1337), same(1337);
  const auto [x, y] = corpus.batch(4, 8, rng);
  REQUIRE(x.shape() == Shape{4, 8});
  REQUIRE(y.shape() == Shape{4, 8});
  REQUIRE(x.dtype() == i64);
  Ids offsets(4);
  same.randint(offsets.data(), 4, 0, 900 - 8);  // torch.randint(len(data) - block_size, (batch,))
  for (int64_t b = 0; b < 4; ++b)
    for (int64_t t = 0; t < 8; ++t) {
      CHECK(x.at<int64_t>({b, t}) == (offsets[b] + t) % 23);
      CHECK(y.at<int64_t>({b, t}) == (offsets[b] + t + 1) % 23);
    }
  CHECK(rng.random() == same.random());
}

TEST_CASE("corpus: batches reach both ends of their split and never leave it", "[data]") {
  const Corpus corpus = Corpus::from_text("aaaaaaaaaaaaaaaaaabb");  // 18 and 2
  Rng rng(3);
  const auto train = corpus.batch(500, 17, rng);
  CHECK(train.y.max().item<int64_t>() == 0);
  const auto validation = corpus.batch(50, 1, rng, Part::validation);
  CHECK(validation.x.min().item<int64_t>() == 1);
  std::set<int64_t> starts;
  const Corpus digits = Corpus::from_text("0123456789");
  const Ids first = digits.batch(300, 6, rng).x.to_vector<int64_t>();
  for (size_t i = 0; i < first.size(); i += 6) starts.insert(first[i]);
  CHECK(starts == std::set<int64_t>{0, 1, 2});  // 9 training tokens: 0 to 8
}

TEST_CASE("corpus: windows predict every token of the split but the first exactly once", "[data]") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>('a' + (i * i) % 26);
  const Corpus corpus = Corpus::from_text(text);
  const Ids tokens = corpus.tokens(Part::validation).to_vector();  // 100: 99 to predict
  for (const auto& [batch, context] :
       {std::pair<int64_t, int64_t>{4, 8}, {1, 1}, {3, 33}, {2, 99}, {5, 200}, {100, 7}}) {
    CAPTURE(batch, context);
    Ids x, y;
    for (const TokenBatch& window : corpus.windows(batch, context)) {
      CHECK(window.x.size(0) <= batch);
      CHECK(window.x.size(1) <= context);
      for (int64_t id : window.x.to_vector<int64_t>()) x.push_back(id);
      for (int64_t id : window.y.to_vector<int64_t>()) y.push_back(id);
    }
    CHECK(x == Ids(tokens.begin(), tokens.end() - 1));
    CHECK(y == Ids(tokens.begin() + 1, tokens.end()));
  }
  CHECK(corpus.windows(4, 8).size() == 4);  // 12 full windows in threes of 4, and one of 3 tokens
  CHECK(corpus.windows(4, 8).back().x.shape() == Shape{1, 3});
  CHECK(corpus.windows(4, 33).size() == 1);
}

TEST_CASE("corpus: a text too short for the context is refused", "[data]") {
  const Corpus corpus = Corpus::from_text("a short text for a long context");  // 31: 27 and 4
  Rng rng(1);
  CHECK_THROWS_WITH(
      corpus.batch(2, 27, rng),
      Contains("the training split has 27 tokens; a context of 27 needs at least 28") && Contains("test_corpus.cpp"));
  CHECK(corpus.batch(2, 26, rng).x.size(1) == 26);
  CHECK_THROWS_WITH(corpus.batch(0, 4, rng), Contains("batch is 0 and context 4; need at least 1"));
  CHECK_THROWS_WITH(corpus.windows(4, -1), Contains("batch is 4 and context -1"));
  CHECK_THROWS_WITH(Corpus::from_text("abcdefghij").windows(1, 1),
                    Contains("the validation split has 1 tokens; need at least 2"));
}

// The corpus of a GPT: splits, batches, windows.
#include <cmath>
#include <set>

#include <heed/tensor/io/atomic_file.h>
#include <heed/train/data/corpus.h>
#include <heed/train/data/grammar/grammar.h>
#include <heed/train/data/text.h>
#include <heed/train/saved_gpt.h>
#include <heed/train/saved_translator.h>
#include "catch.h"
#include "temporary_directory.h"

using namespace heed;
using namespace heed::train;

namespace {

using Ids = std::vector<int64_t>;

template <class Number>
std::string bytes_of(const std::vector<Number>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)};
}

}  // namespace

TEST_CASE("corpus: the last tenth is the validation split", "[data]") {
  const Corpus corpus = Corpus::from_text("abcdefghijklmnopqrs");  // 19: nanoGPT's int(19 * 0.9) is 17
  CHECK(corpus.vocabulary() == 19);
  CHECK(corpus.tokens(Part::train).size() == 17);
  CHECK(corpus.tokens(Part::validation).size() == 2);
  CHECK(corpus.tokens(Part::validation)[0] == 17);
  CHECK(Corpus::from_text("ab", Chars::from_text("abc")).vocabulary() == 3);
  const Corpus whole = Corpus::from_text("cab", Chars::from_text("abc"), Part::validation);
  CHECK(whole.tokens(Part::validation).to_vector() == std::vector<int64_t>{2, 0, 1});
  CHECK(whole.tokens(Part::train).size() == 0);
  CHECK(Corpus::from_text("cab", Chars::from_text("abc"), Part::train).tokens(Part::train).size() == 3);
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

TEST_CASE("corpus: nanoGPT's and llm.c's files are read, whatever is wrong with them is said", "[data]") {
  const heed::tests::TemporaryDirectory place;
  const Tokenizer chars = Chars::from_text("abcd");
  const std::string ids = bytes_of<uint16_t>({0, 3, 1, 2});
  const auto made = [&](const char* train, const std::string& bytes) {
    write_file(place / train, bytes);
    return Corpus::from_directory(place.path(), chars);
  };
  CHECK_THROWS_WITH(made("train.bin", ids), Contains("has no val.bin, and 0 files *_val.bin"));
  write_file(place / "x_val.bin", bytes_of<uint16_t>({1, 2}));
  const Corpus corpus = made("train.bin", ids);
  CHECK(corpus.tokens(Part::train).to_vector() == Ids{0, 3, 1, 2});
  CHECK(corpus.tokens(Part::validation).to_vector() == Ids{1, 2});
  CHECK(corpus.bytes(Part::train) == 3);
  CHECK_THROWS_WITH(made("train.bin", ids + "x"), Contains("train.bin' has 9 bytes; need two for each id"));
  CHECK_THROWS_WITH(made("train.bin", ""), Contains("train.bin' has no ids"));
  CHECK_THROWS_WITH(made("train.bin", bytes_of<uint16_t>({0, 4})),
                    Contains("has the id 4 at place 1; need ids of the tokenizer, 0 to 3"));
  std::vector<int32_t> header(256);
  header[0] = 20240520, header[1] = 1, header[2] = 4;
  CHECK(made("train.bin", bytes_of(header) + ids).tokens(Part::train).to_vector() == Ids{0, 3, 1, 2});
  CHECK_THROWS_WITH(made("train.bin", bytes_of(header) + ids.substr(2)), Contains("says 4 ids, but 3 follow"));
  CHECK_THROWS_WITH(Corpus::from_directory(place.path()),
                    Contains("has no tokenizer.json; need one there or a tokenizer, as by --tokenizer FILE"));
  header[0] = 20240801, header[1] = 7;
  CHECK_THROWS_WITH(made("train.bin", bytes_of(header) + ids), Contains("has llm.c's header of ids of four bytes"));
}

TEST_CASE("corpus: the two parts of a prepared text are cut behind a whole line end, and lose no mark", "[data]") {
  const heed::tests::TemporaryDirectory place;
  const auto prepared = [&](const std::string& text) {
    write_file(place / "text", text);
    prepare_corpus(place / "text", train::Chars::from_text(text), place.path());
    const Corpus corpus = Corpus::from_directory(place.path());
    std::vector<std::string> parts;
    for (const Part part : {Part::train, Part::validation})
      parts.push_back(corpus.tokenizer().decode(corpus.tokens(part).to_vector()));
    return parts;
  };
  CHECK(prepared("12345678\r\n") == std::vector<std::string>{"12345678", "\n"});
  CHECK(prepared("\xEF\xBB\xBF"
                 "345678\r\n") == std::vector<std::string>{"345678", "\n"});
  CHECK(prepared("12345678\xEF\xBB\xBF") == std::vector<std::string>{"1234567", "8\xEF\xBB\xBF"});
}

TEST_CASE("corpus: a long text is taken in parts, and gives the ids that it gives at once", "[data]") {
  std::string text;
  Rng rng(7);
  while (text.size() < 9'000'000) {  // parts are about 4 MB
    text += Grammar::stories(100'000, rng);
    text += "  \n \u00A0 ça<|endoftext|>\r\n\r\n";
  }
  const Tokenizer bpe =
      Bpe::train(std::string_view(text).substr(0, 200'000), 400, std::vector<std::string>{kEndOfText});
  REQUIRE(bpe.first_part(text).size() < text.size());
  const Corpus corpus = Corpus::from_text(text, bpe);
  Ids ids = corpus.tokens(Part::train).to_vector();
  for (const int64_t id : corpus.tokens(Part::validation).to_vector()) ids.push_back(id);
  CHECK(ids == bpe.encode(text));

  const heed::tests::TemporaryDirectory place;
  write_file(place / "text", text);
  const auto [train, validation] = prepare_corpus(place / "text", bpe, place.path(), true);
  const Corpus prepared = Corpus::from_directory(place.path());
  CHECK(prepared.tokens(Part::train).size() == static_cast<size_t>(train));
  CHECK(prepared.tokenizer().decode(prepared.tokens(Part::train).to_vector()) +
            prepared.tokenizer().decode(prepared.tokens(Part::validation).to_vector()) ==
        text);
  CHECK(std::abs(static_cast<double>(validation) / static_cast<double>(train + validation) - 0.1) < 0.01);

  write_file(place / "broken", text + "\xFF");
  CHECK_THROWS_WITH(prepare_corpus(place / "broken", bpe, place.path()), Contains("broken\" is not UTF-8: byte"));
  CHECK(Corpus::from_directory(place.path()).tokens(Part::train).size() == static_cast<size_t>(train));
}

TEST_CASE("errors of files: a name that is too long, or a link to itself, is a FileError", "[data][errors]") {
  const tests::TemporaryDirectory place;
  std::filesystem::create_symlink("loop", place / "loop");
  for (const std::filesystem::path& path : {place / "loop", place / std::string(5000, 'a')}) {
    CHECK_THROWS_AS(load_gpt(path), FileError);
    CHECK_THROWS_AS(load_translator(path), FileError);
    CHECK_THROWS_AS(Tokenizer::load(path), FileError);
    CHECK_THROWS_AS(Corpus::from_directory(path), FileError);
    CHECK_THROWS_AS(read_text(path), FileError);
  }
  std::filesystem::create_symlink("config.json", place / "config.json");
  CHECK_THROWS_AS(load_gpt(place.path()), FileError);
}

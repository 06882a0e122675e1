// Vocabularies of characters and of words.
#include <filesystem>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>
#include <heed/train/data/tokenizer/chars.h>
#include <heed/train/data/tokenizer/words.h>
#include "catch.h"
#include "temp_file.h"

using namespace heed;
using namespace heed::train;
using heed::tests::TempFile;

TEST_CASE("utf8: valid text decodes and encodes to itself", "[utf8]") {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF";  // a é € 😀 U+10FFFF
  CHECK(find_invalid_utf8(text) == text.npos);
  CHECK(decode_utf8(text) == U"a\u00E9\u20AC\U0001F600\U0010FFFF");
  CHECK(encode_utf8(decode_utf8(text)) == text);
  CHECK(find_invalid_utf8("") == std::string_view::npos);
}

TEST_CASE("utf8: the first invalid byte is found", "[utf8]") {
  const std::pair<std::string, size_t> cases[] = {{"ab\xFF", 2},                // never valid
                                                  {"a\x80", 1},                 // a tail without a head
                                                  {"ab\xC3", 2},                // cut short
                                                  {"ab\xE2\x82", 2},            // cut short
                                                  {"\xC3(", 0},                 // a head without a tail
                                                  {"\xC0\xAF", 0},              // "/" in two bytes: overlong
                                                  {"\xE0\x80\xAF", 0},          // overlong
                                                  {"\xF0\x80\x80\xAF", 0},      // overlong
                                                  {"x\xED\xA0\x80", 1},         // a surrogate
                                                  {"\xF4\x90\x80\x80", 0},      // beyond U+10FFFF
                                                  {"\xF8\x88\x80\x80\x80", 0},  // five bytes
                                                  {"é\xF0\x9F\x98", 2}};
  for (const auto& [text, place] : cases) {
    CAPTURE(text);
    CHECK(find_invalid_utf8(text) == place);
  }
  CHECK(decode_utf8("a\xFF") == U"a\uFFFD");
}

TEST_CASE("utf8: Latin letters have lower case", "[utf8]") {
  std::u32string lower;
  for (const char32_t c : decode_utf8("AZÀÉÇÞ×ŒŸİĹŽĸŉÿßaz1あ")) lower += lower_case(c);
  CHECK(encode_utf8(lower) == "azàéçþ×œÿiĺžĸŉÿßaz1あ");
}

TEST_CASE("chars: ids are ranks in code point order", "[tokenizer]") {
  const Chars chars = Chars::from_text("hello\nworld é");
  CHECK(chars.size() == 10);  // \n space d e h l o r w é
  CHECK(chars.encode("\n dé") == std::vector<int64_t>{0, 1, 2, 9});
  const auto ids = chars.encode("hello world");
  CHECK(chars.decode(ids) == "hello world");
  CHECK(chars.encode("").empty());
  CHECK(chars.decode({}).empty());
}

TEST_CASE("chars: those of Tiny Shakespeare stand in nanoGPT's order", "[tokenizer]") {
  const std::string text = "zyxwvutsrqponmlkjihgfedcba ZYXWVUTSRQPONMLKJIHGFEDCBA\n?;:3.-,'&$!";
  const Chars chars = Chars::from_text(text + text);
  CHECK(chars.size() == 65);
  // nanoGPT's data/shakespeare_char/prepare.py lists these in this order.
  std::vector<int64_t> all(65);
  for (int64_t i = 0; i < 65; ++i) all[i] = i;
  CHECK(chars.decode(all) == "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
  CHECK(chars.decode(chars.encode(text)) == text);
}

TEST_CASE("chars: unknown characters are named, with those that are known", "[tokenizer]") {
  const Chars chars = Chars::from_text("abc\n");
  CHECK_THROWS_WITH(chars.encode("cabé→aé"), Contains("Chars::encode: unknown characters \"é→\"") &&
                                                 Contains("the vocabulary has these 4: \"\\nabc\"") &&
                                                 Contains("test_tokenizer.cpp"));
  CHECK_THROWS_AS(chars.encode("x"), ValueError);
  CHECK_THROWS_WITH(chars.encode("ab\xFF"), Contains("not UTF-8: byte 2 (0xff)"));
  CHECK_THROWS_WITH(chars.decode(std::vector<int64_t>{0, 4}), Contains("id 4 is not in the vocabulary; need 0 to 3"));
  CHECK_THROWS_AS(chars.decode(std::vector<int64_t>{-1}), IndexError);
  CHECK_THROWS_WITH(Chars::from_text(""), Contains("the text is empty"));
  CHECK_THROWS_WITH(Chars::from_text("a\x80"), Contains("not UTF-8: byte 1"));
}

TEST_CASE("chars: a saved vocabulary loads as it was", "[tokenizer]") {
  const Chars chars = Chars::from_text("\"quoted\" \\ \n\t é 😀");
  const TempFile file;
  chars.save(file.path);
  const Chars loaded = Chars::load(file.path);
  CHECK(loaded.to_json() == chars.to_json());
  CHECK(loaded.encode("é😀\"") == chars.encode("é😀\""));
}

TEST_CASE("chars: JSON that is no vocabulary is refused", "[tokenizer]") {
  for (const char* bad :
       {"", "{", "[]", "null", "{}", R"({"type": "words", "characters": "ab"})", R"({"type": "chars"})",
        R"({"type": "chars", "characters": 3})", R"({"type": 1, "characters": "a"})",
        R"({"type": "chars", "characters": "\ud800"})", "{\"type\": \"chars\", \"characters\": \"\xFF\"}"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(Chars::from_json(bad),
                      Contains("the JSON holds no character vocabulary; need {\"type\": \"chars\""));
    CHECK_THROWS_AS(Chars::from_json(bad), FileError);
  }
  CHECK_THROWS_WITH(Chars::from_json(R"({"type": "chars", "characters": ""})"), Contains("has no characters"));
  CHECK_THROWS_WITH(Chars::from_json(R"({"type": "chars", "characters": "ba"})"),
                    Contains("out of order: \"b\" before \"a\""));
  CHECK_THROWS_WITH(Chars::from_json(R"({"type": "chars", "characters": "aa"})"),
                    Contains("out of order: \"a\" before \"a\""));
  const TempFile file;
  CHECK_THROWS_WITH(Chars::load(file.path), Contains(file.path) && Contains("No such file"));
  write_file(file.path, "{}");
  CHECK_THROWS_WITH(Chars::load(file.path),
                    Contains("Chars::load: \"" + file.path + "\" holds no character vocabulary"));
}

TEST_CASE("words: frequent words come first, equals in byte order, after four special tokens", "[tokenizer]") {
  const std::vector<std::string> sentences = {"the cat saw the dog", "the dog slept"};
  const Words words = Words::from_sentences(sentences);
  REQUIRE(words.size() == 9);
  std::string order;
  for (int64_t id = 0; id < words.size(); ++id) order += words.word(id) + " ";
  CHECK(order == "<pad> <bos> <eos> <unk> the dog cat saw slept ");
  CHECK(Words::from_sentences(sentences, 2).size() == 6);
}

TEST_CASE("words: sentences encode and decode, unknown words are listed", "[tokenizer]") {
  const std::vector<std::string> sentences = {"the cat saw the dog"};
  const Words words = Words::from_sentences(sentences);
  const auto ids = words.encode("the dog saw  a bird a");
  CHECK(ids == std::vector<int64_t>{4, 6, 7, Words::kUnk, Words::kUnk, Words::kUnk});
  CHECK(words.decode(ids) == "the dog saw <unk> <unk> <unk>");
  CHECK(words.unknown("the dog saw a bird a") == std::vector<std::string>{"a", "bird"});
  CHECK(words.unknown("the dog").empty());
  CHECK(words.decode(std::vector<int64_t>{Words::kBos, 4, 5, Words::kEos, 6, Words::kPad}) == "the cat");
  CHECK(words.encode("").empty());
  CHECK_THROWS_WITH(words.decode(std::vector<int64_t>{99}), Contains("id 99 is not in the vocabulary; need 0 to 7"));
}

TEST_CASE("words: text cannot smuggle in a special token", "[tokenizer]") {
  const std::vector<std::string> sentences = {"<eos> cat <pad>"};
  const Words words = Words::from_sentences(sentences);
  CHECK(words.size() == 5);
  CHECK(words.encode("<eos> cat <bos>") == std::vector<int64_t>{Words::kUnk, 4, Words::kUnk});
}

TEST_CASE("words: no word at all is refused", "[tokenizer]") {
  const std::vector<std::string> sentences = {"a b c", ""}, bad = {"ab\xFF"};
  CHECK_THROWS_WITH(Words::from_sentences(sentences, 2), Contains("no word occurs 2 times in 2 sentences"));
  CHECK_THROWS_AS(Words::from_sentences({}), ValueError);
  CHECK_THROWS_WITH(Words::from_sentences(bad), Contains("not UTF-8: byte 2"));
}

TEST_CASE("words: a saved vocabulary loads as it was, anything else is refused", "[tokenizer]") {
  const std::vector<std::string> sentences = {"l' été , \"où\" l' on"};
  const Words words = Words::from_sentences(sentences);
  const TempFile file;
  words.save(file.path);
  CHECK(Words::load(file.path).to_json() == words.to_json());
  CHECK(Words::load(file.path).encode("l' été") == words.encode("l' été"));
  for (const char* bad : {"", "3", "{}", R"({"type": "chars", "words": ["a"]})", R"({"type": "words", "words": []})",
                          R"({"type": "words", "words": "a"})"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(Words::from_json(bad), Contains("holds no word vocabulary"));
  }
  CHECK_THROWS_WITH(Words::from_json(R"({"type": "words", "words": ["a", 3]})"), Contains("word 1 is not a string"));
  CHECK_THROWS_WITH(Words::from_json(R"({"type": "words", "words": ["a", "a"]})"),
                    Contains("\"a\" is special or there twice"));
  CHECK_THROWS_WITH(Words::from_json(R"({"type": "words", "words": ["<unk>"]})"),
                    Contains("\"<unk>\" is special or there twice"));
  CHECK_THROWS_WITH(Words::from_json(R"({"type": "words", "words": ["a b"]})"), Contains("\"a b\" cannot be a word"));
}

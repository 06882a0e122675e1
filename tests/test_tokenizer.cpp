// Vocabularies of characters and of words.
#include <algorithm>
#include <filesystem>

#include <heed/tensor/io/atomic_file.h>
#include <heed/tensor/io/json.h>
#include <heed/tensor/io/utf8.h>
#include <heed/train/data/text.h>
#include <heed/train/data/tokenizer/gpt2.h>
#include <heed/train/data/tokenizer/tokenizer.h>
#include "catch.h"
#include "llama_tokenizer.h"
#include "temp_file.h"

using namespace heed;
using namespace heed::train;
using heed::tests::TempFile;
using Ids = std::vector<int64_t>;

namespace {

/// `text` with every `from` in it replaced.
std::string changed(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
  return text;
}

}  // namespace

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
  Tokenizer(chars).save(file.path);
  const Tokenizer loaded = Tokenizer::load(file.path);
  CHECK(loaded.to_json() == chars.to_json());
  CHECK(loaded.encode("é😀\"") == chars.encode("é😀\""));
  CHECK(Tokenizer::from_json(R"({"type": "chars", "characters": "abc"})").to_json() ==
        Chars::from_text("abc").to_json());  // heed 0.1
}

TEST_CASE("chars: JSON that is no vocabulary is refused", "[tokenizer]") {
  for (const char* bad : {"", "{", "[]", "null", "{}", R"({"type": "words", "words": ["ab"]})", R"({"type": "chars"})",
                          R"({"type": "chars", "characters": "\ud800"})",
                          "{\"type\": \"chars\", \"characters\": \"\xFF\"}", R"({"model": {"type": "BPE"}})"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(Chars::from_json(bad), Contains("the text is no tokenizer.json"));
    CHECK_THROWS_AS(Chars::from_json(bad), FileError);
  }
  CHECK_THROWS_WITH(Chars::from_json(R"({"characters": 3})"), Contains("\"characters\" is not text"));
  CHECK_THROWS_WITH(Chars::from_json(R"({"type": "chars", "characters": ""})"), Contains("has no characters"));
  CHECK_THROWS_WITH(Chars::from_json(R"({"type": "chars", "characters": "ba"})"),
                    Contains("out of order: \"b\" before \"a\""));
  CHECK_THROWS_WITH(Chars::from_json(changed(Chars::from_text("ab").to_json(), "\"b\": 1", "\"bc\": 1")),
                    Contains("the token \"bc\" is not one character"));
  CHECK_THROWS_WITH(Chars::from_json(changed(Chars::from_text("ab").to_json(), "Isolated", "Removed")),
                    Contains("asks for pre_tokenizer") && Contains("which heed has not; need {\"type\":\"Split\""));
  const TempFile file;
  CHECK_THROWS_WITH(Tokenizer::load(file.path), Contains(file.path) && Contains("is not there"));
  const std::string whole = Bpe::train("banana", 260).to_json();
  const auto refused = [](const std::string& text, const std::string& why) {
    CHECK_THROWS_WITH(Tokenizer::from_json(text),
                      Contains("Tokenizer::from_json: the text is no tokenizer.json: " + why));
    CHECK_THROWS_WITH(Bpe::from_json(text), Contains("the text is no tokenizer.json: " + why));
  };
  const size_t within = whole.find("\"added_tokens\"") + 3;
  refused(whole.substr(0, within), fmt::format("it ends within a string at byte {}; need all of it", within));
  refused(whole.substr(0, whole.size() - 2), fmt::format("it ends at byte {}; need all of it", whole.size() - 2));
  refused("{\"a\": 1, \"a\": 2}", "key \"a\" stands twice; need each once");
  refused("{\"a\": b}", "it is no JSON at byte 6");
  refused(std::string(17, '['), "it nests deeper than 16 levels; need fewer");
  write_file(file.path, "{}");
  CHECK_THROWS_WITH(Tokenizer::load(file.path),
                    Contains("\"" + file.path + "\": Tokenizer::from_json: the text is no tokenizer.json"));
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
  CHECK(Words::from_json(words.to_json()).to_json() == words.to_json());
  CHECK(Words::from_json(words.to_json()).encode("l' été") == words.encode("l' été"));
  CHECK(Tokenizer::from_json(R"({"type": "words", "words": ["a"]})").encode("a b") == std::vector<int64_t>{4, 3});
  for (const char* bad : {"", "3", "{}", R"({"type": "chars", "characters": "a"})"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(Words::from_json(bad), Contains("the text is no tokenizer.json"));
  }
  CHECK_THROWS_WITH(Words::from_json(R"({"words": []})"), Contains("the vocabulary has no words"));
  CHECK_THROWS_WITH(Words::from_json(changed(words.to_json(), "<bos>", "<BOS>")),
                    Contains("the first tokens are not \"<pad>\""));
  CHECK_THROWS_WITH(Words::from_json(R"({"type": "words", "words": ["a", 3]})"), Contains("word 1 is not a string"));
  CHECK_THROWS_WITH(Words::from_json(R"({"type": "words", "words": ["a", "a"]})"),
                    Contains("\"a\" is special or there twice"));
  CHECK_THROWS_WITH(Words::from_json(R"({"type": "words", "words": ["<unk>"]})"),
                    Contains("\"<unk>\" is special or there twice"));
  CHECK_THROWS_WITH(Words::from_json(R"({"type": "words", "words": ["a b"]})"), Contains("\"a b\" cannot be a word"));
}

TEST_CASE("bpe: what is no whole character is legible byte by byte", "[tokenizer]") {
  CHECK(legible_bytes("a\xE2\x80 \xC3\xA9\xA7") == "a<E2><80> \xC3\xA9<A7>");
  CHECK(legible_bytes("the cat") == "the cat");
}

TEST_CASE("bpe: a tokenizer.json loads as it was, special tokens included", "[tokenizer]") {
  const std::vector<std::string> special = {kEndOfText, "<|end|>", "<|end|>of"};
  const Tokenizer bpe = Bpe::train("the cat the cat the dog", 270, special);
  const Tokenizer again = Tokenizer::from_json(bpe.to_json());
  CHECK(again.to_json() == bpe.to_json());
  CHECK(bpe.end_of_text() == bpe.size() - 3);
  CHECK(Tokenizer(Chars::from_text("a")).end_of_text() == -1);
  const std::string text = "the<|end|>of the cat<|endoftext|><|end|>\xFF<|end";
  const Ids ids = again.encode(text);
  CHECK(ids == bpe.encode(text));
  CHECK(std::count(ids.begin(), ids.end(), bpe.size() - 1) == 1);  // the longest
  CHECK(std::count(ids.begin(), ids.end(), bpe.end_of_text()) == 1);
  CHECK(again.decode(ids) == text);
}

TEST_CASE("bpe: two are equal that give the same ids, however their files are written", "[tokenizer]") {
  const Bpe bpe = Bpe::train("the cat the cat the dog", 270, std::vector<std::string>{kEndOfText});
  Json json = Json::parse(bpe.to_json());
  for (Json& merge : json["model"]["merges"]) {
    const auto pair = merge.get<std::string>();
    merge = {pair.substr(0, pair.find(' ')), pair.substr(pair.find(' ') + 1)};
  }
  json["decoder"]["trim_offsets"] = false;
  CHECK((Bpe::from_json(json.dump()) == bpe));
  json["added_tokens"][0]["lstrip"] = true;
  CHECK((Bpe::from_json(json.dump()) != bpe));
  json["added_tokens"][0]["lstrip"] = false;
  std::swap(json["model"]["merges"][0], json["model"]["merges"][1]);
  CHECK((Bpe::from_json(json.dump()) != bpe));
}

TEST_CASE("bpe: added tokens keep their flags, and normalized ones are looked for in what the others leave",
          "[tokenizer]") {
  const std::vector<std::string> special = {"cat<a>", " mat", "<a>"};
  Json json = Json::parse(Bpe::train("", 259, special).to_json());
  const auto ids = [&](const std::string& text) { return Bpe::from_json(json.dump()).encode(text); };
  CHECK(ids("cat<a> mat") == Ids{256, 257});  // of tokenizers 0.23.3, as all here
  json["added_tokens"][0].update({{"normalized", true}, {"special", false}});
  json["added_tokens"][1].update({{"normalized", true}, {"rstrip", true}});
  CHECK(ids("cat<a> mat \n<a>") == Ids{66, 64, 83, 258, 257, 258});
  CHECK(Json::parse(Bpe::from_json(json.dump()).to_json()) == json);
}

TEST_CASE("bpe: a post-processor is carried, and what it puts before a text is known", "[tokenizer]") {
  Json json = Json::parse(Bpe::train("", 258, std::vector<std::string>{"</s>", "<s>"}).to_json());
  const auto piece = [](const char* name) { return Json{{"SpecialToken", {{"id", name}, {"type_id", 0}}}}; };
  const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const auto around = [&](const Json& single) {
    return Json{{"type", "TemplateProcessing"},
                {"single", single},
                {"pair", Json::array()},
                {"special_tokens",
                 {{"<s>", {{"id", "<s>"}, {"ids", {257}}, {"tokens", {"<s>"}}}},
                  {"</s>", {{"id", "</s>"}, {"ids", {256}}, {"tokens", {"</s>"}}}}}}};
  };
  const Json bytes = json["post_processor"], begun = around({piece("<s>"), text, piece("</s>")});
  const std::pair<Json, Ids> cases[] = {
      {nullptr, {}},
      {bytes, {}},
      {begun, {257}},
      {around({text, piece("<s>")}), {}},
      {around({piece("</s>"), piece("<s>"), text}), {256, 257}},
      {{{"type", "Sequence"}, {"processors", {bytes, begun, around({piece("</s>"), text})}}}, {256, 257}},
      {{{"type", "RobertaProcessing"}, {"sep", {"</s>", 256}}, {"cls", {"<s>", 257}}}, {257}}};
  for (const auto& [processor, before] : cases) {
    INFO(processor.dump());
    json["post_processor"] = processor;
    const Tokenizer tokenizer = Tokenizer::from_json(json.dump());
    CHECK(tokenizer.before() == before);
    CHECK(tokenizer.encode("a") == Ids{64});
    CHECK(nlohmann::json::parse(tokenizer.to_json()) == nlohmann::json(json));  // whatever the order of keys
  }
  json["post_processor"] = {{"type", "RobertaProcessing"}, {"cls", {"<s>", 258}}};
  CHECK_THROWS_WITH(Tokenizer::from_json(json.dump()), Contains("asks for post_processor") && Contains("need ids of"));
  json = Json::parse(Chars::from_text("a").to_json());
  json["post_processor"] = begun;
  CHECK_THROWS_WITH(Tokenizer::from_json(json.dump()), Contains("asks for post_processor"));
}

TEST_CASE("bpe: the forms of models after GPT-2 are read, and written as they were", "[tokenizer]") {
  Json json = Json::parse(Bpe::train("the the the 22 22 22", 260, std::vector<std::string>{kEndOfText}).to_json());
  const auto sequence = [](const Json& first, bool cuts) {
    const Json bytes = {
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", cuts}};
    return Json{{"type", "Sequence"}, {"pretokenizers", {first, bytes}}};
  };
  const auto split = [](const std::string& regex) {
    return Json{{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
  };
  const std::string words = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|",
                    rest = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const Json llama3 = sequence(split(words + "\\p{N}{1,3}" + rest), false),
             qwen = sequence(split(words + "\\p{N}" + rest), false),
             smollm = sequence({{"type", "Digits"}, {"individual_digits", true}}, true);
  const auto take = [&](const Json& pre_tokenizer, const Json& normalizer, bool whole) {
    json["pre_tokenizer"] = pre_tokenizer;
    json["normalizer"] = normalizer;
    json["model"]["ignore_merges"] = whole;
    const Bpe bpe = Bpe::from_json(json.dump());
    CHECK(Json::parse(bpe.to_json()) == json);
    return bpe;
  };
  const int64_t two = 17, pair = json["model"]["vocab"]["22"];
  CHECK(take(llama3, nullptr, false).encode("22") == Ids{pair});
  CHECK(take(qwen, nullptr, false).encode("22") == Ids{two, two});
  CHECK(take(smollm, nullptr, false).encode("22") == Ids{two, two});

  // Letters are composed with their marks, but not in tokens that are whole; other bytes stay.
  const Bpe composing = take(qwen, {{"type", "NFC"}}, false);
  CHECK(composing.decode(composing.encode("e\u0301<|endoftext|>\xFF"
                                          "e\u0301")) == "\u00E9<|endoftext|>\xFF\u00E9");
  CHECK(take(qwen, nullptr, false).encode("e\u0301") != composing.encode("e\u0301"));

  // A piece that is a token is taken as that where no merges lead to it.
  json["model"]["merges"] = Json::array();
  const int64_t the = json["model"]["vocab"]["the"];
  CHECK(take(llama3, nullptr, true).encode("the ther") == [&] {
    Ids ids = take(llama3, nullptr, false).encode(" ther");
    ids.insert(ids.begin(), the);
    return ids;
  }());
  CHECK(take(llama3, nullptr, false).encode("the").size() == 3);

  const auto refused = [&](const Json& pre_tokenizer, const std::string& what) {
    json["pre_tokenizer"] = pre_tokenizer;
    CHECK_THROWS_WITH(Bpe::from_json(json.dump()),
                      Contains("asks for " + what) && Contains("which heed has not; need "));
  };
  refused(sequence(split("\\w+"), false), "pre_tokenizer {\"pretokenizers\":[{\"behavior\":\"Isolated\"");
  refused(sequence(split(words + "\\p{N}" + rest), true), "pre_tokenizer");  // cut twice
  Json other = qwen;
  other["pretokenizers"][0]["behavior"] = "Removed";
  refused(other, "pre_tokenizer");
  other = qwen;
  other["pretokenizers"][1]["add_prefix_space"] = true;
  refused(other, "pre_tokenizer");
  other = qwen;
  other["pretokenizers"].push_back(other["pretokenizers"][1]);
  refused(other, "pre_tokenizer");
  other = smollm;
  other["pretokenizers"][0]["individual_digits"] = false;
  refused(other, "pre_tokenizer");
  json["normalizer"] = {{"type", "NFKC"}};
  refused(qwen, "normalizer {\"type\":\"NFKC\"}");
}

TEST_CASE("bpe: characters are merged as Llama 2's are, with bytes for those that are no tokens", "[tokenizer]") {
  const std::vector<std::string> special = {"<unk>", "<s>", "</s>", "<x>"};
  Json json = tests::llama_json(special, {"th", "the", "▁the", "▁▁", "é", "▁", "t", "h", "e", "c"});
  const Json replace = json["normalizer"]["normalizers"][1], before = json["normalizer"], decoder = json["decoder"];
  Json unstripped = decoder;
  unstripped["decoders"].erase(3);
  const auto metaspace = [](const char* scheme) {
    return Json{{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", false}};
  };
  const std::string words = "the  thé", specials = "the</s>the<x> <x>", spaces = " cat▁";
  struct Form {
    Json normalizer, pre_tokenizer, decoder;
    Ids words, specials, spaces;  // of tokenizers 0.23.3, as the texts below
    std::string specials_again, spaces_again;
  };
  const Ids thes = {262, 263, 260, 264}, cat = {265, 269, 101, 266, 265}, first = {262, 2, 261, 3, 265, 3},
            none = {261, 2, 261, 3, 265, 3};
  const std::string apart = "the</s> the<x> <x>";
  for (const Form& form :
       {Form{before, nullptr, decoder, thes, {262, 2, 262, 64, 124, 66, 3}, {263, 269, 101, 266, 265}, apart, " cat "},
        {replace, nullptr, unstripped, {261, 263, 260, 264}, none, cat, specials, " cat "},
        {nullptr, metaspace("never"), unstripped, {261, 263, 260, 264}, none, cat, specials, " cat "},
        {nullptr, metaspace("first"), decoder, thes, first, cat, specials, "cat "},
        {nullptr, metaspace("always"), decoder, thes, {262, 2, 262, 3, 265, 3}, cat, apart, "cat "}}) {
    INFO(form.normalizer.dump() << form.pre_tokenizer.dump());
    json["normalizer"] = form.normalizer;
    json["pre_tokenizer"] = form.pre_tokenizer;
    json["decoder"] = form.decoder;
    const Tokenizer tokenizer = Tokenizer::from_json(json.dump());
    CHECK(tokenizer.to_json() == json.dump());
    CHECK(tokenizer.encode(words) == form.words);
    CHECK(tokenizer.decode(form.words) == words);
    CHECK(tokenizer.encode(specials) == form.specials);
    CHECK(tokenizer.decode(form.specials) == form.specials_again);
    CHECK(tokenizer.encode(spaces) == form.spaces);
    CHECK(tokenizer.decode(form.spaces) == form.spaces_again);
    CHECK(tokenizer.decode(form.spaces, false).starts_with(' '));
    CHECK(tokenizer.encode("\xC3\xFF").back() == 4 + 0xFF);  // what is no character
  }
  const auto refused = [&](const char* part, const Json& value, const std::string& why) {
    Json other = json;
    other[part] = value;
    CHECK_THROWS_WITH(Bpe::from_json(other.dump()), Contains(std::string("asks for ") + part) && Contains(why));
  };
  Json splits = metaspace("first");
  splits["split"] = true;
  refused("pre_tokenizer", splits, "need none, or Metaspace of \"▁\" that does not split");
  json["pre_tokenizer"] = nullptr;
  refused("normalizer", {{"type", "NFKC"}}, "need Llama 2's, which replaces spaces by \"▁\"");
  json["normalizer"] = before;
  refused("pre_tokenizer", metaspace("first"), "need none, or Metaspace");  // a space twice
  refused("decoder", {{"type", "ByteLevel"}}, "need Llama 2's: Replace, ByteFallback, Fuse and perhaps Strip");
  json["added_tokens"][3]["content"] = "▁<x>";  // as Code Llama's "▁<PRE>"
  json["added_tokens"][3]["normalized"] = false;
  json["model"]["vocab"].erase("<x>");
  json["model"]["vocab"]["▁<x>"] = 3;
  CHECK(Bpe::from_json(json.dump()).encode("e▁<x>e") == Ids{265, 268, 3, 265, 268});
  CHECK(Bpe::from_json(json.dump()).decode(Ids{265, 268, 3, 268}) == "e <x>e");
  json["model"]["vocab"].erase("<0x61>");
  json["model"]["vocab"]["a"] = 101;
  CHECK(Bpe::from_json(json.dump()).encode("a").back() == 101);
  json["model"]["vocab"].erase("<0x62>");
  json["model"]["vocab"]["bb"] = 102;
  CHECK_THROWS_WITH(Bpe::from_json(json.dump()).encode("b"), Contains("no token for the byte 0x62"));
}

TEST_CASE("tokenizer: parts of a long text have the ids of the whole, however it is cut", "[tokenizer]") {
  std::string text;
  for (int i = 0; text.size() < (size_t{9} << 20); ++i)
    text += "word" + std::to_string(i % 9) + ".\n" + (i % 5 ? "x" : "(");
  for (int i = 0; i < 3; ++i) text[(size_t{4} << 20) - 100 + 40 * static_cast<size_t>(i)] = ' ';
  Json json = Json::parse(Bpe::train(text.substr(0, 2000), 300).to_json());
  for (const bool qwens : {false, true}) {
    if (qwens) {
      json["model"]["vocab"][".\u010A"] = json["model"]["vocab"].size();  // a sign with the line break behind it
      json["model"]["merges"].push_back(". \u010A");
      const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
      const char* regex =
          "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
          "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
      json["pre_tokenizer"] = {
          {"type", "Sequence"},
          {"pretokenizers", {{{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}}, bytes}}};
    }
    const Tokenizer tokenizer = Tokenizer::from_json(json.dump());
    const std::string_view part = tokenizer.first_part(text);
    REQUIRE(part.size() < text.size());
    const size_t around = 1000;
    const std::string_view last = part.substr(part.size() - around),
                           next = std::string_view(text).substr(part.size(), around);
    Ids apart = tokenizer.encode(last);
    std::ranges::copy(tokenizer.encode(next), std::back_inserter(apart));
    CHECK(apart == tokenizer.encode(std::string(last).append(next)));
  }
}

TEST_CASE("bpe: a tokenizer.json that is none, or asks for what heed has not, is refused by name", "[tokenizer]") {
  const std::string good = Bpe::train("the the the", 258, std::vector<std::string>{kEndOfText}).to_json();
  REQUIRE(Bpe::from_json(good).size() == 258);
  const auto refused = [&](const std::string& from, const std::string& to) {
    CAPTURE(from, to);
    REQUIRE(good.find(from) != good.npos);
    try {
      Bpe::from_json(changed(good, from, to));
    } catch (const FileError& error) {
      return std::string(error.what());
    }
    return std::string("taken");
  };
  CHECK_THAT(refused("\"h e\"", "\"h zz\""), Contains("the merge \"h zz\" is not of two tokens of the vocabulary"));
  CHECK_THAT(refused("\"h e\"", "\"e h\""), Contains("the merge \"e h\" is not"));  // "eh" is no token
  CHECK_THAT(refused("\"h e\"", "\"h e\", \"h e\""), Contains("the merge \"h e\" is there twice"));
  CHECK_THAT(refused("\"h e\"", "[\"h\"]"), Contains("is not of two tokens"));
  CHECK_THAT(refused("\"B\": 33", "\"B\": 34"), Contains("\"B\" and \"C\" have the same id, 34"));
  CHECK_THAT(refused("\"B\": 33,", ""), Contains("no token has the id 33; need one for each id below 257"));
  CHECK_THAT(refused("\"B\": 33", "\"B\": -1"), Contains("the id of \"B\" is -1"));
  CHECK_THAT(refused("\"B\": 33", "\"B\": 1e99"), Contains("the id of \"B\" is 1e+99"));
  CHECK_THAT(refused("\"B\": 33", "\"B B\": 33"), Contains("\"B B\" is not made of the characters that show bytes"));
  CHECK_THAT(refused("\"id\": 257", "\"id\": 3"), Contains("\"<|endoftext|>\" has two ids, 257 and 3"));
  CHECK_THAT(refused("\"single_word\": false", "\"single_word\": true"), Contains("asks for single_word"));
  CHECK_THAT(refused("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFKD\"}"),
             Contains("asks for normalizer {\"type\":\"NFKD\"}, which heed has not"));
  CHECK_THAT(refused("\"type\": \"ByteLevel\"", "\"type\": \"Whitespace\""), Contains("asks for pre_tokenizer"));
  CHECK_THAT(refused("\"dropout\": null", "\"dropout\": 0.1"), Contains("asks for dropout 0.1"));
  CHECK_THAT(refused("\"type\": \"BPE\"", "\"type\": \"Unigram\""), Contains("the text is no tokenizer.json"));
}

// Sentence pairs: reading, tokenising, splitting, batching.
#include <algorithm>
#include <filesystem>
#include <set>

#include <heed/train/data/grammar/grammar.h>
#include <heed/train/data/pairs.h>
#include <heed/train/data/tokenizer/chars.h>
#include "catch.h"
#include "temp_file.h"

using namespace heed;
using namespace heed::train;
using heed::tests::TempFile;

namespace {

using Ids = std::vector<int64_t>;

std::vector<SentencePair> lengths_1_to(int64_t n) {
  std::vector<SentencePair> pairs;
  std::string source, target = "t";
  for (int64_t i = 0; i < n; ++i) {
    source += (i ? " s" : "s"), target += " t";
    pairs.push_back({source, target});
  }
  return pairs;
}

Words words_of(const std::vector<SentencePair>& pairs, std::string SentencePair::*side) {
  std::vector<std::string> sentences;
  for (const SentencePair& pair : pairs) sentences.push_back(pair.*side);
  return Words::from_sentences(sentences);
}

}  // namespace

TEST_CASE("read_pairs: source, tab, target; line ends, blank lines and further columns do not matter", "[data]") {
  const TempFile file("\xEF\xBB\xBFGo.\tVa !\r\n\r\n  \nI see.\tJe comprends.\tCC-BY 2.0\n Run! \t Cours ! ");
  CHECK(read_pairs(file.path) ==
        std::vector<SentencePair>{{"Go.", "Va !"}, {"I see.", "Je comprends."}, {"Run!", "Cours !"}});
}

TEST_CASE("read_pairs: a file of manythings.org, its third column and French spaces", "[data]") {
  const TempFile file(
      "Go.\tVa !\tCC-BY 2.0 (France) Attribution: tatoeba.org #2877272 (CM) & #1158250 (Wittydev)\n"
      "\u00A0Who?\tQui\u202F?\u00A0\tCC-BY 2.0\r\nHe said: \"No!\"\tIl dit\u00A0: «\u00A0Non\u202F!\u00A0»\u2003\n");
  CHECK(tokenize(read_pairs(file.path)) == std::vector<SentencePair>{{"go .", "va !"},
                                                                     {"who ?", "qui ?"},
                                                                     {"he said : \" no ! \"", "il dit : « non ! »"}});
  const TempFile nothing("a\tb\nc\t\u202F\u200B\n");
  CHECK_THROWS_WITH(read_pairs(nothing.path), Contains(":2: the target is empty"));
}

TEST_CASE("read_pairs: a line that is no pair is named with its number", "[data]") {
  const TempFile no_tab("a\tb\n\nc d\n"), no_source("a\tb\n\tb\n"), no_target("a\t \r\n"),
      no_target_but_more("a\t\tb\n"), blank("\n \r\n"), latin("a\tb\nc\tv\xE9lo\n"), empty("");
  CHECK_THROWS_WITH(read_pairs(no_tab.path),
                    Contains("read_pairs: " + no_tab.path + ":3: no tab in \"c d\"; need source, tab, target"));
  CHECK_THROWS_WITH(read_pairs(no_source.path), Contains(":2: the source is empty"));
  CHECK_THROWS_WITH(read_pairs(no_target.path), Contains(":1: the target is empty"));
  CHECK_THROWS_WITH(read_pairs(no_target_but_more.path), Contains(":1: the target is empty"));
  CHECK_THROWS_WITH(read_pairs(blank.path), Contains("has only blank lines"));
  CHECK_THROWS_WITH(read_pairs(latin.path), Contains("not UTF-8: byte 7 (0xe9), in line 2"));
  CHECK_THROWS_WITH(read_pairs(empty.path), Contains("is empty"));
  CHECK_THROWS_AS(read_pairs("/no/such/file"), FileError);
}

TEST_CASE("tokenize: lower case, punctuation apart, apostrophes with the word they belong to", "[data]") {
  const std::pair<const char*, const char*> cases[] = {
      {"Go.", "go ."},
      {"Va\u202F!", "va !"},
      {"I'm happy, Tom'll see.", "i 'm happy , tom 'll see ."},
      {"Don't!", "don 't !"},
      {"L'homme qu\u2019elle aime n'est pas là.", "l' homme qu' elle aime n' est pas là ."},
      {"Ça alors !", "ça alors !"},
      {"À l'ÉCOLE, lorsqu'Œdipe…", "à l' école , lorsqu' œdipe …"},
      {"Arrête-toi - vite", "arrête-toi - vite"},
      {"Aujourd'hui, jusqu'ici", "aujourd'hui , jusqu' ici"},
      {"« Oui » \"non\" 'rien'", "« oui » \" non \" 'rien '"},
      {"It's 8:30 (or 9)?", "it 's 8 : 30 ( or 9 ) ?"},
      {"  two   spaces\t", "two spaces"},
      {"", ""}};
  for (const auto& [raw, words] : cases) CHECK(tokenize(raw) == words);
  CHECK_THROWS_WITH(tokenize("v\xE9lo"), Contains("tokenize: the sentence is not UTF-8: byte 1 (0xe9)"));
}

TEST_CASE("split_pairs: no source is on both sides, and the seed decides", "[data]") {
  std::vector<SentencePair> pairs;
  for (int i = 0; i < 300; ++i) pairs.push_back({fmt::format("s{}", i % 100), fmt::format("t{}", i)});
  const PairSplit split = split_pairs(pairs, 0.1, 5);
  CHECK(split.held_out.size() == 30);
  CHECK(split.train.size() == 270);
  std::set<std::string> held;
  for (const SentencePair& pair : split.held_out) held.insert(pair.source);
  CHECK(held.size() == 10);
  for (const SentencePair& pair : split.train) CHECK(held.count(pair.source) == 0);
  CHECK(split_pairs(pairs, 0.1, 5).held_out == split.held_out);
  CHECK_FALSE(split_pairs(pairs, 0.1, 6).held_out == split.held_out);
  CHECK(split_pairs(pairs, 0, 5).train == pairs);
  CHECK(split_pairs(pairs, 1, 5).held_out == pairs);
  CHECK_THROWS_WITH(split_pairs(pairs, 1.5, 5), Contains("fraction is 1.5; need 0 to 1"));
}

TEST_CASE("pairs: a batch is padded, begins with <bos>, ends with <eos>", "[data]") {
  const std::vector<SentencePair> pairs = {{"the cat", "le chat dort"}, {"the", "le"}, {"a dog sleeps", "dort"}};
  const Words source = words_of(pairs, &SentencePair::source), target = words_of(pairs, &SentencePair::target);
  const PairSet set(pairs, source, target);
  const Ids rows = {1, 0};
  const PairBatch b = set.batch(rows);
  CHECK(b.source.shape() == Shape{2, 2});
  CHECK(b.source.to_vector<int64_t>() == Ids{source.id("the"), Words::kPad, source.id("the"), source.id("cat")});
  CHECK(b.source_length.to_vector<int64_t>() == Ids{1, 2});
  const int64_t le = target.id("le"), chat = target.id("chat"), dort = target.id("dort");
  CHECK(b.decoder_input.shape() == Shape{2, 4});
  CHECK(b.decoder_input.to_vector<int64_t>() ==
        Ids{Words::kBos, le, Words::kPad, Words::kPad, Words::kBos, le, chat, dort});
  CHECK(b.targets.to_vector<int64_t>() == Ids{le, Words::kEos, -1, -1, le, chat, dort, Words::kEos});
  CHECK_THROWS_WITH(set.batch(Ids{3}), Contains("row 3 is not one of the 3 pairs"));
  CHECK_THROWS_AS(set.batch({}), ValueError);
}

TEST_CASE("pairs: an epoch has every pair once, alike lengths together, in an order that the generator decides",
          "[data]") {
  const auto pairs = lengths_1_to(50);
  const PairSet set(pairs, words_of(pairs, &SentencePair::source), words_of(pairs, &SentencePair::target));
  Rng a(1), b(1);
  const auto first = set.epoch(8, a), second = set.epoch(8, a);
  CHECK(first == set.epoch(8, b));
  CHECK_FALSE(first == second);
  REQUIRE(first.size() == 7);
  std::set<int64_t> seen;
  bool sorted = true;
  int64_t previous = -1;
  for (const Ids& rows : first) {
    const auto [shortest, longest] = std::minmax_element(rows.begin(), rows.end());
    CHECK(*longest - *shortest == std::ssize(rows) - 1);  // the row number is the length
    sorted = sorted && *shortest > previous;
    previous = *longest;
    seen.insert(rows.begin(), rows.end());
  }
  CHECK(seen.size() == 50);
  CHECK_FALSE(sorted);
  CHECK(set.in_order(20) ==
        std::vector<Ids>{set.in_order(20)[0], set.in_order(20)[1], {40, 41, 42, 43, 44, 45, 46, 47, 48, 49}});
  CHECK(set.in_order(20)[0][19] == 19);
  CHECK_THROWS_WITH(set.epoch(0, a), Contains("batch is 0; need at least 1"));
}

TEST_CASE("pairs: unknown words become <unk>, empty pairs are refused", "[data]") {
  const std::vector<SentencePair> pairs = {{"the cat", "le chat"}}, other = {{"the dog", "le chien"}},
                                  bad = {{"the", " "}};
  const Words source = words_of(pairs, &SentencePair::source), target = words_of(pairs, &SentencePair::target);
  const PairSet set(other, source, target);
  const Ids rows = {0};
  CHECK(set.batch(rows).source.at<int64_t>({0, 1}) == Words::kUnk);
  CHECK(set.batch(rows).targets.at<int64_t>({0, 1}) == Words::kUnk);
  CHECK_THROWS_WITH(PairSet({}, source, target), Contains("there are no pairs"));
  CHECK_THROWS_WITH(PairSet(bad, source, target), Contains("pair 0 is \"the\" and \" \"; need words on both sides"));
}

TEST_CASE("pairs: a file reads, tokenizes and splits, and no source stands on both sides", "[data]") {
  const TempFile file("Go.\tVa !\nI'm cold, and you?\tJ'ai froid, et toi ?\n");
  const auto read = tokenize(read_pairs(file.path));
  CHECK(read == std::vector<SentencePair>{{"go .", "va !"}, {"i 'm cold , and you ?", "j' ai froid , et toi ?"}});
  Rng rng(1);
  std::vector<SentencePair> pairs = Grammar::pairs(2000, {}, rng);
  for (int64_t i = 0; i < 500; ++i) pairs.push_back({pairs[i].source, "another way to say it"});
  const PairSplit split = split_pairs(pairs, 0.1, 1);
  CHECK(split.train.size() + split.held_out.size() == pairs.size());
  CHECK(split.held_out.size() > 150);
  std::set<std::string> held;
  for (const SentencePair& pair : split.held_out) held.insert(pair.source);
  for (const SentencePair& pair : split.train) REQUIRE(held.count(pair.source) == 0);
}

TEST_CASE("SentenceTokens: pieces of words give any sentence back", "[data]") {
  const std::vector<std::string> sentences = {"le chat dort .", "le chat noir dort .", "le chat , le chien !"};
  const SentenceTokens pieces = SentenceTokens::pieces(sentences, 268);
  CHECK(pieces.size() == 268);
  CHECK(pieces.encode("le chat").size() < 7);
  CHECK(pieces.encode("le chat le").front() == pieces.encode("le chat le").back());
  for (const char* sentence : {"le chat dort .", "l' été à 日本 !", "", "'m zebra"}) {
    CHECK(pieces.decode(pieces.encode(sentence)) == sentence);
    CHECK(pieces.unknown(sentence).empty());
  }
  for (const int64_t id : pieces.encode("zebra")) CHECK_FALSE(pieces.is_unknown(id));
  CHECK(pieces.encode("  ").empty());
  CHECK(pieces.shown("chatte")[0] == "chat");
  CHECK(pieces.shown("chatte")[1] == "##t");
  CHECK(pieces.shown(pieces.begin()) == "<bos>");

  std::vector<int64_t> ids = pieces.encode("le chat");
  ids.insert(ids.begin(), {pieces.begin(), pieces.pad()});
  ids.insert(ids.end(), {pieces.end(), ids[2]});
  CHECK(pieces.decode(ids) == "le chat");
  const std::vector<int64_t> half = pieces.encode("é");
  CHECK(pieces.decode(std::span(half).first(half.size() - 1)) == "\uFFFD");  // half a character
  CHECK_THROWS_AS(pieces.decode(std::vector<int64_t>{268}), IndexError);

  const SentenceTokens again = SentenceTokens::from_json(pieces.to_json());
  CHECK(again.encode("le chat dort") == pieces.encode("le chat dort"));
  CHECK(again.end() == pieces.end());
  CHECK_THROWS_WITH(SentenceTokens::pieces(sentences, 258), Contains("need at least the 256 bytes and 3 special"));
  CHECK_THROWS_WITH(SentenceTokens(Bpe::train("le chat", 260)), Contains("lacks the special token \"<pad>\""));
  CHECK_THROWS_WITH(SentenceTokens::from_json(Bpe::train("le chat", 260).to_json()),
                    Contains("lacks the special token"));
  CHECK_THROWS_WITH(SentenceTokens::from_json(Chars::from_text("ab").to_json()), Contains("the tokens are characters"));
}

TEST_CASE("SentenceTokens: words are as Words has them", "[data]") {
  const auto words = Words::from_sentences(std::vector<std::string>{"le chat"});
  const SentenceTokens tokens = words;
  CHECK(tokens.encode("le chien") == words.encode("le chien"));
  CHECK(tokens.is_unknown(tokens.encode("le chien")[1]));
  CHECK(tokens.unknown("le chien") == std::vector<std::string>{"chien"});
  CHECK(tokens.shown("le chien") == std::vector<std::string>{"le", "chien"});
  CHECK(tokens.decode(tokens.encode("le chat")) == "le chat");
  CHECK(SentenceTokens::from_json(tokens.to_json()).size() == tokens.size());
}

TEST_CASE("pairs: batches of pieces begin, end and are padded with their own special tokens", "[data]") {
  const std::vector<SentencePair> pairs = {{"a cat", "le chat"}, {"a", "le"}};
  const SentenceTokens tokens = SentenceTokens::pieces(side(pairs, &SentencePair::target), 259);
  const PairSet set(pairs, tokens, tokens);
  CHECK(set.source_size(0) == 6);
  const PairBatch batch = set.batch(Ids{1, 0});
  CHECK(batch.source.at<int64_t>({0, 5}) == tokens.pad());
  CHECK(batch.decoder_input.at<int64_t>({0, 0}) == tokens.begin());
  CHECK(batch.decoder_input.at<int64_t>({0, 4}) == tokens.pad());
  CHECK(batch.targets.at<int64_t>({0, 3}) == tokens.end());
  CHECK(batch.targets.at<int64_t>({0, 4}) == -1);
  CHECK(batch.target_tokens() == 3 + 1 + 8 + 1);
}

TEST_CASE("grammar_pairs: full stops, words and phrases are trained on, and no sentence that is held out",
          "[data][grammar]") {
  const PairSplit split = grammar_pairs(1000, 100, 3);
  CHECK(split.held_out.size() == 100);
  std::set<std::string> sources;
  int64_t stops = 0;
  for (const auto& [source, target] : split.train) {
    INFO(source << " -> " << target);
    CHECK(sources.insert(source).second);
    CHECK(source.ends_with(" .") == target.ends_with(" ."));
    stops += source.ends_with(" .");
  }
  CHECK((stops > 60 && stops < 140));
  CHECK(sources.contains("cat"));
  CHECK(sources.contains("the small cat"));
  for (const SentencePair& pair : split.held_out) {
    CHECK_FALSE(sources.contains(pair.source));
    CHECK_FALSE(sources.contains(pair.source + " ."));
  }
  const SentenceTokens words = Words::from_sentences(side(split.train, &SentencePair::source));
  CHECK(words.unknown(tokenize("The cat sleeps.")).empty());
}

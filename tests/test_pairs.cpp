// Sentence pairs: reading, tokenising, splitting, batching.
#include <algorithm>
#include <filesystem>
#include <set>

#include <heed/train/data/grammar/grammar.h>
#include <heed/train/data/pairs.h>
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

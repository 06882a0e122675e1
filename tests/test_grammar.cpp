// The English-French grammar: claims about every sentence that it makes.
#include <algorithm>
#include <map>
#include <set>

#include <heed/train/data/grammar/lexicon.h>
#include <heed/train/data/tokenizer/words.h>
#include "catch.h"

using namespace heed;
using namespace heed::train;

namespace {

const std::vector<ParsedPair>& sample() {
  static const std::vector<ParsedPair> pairs = [] {
    Rng rng(20);
    return Grammar::parsed_pairs(12000, {.max_words = 26, .max_depth = 3, .split = Split::any}, rng);
  }();
  return pairs;
}

bool is_in(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("grammar: French sentences keep the rules that hold for every one of them", "[grammar]") {
  for (const ParsedPair& parsed : sample()) {
    INFO(parsed.pair.source << "\n" << parsed.pair.target);
    const auto words = split_words(parsed.pair.target);
    int64_t open = 0;
    for (size_t i = 0; i < words.size(); ++i) {
      const std::string next = i + 1 < words.size() ? words[i + 1] : "";
      if (is_in(words[i], {"de", "à"})) REQUIRE_FALSE(is_in(next, {"le", "les", "du", "au"}));
      if (words[i] == "de") REQUIRE_FALSE(is_in(next, {"de", "d'", "des"}));
      if (is_in(words[i], {"le", "la", "de", "ne", "que", "ce", "ma", "sa"}))
        REQUIRE_FALSE(lexicon::begins_with_vowel(next));
      if (words[i].ends_with('\'')) REQUIRE(lexicon::begins_with_vowel(next));
      if (is_in(words[i], {"cet", "bel", "vieil", "nouvel"})) REQUIRE(lexicon::begins_with_vowel(next));
      open += is_in(words[i], {"ne", "n'"}) - is_in(words[i], {"pas", "jamais"});
      REQUIRE((open == 0 || open == 1));
      for (const lexicon::Noun& noun : lexicon::nouns()) {
        if (next != noun.french && next != noun.french_plural) continue;
        if (is_in(words[i], {"le", "un", "ce", "cet", "petit", "grand", "beau"}))
          REQUIRE(noun.gender == Gender::masculine);
        if (is_in(words[i], {"la", "une", "cette", "petite", "vieille", "belle"}))
          REQUIRE(noun.gender == Gender::feminine);
        if (is_in(words[i], {"les", "ces", "mes", "ses", "deux", "aux"})) REQUIRE(next == noun.french_plural);
      }
    }
    REQUIRE(open == 0);
  }
}

TEST_CASE("grammar: a sentence has one translation, clean words, and as many commas on both sides", "[grammar]") {
  std::map<std::string, std::string> translation;
  for (const ParsedPair& parsed : sample()) {
    const auto& [source, target] = parsed.pair;
    INFO(source << "\n" << target);
    REQUIRE(translation.emplace(source, target).second);
    for (const std::string& side : {source, target}) {
      REQUIRE(side.find("  ") == side.npos);
      REQUIRE(side.find(", ,") == side.npos);
      REQUIRE_FALSE((is_in(side.substr(0, 1), {" ", ","}) || is_in(side.substr(side.size() - 1), {" ", ","})));
    }
    REQUIRE(std::count(source.begin(), source.end(), ',') == std::count(target.begin(), target.end(), ','));
  }
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Rng rng(seed);
    for (const SentencePair& pair : Grammar::pairs(5000, {.max_words = 9, .split = Split::any}, rng))
      REQUIRE(translation.emplace(pair.source, pair.target).first->second == pair.target);
  }
}

TEST_CASE("grammar: every phenomenon occurs", "[grammar]") {
  std::map<Phenomenon, int64_t> seen;
  for (const ParsedPair& parsed : sample())
    for (int64_t i = 0; i < kPhenomena; ++i)
      seen[static_cast<Phenomenon>(i)] += parsed.parse.has(static_cast<Phenomenon>(i));
  for (const auto& [phenomenon, count] : seen) {
    INFO(name_of(phenomenon));
    CHECK(count >= 100);
  }
}

TEST_CASE("grammar: the parse names the subject and the verb that agrees with it", "[grammar]") {
  for (const ParsedPair& parsed : sample()) {
    const Parse& p = parsed.parse;
    const auto source = split_words(parsed.pair.source), target = split_words(parsed.pair.target);
    INFO(parsed.pair.source << "\n" << parsed.pair.target);
    REQUIRE(source[p.subject] == p.head);
    REQUIRE(p.distance == p.verb - p.subject - 1);
    const bool plural = p.number == Number::plural;
    if (is_in(source[p.verb], {"is", "was", "does"})) REQUIRE_FALSE(plural);
    if (is_in(source[p.verb], {"are", "were", "do"})) REQUIRE(plural);
    REQUIRE((target[p.target_verb].ends_with("nt") && target[p.target_verb] != "revient") == plural);
    if (p.depth == 0)
      REQUIRE((p.distance == 0 || p.has(Phenomenon::coordination) ||
               is_in(source[p.verb - 1], {"never", "often", "always"})));
    if (p.depth == 3) REQUIRE(p.distance > 8);
  }
}

TEST_CASE("grammar: a second clause's pronoun agrees with the subject of the first", "[grammar]") {
  int64_t checked = 0;
  for (const ParsedPair& parsed : sample()) {
    const Parse& p = parsed.parse;
    if (!p.has(Phenomenon::subject_pronoun)) continue;
    const auto words = split_words(parsed.pair.target);
    const auto joint = std::find_if(words.rbegin(), words.rend(), [](auto& w) {
      return is_in(w, {"parce", "quand", "mais", "et"});
    });
    REQUIRE(joint != words.rend());
    const std::string& pronoun = *joint == "parce" ? *(joint - 2) : *(joint - 1);
    const bool plural = p.number == Number::plural, feminine = p.gender == Gender::feminine;
    INFO(parsed.pair.source << "\n" << parsed.pair.target);
    CHECK(pronoun == std::string(feminine ? "elle" : "il") + (plural ? "s" : ""));
    ++checked;
  }
  CHECK(checked > 500);
}

TEST_CASE("grammar: the alignment links every word but an article that de swallows", "[grammar]") {
  for (const ParsedPair& parsed : sample()) {
    const auto source = split_words(parsed.pair.source), target = split_words(parsed.pair.target);
    std::set<int64_t> from, to;
    for (auto [i, j] : parsed.parse.alignment) from.insert(i), to.insert(j);
    INFO(parsed.pair.source << "\n" << parsed.pair.target);
    for (int64_t i = 0; i < std::ssize(source); ++i) REQUIRE((from.count(i) || is_in(source[i], {"some", "any"})));
    REQUIRE(to.size() == target.size());
  }
}

TEST_CASE("grammar: lengths, depths and distances are as asked, and lengths are spread", "[grammar]") {
  Rng rng(5);
  const GrammarOptions options{
      .min_words = 9, .max_words = 16, .min_depth = 1, .max_depth = 2, .min_distance = 3, .max_distance = 9};
  std::map<int64_t, int64_t> lengths;
  for (const ParsedPair& parsed : Grammar::parsed_pairs(1600, options, rng)) {
    const int64_t words = std::ssize(split_words(parsed.pair.source));
    REQUIRE((words >= 9 && words <= 16));
    REQUIRE((parsed.parse.depth >= 1 && parsed.parse.depth <= 2));
    REQUIRE((parsed.parse.distance >= 3 && parsed.parse.distance <= 9));
    ++lengths[words];
  }
  for (int64_t words = 9; words <= 16; ++words) CHECK(lengths[words] > 100);
}

TEST_CASE("grammar: one seed gives one set of pairs", "[grammar]") {
  Rng a(7), b(7), c(8);
  const auto pairs = Grammar::pairs(300, {}, a);
  CHECK(pairs == Grammar::pairs(300, {}, b));
  CHECK_FALSE(pairs == Grammar::pairs(300, {}, c));
}

TEST_CASE("grammar: training and test sentences never meet", "[grammar]") {
  Rng a(1), b(2), c(3);
  std::set<std::string> train;
  for (const SentencePair& pair : Grammar::pairs(6000, {.max_words = 6}, a)) {
    REQUIRE(Grammar::split_of(pair.source) == Split::train);
    REQUIRE(train.insert(pair.source).second);
  }
  for (const SentencePair& pair : Grammar::pairs(600, {.max_words = 6, .split = Split::test}, b)) {
    REQUIRE(Grammar::split_of(pair.source) == Split::test);
    REQUIRE(train.count(pair.source) == 0);
  }
  int64_t test = 0;
  for (const SentencePair& pair : Grammar::pairs(5000, {.split = Split::any}, c))
    test += Grammar::split_of(pair.source) == Split::test;
  CHECK(test > 400);
  CHECK(test < 600);
}

TEST_CASE("grammar: options that contradict each other or ask too much are refused", "[grammar]") {
  Rng rng(1);
  CHECK_THROWS_WITH(
      Grammar::pairs(1, {.min_words = 9, .max_words = 8}, rng),
      Contains("min_words is 9 and max_words 8; need 1 <= min_words <= max_words") && Contains("test_grammar.cpp"));
  CHECK_THROWS_WITH(Grammar::pairs(1, {.min_depth = 3, .max_depth = 2}, rng),
                    Contains("min_depth is 3 and max_depth 2"));
  CHECK_THROWS_WITH(Grammar::pairs(1, {.min_distance = -1}, rng), Contains("min_distance is -1"));
  CHECK_THROWS_WITH(Grammar::pairs(-1, {}, rng), Contains("count is -1; need at least 0"));
  CHECK_THROWS_WITH(Grammar::pairs(100000, {.max_words = 3}, rng),
                    Contains("of 100000 sentences of 3 to 3 words") && Contains("need wider limits"));
  CHECK(Grammar::pairs(0, {}, rng).empty());
}

TEST_CASE("grammar: the dictionary knows every word, and word by word translation is nearly always wrong",
          "[grammar]") {
  const auto& dictionary = Grammar::dictionary();
  std::set<std::string> unused;
  for (const auto& [english, french] : dictionary) unused.insert(english);
  int64_t right = 0;
  for (const ParsedPair& parsed : sample()) {
    std::string translation;
    for (const std::string& word : split_words(parsed.pair.source)) {
      INFO(word);
      REQUIRE(dictionary.count(word));
      unused.erase(word);
      translation.append(translation.empty() ? "" : " ").append(dictionary.at(word));
    }
    right += translation == parsed.pair.target;
  }
  CHECK(unused.empty());
  CHECK(right > 0);
  CHECK(right < std::ssize(sample()) / 20);
}

TEST_CASE("grammar: stories are paragraphs of English as people write it", "[grammar]") {
  Rng a(4), b(4);
  const std::string stories = Grammar::stories(20000, a);
  CHECK(stories == Grammar::stories(20000, b));
  CHECK(stories.size() >= 20000);
  CHECK(stories.size() < 22000);
  CHECK(stories.ends_with(".\n"));
  CHECK(stories.find("\n\n") != stories.npos);
  for (const char* never : {" ,", " .", " '", "  ", "..", "\n\n\n", ",."}) CHECK(stories.find(never) == stories.npos);
  for (size_t i = 0; i < stories.size(); i = std::min(stories.find("\n\n", i), stories.size() - 2) + 2)
    REQUIRE((stories[i] >= 'A' && stories[i] <= 'Z'));
  CHECK(Grammar::stories(0, a).empty());
}

TEST_CASE("grammar: words and short phrases agree, elide and have an answer each", "[grammar]") {
  const std::vector<SentencePair> all = Grammar::phrases();
  std::map<std::string, std::string> answers;
  for (const SentencePair& pair : all) {
    INFO(pair.source);
    CHECK(answers.emplace(pair.source, pair.target).second);
    CHECK_FALSE(pair.target.empty());
  }
  CHECK(answers.at("cat") == "chat");
  CHECK(answers.at("sleeps") == "dort");
  CHECK(answers.at("the cat") == "le chat");
  CHECK(answers.at("an actress") == "une actrice");
  CHECK(answers.at("this tree") == "cet arbre");
  CHECK(answers.at("the old men") == "les vieux hommes");
  CHECK(answers.at("a beautiful bird") == "un bel oiseau");
  CHECK(answers.at("some black cows") == "des vaches noires");
  CHECK(answers.at("some small cats") == "de petits chats");
  CHECK(answers.at("all the schools") == "toutes les écoles");
  CHECK_FALSE(answers.contains("two cat"));
}

#include <heed/train/data/grammar/grammar.h>

#include <algorithm>
#include <array>
#include <set>

#include <heed/train/data/grammar/tree.h>
#include <heed/train/data/text.h>

namespace heed::train {

using namespace grammar;

namespace {

std::string text_of(const Spoken& spoken) {
  std::vector<std::string> words;
  for (const Word& word : spoken.words) words.push_back(word.text);
  return join(words, " ");
}

int64_t position(const std::vector<Word>& words, int64_t meaning) {
  for (size_t i = 0; i < words.size(); ++i)
    if (words[i].meaning == meaning || words[i].second_meaning == meaning) return static_cast<int64_t>(i);
  return -1;
}

std::vector<std::pair<int64_t, int64_t>> align(const std::vector<Word>& source, const std::vector<Word>& target) {
  std::vector<std::pair<int64_t, int64_t>> links;
  for (size_t i = 0; i < source.size(); ++i)
    for (size_t j = 0; j < target.size(); ++j)
      if (source[i].meaning == target[j].meaning || source[i].meaning == target[j].second_meaning)
        links.emplace_back(i, j);
  return links;
}

ParsedPair parse(const Sentence& sentence, const Spoken& english) {
  const Spoken french = in_french(sentence);
  const Clause& main = sentence.first;
  const int64_t subject = main.subject ? meaning(main.subject->id, Role::noun) : meaning(main.id, Role::subject);
  const int64_t verb = meaning(main.id, Role::verb);
  Parse about{.number = main.agreement.number,
              .gender = main.agreement.gender,
              .depth = depth_of(main.subject.get()),
              .subject = position(english.words, subject),
              .verb = position(english.words, verb),
              .target_subject = position(french.words, subject),
              .target_verb = position(french.words, verb),
              .phenomena = french.phenomena,
              .alignment = align(english.words, french.words)};
  about.head = english.words[about.subject].text;
  about.distance = about.verb - about.subject - 1;
  return {{text_of(english), text_of(french)}, std::move(about)};
}

void check(int64_t count, const GrammarOptions& o, const Op& op) {
  if (count < 0) fail<ValueError>(op, "count is {}; need at least 0", count);
  for (const auto& [what, least, low, high] : {std::tuple("words", 1, o.min_words, o.max_words),
                                               {"depth", 0, o.min_depth, o.max_depth},
                                               {"distance", 0, o.min_distance, o.max_distance}})
    if (low < least || high < low)
      fail<ValueError>(op, "min_{0} is {1} and max_{0} {2}; need {3} <= min_{0} <= max_{0}", what, low, high, least);
}

/// The taste that most often yields sentences of `words` words. A relative clause takes some six words.
Taste taste_for(int64_t words, const GrammarOptions& o, Rng& rng) {
  const int64_t deepest = std::clamp((words - 2) / 5, o.min_depth, o.max_depth);
  Taste taste;
  taste.subject_depth = o.min_depth + static_cast<int64_t>(rng.random() % (deepest - o.min_depth + 1));
  taste.object_depth = std::min<int64_t>(o.max_depth, 3);
  const double left = static_cast<double>(words) - 3 - 5.0 * static_cast<double>(taste.subject_depth);
  taste.appetite = std::clamp(left / 14, 0.1, 1.0);
  return taste;
}

}  // namespace

std::string_view name_of(Phenomenon phenomenon) {
  constexpr std::array<std::string_view, kPhenomena> kNames{
      "negation",           "elision",         "contraction",      "adjective after the noun",
      "feminine adjective", "possessive",      "genitive",         "participle agreement",
      "object pronoun",     "subject pronoun", "subject relative", "object relative",
      "coordination",       "partitive de",    "avoir idiom"};
  return kNames[static_cast<size_t>(phenomenon)];
}

Split Grammar::split_of(std::string_view source) {
  uint64_t hash = fnv1a(source);
  hash ^= hash >> 32;  // the low bits of FNV-1a see only the low bits of the text
  return hash % 10 == 0 ? Split::test : Split::train;
}

std::vector<ParsedPair> Grammar::parsed_pairs(int64_t count, const GrammarOptions& o, Rng& rng, Loc loc) {
  const Op op{"Grammar::pairs", loc};
  check(count, o, op);
  constexpr int64_t kPatience = 20000;  // tries in a row without anything new: the grammar is exhausted
  std::vector<ParsedPair> found;
  std::set<std::string> seen;
  int64_t wasted = 0;
  while (static_cast<int64_t>(found.size()) < count) {
    // The wish is drawn first and kept for a while, so that lengths the grammar seldom makes get their share.
    const int64_t wish = o.min_words + static_cast<int64_t>(rng.random() % (o.max_words - o.min_words + 1));
    for (int64_t attempt = 0; attempt < 40; ++attempt) {
      if (++wasted > kPatience)
        fail<ValueError>(
            op,
            "found only {} of {} sentences of {} to {} words, depth {} to {}, distance {} to {}; need wider "
            "limits or a smaller count",
            found.size(), count, o.min_words, o.max_words, o.min_depth, o.max_depth, o.min_distance, o.max_distance);
      const Sentence sentence = make_up(taste_for(wish, o, rng), rng);
      const Spoken english = in_english(sentence);
      if (static_cast<int64_t>(english.words.size()) != wish) continue;
      ParsedPair pair = parse(sentence, english);
      const Parse& about = pair.parse;
      if (about.depth < o.min_depth || about.depth > o.max_depth || about.distance < o.min_distance ||
          about.distance > o.max_distance)
        continue;
      if (o.split != Split::any && split_of(pair.pair.source) != o.split) continue;
      if (!seen.insert(pair.pair.source).second) continue;
      found.push_back(std::move(pair));
      wasted = 0;
      break;
    }
  }
  return found;
}

std::vector<SentencePair> Grammar::pairs(int64_t count, const GrammarOptions& options, Rng& rng, Loc loc) {
  std::vector<SentencePair> plain;
  for (ParsedPair& parsed : parsed_pairs(count, options, rng, loc)) plain.push_back(std::move(parsed.pair));
  return plain;
}

std::vector<SentencePair> Grammar::phrases() {
  std::vector<SentencePair> all;
  for (const auto& [english, french] : dictionary()) all.push_back({english, french});
  const auto add = [&](const Phrase& phrase) {
    all.push_back({text_of(in_english(phrase)), text_of(in_french(phrase))});
  };
  for (const Noun& noun : lexicon::nouns())
    for (int64_t i = 0; i <= static_cast<int64_t>(Determiner::all); ++i)
      for (const Number number : {Number::singular, Number::plural}) {
        const auto determiner = static_cast<Determiner>(i);
        if (determiner >= Determiner::two && number == Number::singular) continue;
        add({.noun = &noun, .number = number, .determiner = determiner});
        if (determiner > Determiner::a) continue;
        for (const Adjective& adjective : lexicon::adjectives())
          if (adjective.kind & noun.kind & lexicon::kBeing)
            add({.noun = &noun,
                 .number = number,
                 .determiner = determiner,
                 .before = adjective.before_noun ? &adjective : nullptr,
                 .after = adjective.before_noun ? nullptr : &adjective});
      }
  return all;
}

}  // namespace heed::train

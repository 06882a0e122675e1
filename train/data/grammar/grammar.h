// A synchronous English-French grammar: it makes up sentences and says each in both languages.
//
// Written so that a dictionary is not enough. To be right a translator must look at other words, and often at
// far ones: agreement in gender and number, adjectives that change sides, negation around the verb, elision
// and contraction, the king's cat that becomes the cat of the king, pronouns whose gender lies in another
// clause, and relative clauses that nest until the subject stands far from its verb:
//
//   the cat that was sitting on the mat , which was next to the dog , jumped
//   le chat qui était assis sur le tapis , qui était à côté du chien , a sauté
//
// Sentences are lower-case words with one space between them; commas, "'s" and elided words ("l'", "qu'") are
// words. An English sentence has one translation. Where English leaves the gender open, "they" without an
// antecedent is "ils". "it", "he", "she" and "they" in a second clause stand for the subject of the first.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <heed/tensor/error.h>
#include <heed/tensor/random.h>

namespace heed::train {

/// Of a French noun.
enum class Gender : uint8_t { masculine, feminine };
/// Of a noun or a verb.
enum class Number : uint8_t { singular, plural };

/// A sentence and its translation, each as words with one space between them.
struct SentencePair {
  std::string source, target;  ///< English, and French
  /// Equal words on both sides.
  bool operator==(const SentencePair&) const = default;
};

/// What makes a sentence hard to translate word by word.
enum class Phenomenon : uint8_t {
  negation,              ///< "did not jump", "n' a pas sauté"
  elision,               ///< l', d', n', qu'
  contraction,           ///< du, des, au, aux
  adjective_after,       ///< "the black cat", "le chat noir"
  feminine_adjective,    ///< the adjective shows the gender: "noire"
  possessive,            ///< "his", "her": son, sa, ses by what is owned
  genitive,              ///< "the king 's cat", "le chat du roi"
  participle_agreement,  ///< "est arrivée", "que le chien a vue"
  object_pronoun,        ///< "sees her", "la voit"
  subject_pronoun,       ///< the second clause's subject is a pronoun: its gender lies in the first
  subject_relative,      ///< "that slept", "qui dormait"
  object_relative,       ///< "that he needs", "dont il a besoin"
  coordination,          ///< "the boy and the girl": plural, masculine if either is
  partitive_de,          ///< "does not see a cat", "ne voit pas de chat"
  avoir_idiom,           ///< "is hungry", "a faim"
};
constexpr int64_t kPhenomena = 15;  ///< how many they are
/// "negation", ...
std::string_view name_of(Phenomenon phenomenon);

/// What the grammar knows about a pair. Positions count words from 0.
struct Parse {
  std::string head = {};              ///< the English head noun (or pronoun) of the main clause's subject
  Number number = Number::singular;   ///< of the whole subject: "the boy and the girl" is plural
  Gender gender = Gender::masculine;  ///< French gender of the whole subject
  int64_t depth = 0;                  ///< relative clauses nested in one another inside the subject
  int64_t subject = 0, verb = 0;      ///< position of the head and of the main verb's first word in the source
  int64_t distance = 0;               ///< words between the two: verb - subject - 1
  int64_t target_subject = 0, target_verb = 0;  ///< the same in the target
  uint32_t phenomena = 0;                       ///< bit i: Phenomenon i occurs
  /// (source word, target word) that mean the same, sorted.
  std::vector<std::pair<int64_t, int64_t>> alignment = {};

  /// Whether it occurs.
  bool has(Phenomenon phenomenon) const { return phenomena >> static_cast<int>(phenomenon) & 1; }
};

/// A pair, and what the grammar knows about it.
struct ParsedPair {
  SentencePair pair;  ///< the words
  Parse parse;        ///< the rest
};

/// A sentence belongs to the test split or to the training split by a hash of its English side alone, so
/// whatever is drawn, with whatever options and seed, the two never meet. About one sentence in ten is a test
/// sentence.
enum class Split : uint8_t { train, test, any };

/// Which sentences are drawn.
struct GrammarOptions {
  int64_t min_words = 3;        ///< of the source, commas included
  int64_t max_words = 20;       ///< the same
  int64_t min_depth = 0;        ///< relative clauses nested in the subject
  int64_t max_depth = 2;        ///< the same
  int64_t min_distance = 0;     ///< words between subject and verb
  int64_t max_distance = 1000;  ///< the same
  Split split = Split::train;   ///< that they belong to
};

/// Sentences in two languages, and what is known about them.
class Grammar {
 public:
  /// `count` distinct pairs; lengths are spread over [min_words, max_words] as evenly as the grammar allows
  /// (there are few very short sentences). The same generator state gives the same pairs. Throws ValueError
  /// if the options contradict each other, or admit fewer sentences than asked for.
  static std::vector<SentencePair> pairs(int64_t count, const GrammarOptions& options, Rng& rng,
                                         Loc loc = Loc::current());

  /// As pairs, with what the grammar knows about each: the same pairs from the same generator state.
  static std::vector<ParsedPair> parsed_pairs(int64_t count, const GrammarOptions& options, Rng& rng,
                                              Loc loc = Loc::current());

  /// The split that an English sentence belongs to: Split::train or Split::test.
  static Split split_of(std::string_view source);

  /// Each English word of the grammar with its most usual French word: what a pocket dictionary would say.
  static const std::map<std::string, std::string>& dictionary();

  /// What is no sentence: the words of the dictionary, and every noun with each determiner, and behind "the" and "a"
  /// with each adjective that can describe it.
  static std::vector<SentencePair> phrases();

  /// At least `characters` characters of English stories, a blank line between them: each has a hero, who is
  /// called by name or by pronoun from sentence to sentence. Written as people write: capitals, full stops,
  /// "the king's".
  static std::string stories(int64_t characters, Rng& rng);
};

}  // namespace heed::train

// A sentence before it has words: what the grammar makes up, and what both languages say in their own way.
#pragma once

#include <memory>

#include <heed/train/data/grammar/lexicon.h>

namespace heed::train::grammar {

using lexicon::Adjective, lexicon::Frame, lexicon::Noun, lexicon::Preposition, lexicon::Verb;

enum class Determiner : uint8_t { the, a, these, my, his, her, their, two, many, all };  // plural of a: some
enum class Pronoun : uint8_t { none, he, she, it, they };
enum class Tense : uint8_t { present, past, future, present_progressive, past_progressive };
enum class Polarity : uint8_t { plain, negated, never, often, always };
enum class Joint : uint8_t { none, because, when, but, and_ };

/// The word of a value, of one for each in their order.
template <class Choice, size_t count>
constexpr std::string_view word_of(const std::string_view (&words)[count], Choice choice) {
  return words[static_cast<size_t>(choice)];
}

/// What verbs, adjectives and participles agree with.
struct Agreement {
  Gender gender = Gender::masculine;
  Number number = Number::singular;

  bool feminine() const { return gender == Gender::feminine; }
  bool plural() const { return number == Number::plural; }
};

// `id` tells the parts of a sentence apart: words of the two languages that carry the same id and role mean
// the same.
struct Clause;

struct Phrase {
  int64_t id = 0;
  const Noun* noun = nullptr;
  Number number = Number::singular;
  Determiner determiner = Determiner::the;
  const Adjective* before = nullptr;          ///< stands before the noun in French
  const Adjective* after = nullptr;           ///< stands behind it in French
  std::unique_ptr<Phrase> owner = nullptr;    ///< "the king 's cat"; the phrase's determiner is not said
  std::unique_ptr<Phrase> partner = nullptr;  ///< "the boy and the girl"
  std::unique_ptr<Clause> relative = nullptr;

  Agreement agreement() const;
};

struct Clause {
  int64_t id = 0;
  // The subject: a phrase, a pronoun, or neither in a subject relative.
  std::unique_ptr<Phrase> subject = nullptr;
  Pronoun pronoun = Pronoun::none;
  Agreement agreement = {};  ///< the subject's
  const Verb* verb = nullptr;
  Tense tense = Tense::present;
  Polarity polarity = Polarity::plain;
  const Adjective* predicate = nullptr;  ///< of Frame::adjective
  std::unique_ptr<Phrase> object = nullptr;
  Pronoun object_pronoun = Pronoun::none;    ///< him, her, them: French puts it before the verb
  const Preposition* preposition = nullptr;  ///< with `place`
  std::unique_ptr<Phrase> place = nullptr;
  // Only of relative clauses.
  bool commas = false;        ///< ", which slept ,"
  bool person = false;        ///< the antecedent is a person: who, whom
  bool object_gap = false;    ///< "that the dog saw": the antecedent is the object
  Agreement antecedent = {};  ///< with which the participle agrees behind "que"

  bool negated() const { return polarity == Polarity::negated || polarity == Polarity::never; }
};

struct Sentence {
  int64_t id = 0;
  Clause first = {};
  Joint joint = Joint::none;
  std::unique_ptr<Clause> second = nullptr;
};

/// Relative clauses nested in one another in a phrase.
int64_t depth_of(const Phrase* phrase);

/// How the sampler likes its sentences.
struct Taste {
  double appetite = 0.5;      ///< 0: as short as can be; 1: every adjective, place and second clause that fits
  int64_t subject_depth = 0;  ///< relative clauses nested in the subject
  int64_t object_depth = 0;   ///< at most so many in any other phrase outside the subject
};

Sentence make_up(const Taste& taste, Rng& rng);
/// A sentence of one or two clauses about a given subject; `pronoun` speaks of it, or none to name it with
/// `the`.
Sentence make_up_about(const Noun& noun, Determiner determiner, Pronoun pronoun, const Taste& taste, Rng& rng);

/// A word with the meanings it carries: contraction joins two ("du" is "de" and "the"), the second is 0
/// otherwise.
struct Word {
  std::string text;
  int64_t meaning = 0, second_meaning = 0;
};

struct Spoken {
  std::vector<Word> words = {};
  uint32_t phenomena = 0;  ///< noticed while speaking French
};

Spoken in_english(const Sentence& sentence);
Spoken in_french(const Sentence& sentence);
Spoken in_english(const Phrase& phrase);
Spoken in_french(const Phrase& phrase);

/// The meaning of one role of part `id`.
// clang-format off
enum class Role : uint8_t {
  determiner, before, after, noun, of, with, verb, polarity, preposition, predicate, pronoun, subject, open, close
};
// clang-format on
constexpr int64_t meaning(int64_t id, Role role) { return id * 16 + static_cast<int64_t>(role); }

}  // namespace heed::train::grammar

// The words of the English-French grammar: what a sentence can be about, and how each word bends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <heed/train/data/grammar/grammar.h>

namespace heed::train::lexicon {

// What a noun is and where one can be with respect to it: a set of bits.
using Kind = uint32_t;
constexpr Kind kPerson = 1, kAnimal = 2, kThing = 4, kOn = 8, kUnder = 16, kIn = 32, kGoal = 64,
               kAdult = 128;  // a person who can be old: "vieille fille" means something else
constexpr Kind kAnimate = kPerson | kAnimal, kAny = kAnimate | kThing, kBeing = kAny | kAdult;

struct Noun {
  std::string_view english, english_plural, french, french_plural;
  Gender gender;
  Kind kind;
};

struct Adjective {
  std::string_view english;
  std::string_view masculine, feminine, masculines, feminines;
  /// Masculine singular before a vowel sound: "bel", "vieil"; empty if as usual.
  std::string_view before_vowel;
  bool before_noun;              ///< stands before its noun in French, as few do
  bool predicate;                ///< may follow "to be"
  Kind kind;                     ///< the nouns that it can describe
  std::string_view after_avoir;  ///< "is hungry" is said with avoir and this noun: "a faim"
};

/// The third persons of a French verb; the imperfect and the future are regular: stems end where their endings begin.
struct Conjugation {
  std::string_view present, presents;  // dort, dorment
  std::string_view imperfect;          // dorm|ait, dorm|aient
  std::string_view participle;         // dormi
  std::string_view future;             // dormir|a, dormir|ont
};

constexpr Conjugation kAvoir{"a", "ont", "av", "eu", "aur"}, kEtre{"est", "sont", "ét", "été", "ser"};

enum class Frame : uint8_t {
  alone,      ///< "sleeps", with or without a place
  direct,     ///< a direct object: "sees the cat"
  indirect,   ///< an object behind a French preposition: "needs the cat", "a besoin du chat"
  goal,       ///< "goes to the garden"
  posture,    ///< "is sitting on the mat": être and an adjective
  adjective,  ///< "is small"
  place,      ///< "is on the mat"
};

struct Verb {
  std::string_view base, third, past, ing;  // English
  std::string_view particle;                // "looks for", "comes back", "is afraid"
  std::string_view preposition;             // "talks to": follows the particle, stranded in relative clauses
  Conjugation french;
  std::string_view complement;          // "a besoin", "a peur", "était assis"
  std::string_view french_preposition;  // "de" or "à", before the object
  Frame frame;
  bool etre;         ///< its passé composé takes être, and the participle agrees with the subject
  bool stative;      ///< no progressive; its simple past is an imperfect: "loved", "aimait"
  bool progressive;  ///< "was sleeping", "dormait"
  Kind subject, object;
};

/// A preposition of place and the nouns that can stand behind it. A final "de" contracts with the article.
struct Preposition {
  std::vector<std::string_view> english, french;
  Kind kind;
};

const std::vector<Noun>& nouns();
const std::vector<Adjective>& adjectives();
const std::vector<Verb>& verbs();
const std::vector<Preposition>& prepositions();
/// The copula "to be", with an adjective or with a place behind it.
const Verb& to_be(Frame frame);

/// Whether a French word makes the word before it elide. A silent h does ("l' homme"), the h of "héros" does
/// not.
bool begins_with_vowel(std::string_view french);

/// A regular participle or adjective with its ending: vu, vue, vus, vues; assis stays assis in the plural.
std::string agree(std::string_view stem, Gender gender, Number number);
std::string_view form(const Adjective& adjective, Gender gender, Number number);
std::string_view form(const Noun& noun, Number number);

}  // namespace heed::train::lexicon

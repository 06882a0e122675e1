// The English side: do-support, "who" and "which", "a" and "an", "'s", stranded prepositions.
#include <heed/train/data/grammar/tree.h>

namespace heed::train::grammar {

namespace {

// Each in the order of its enumeration.
constexpr std::string_view kDeterminers[] = {"the", "a", "this", "my", "his", "her", "their", "two", "many", "all"};
constexpr std::string_view kSubjects[] = {"", "he", "she", "it", "they"}, kObjects[] = {"", "him", "her", "it", "them"};
constexpr std::string_view kJoints[] = {"", "because", "when", "but", "and"};
constexpr std::string_view kAdverbs[] = {"", "not", "never", "often", "always"};

std::string_view determiner(Determiner determiner, Number number, bool negated) {
  if (number == Number::plural && determiner == Determiner::a) return negated ? "any" : "some";
  if (number == Number::plural && determiner == Determiner::these) return "these";
  return word_of(kDeterminers, determiner);
}

class English {
 public:
  Spoken speak(const Sentence& sentence) {
    clause(sentence.first);
    if (sentence.second) {
      say(word_of(kJoints, sentence.joint), meaning(sentence.id, Role::open));
      clause(*sentence.second);
    }
    if (words_.back().text == ",") words_.pop_back();
    return {.words = std::move(words_)};
  }
  Spoken speak(const Phrase& p) {
    phrase(p);
    return {.words = std::move(words_)};
  }

 private:
  void say(std::string_view text, int64_t means) {
    if (text == "," && !words_.empty() && words_.back().text == ",") return;  // two clauses end here
    if (!words_.empty() && words_.back().text == "a" && std::string_view("aeiou").find(text[0]) != text.npos)
      words_.back().text = "an";
    words_.push_back({.text = std::string(text), .meaning = means});
  }

  void phrase(const Phrase& p, bool negated = false) {
    if (p.owner) {
      phrase(*p.owner);
      const bool bare = p.owner->number == Number::plural && words_.back().text.ends_with('s');
      say(bare ? "'" : "'s", meaning(p.id, Role::of));
    } else {
      say(determiner(p.determiner, p.number, negated), meaning(p.id, Role::determiner));
      if (p.determiner == Determiner::all) say("the", meaning(p.id, Role::determiner));
    }
    if (p.before) say(p.before->english, meaning(p.id, Role::before));
    if (p.after) say(p.after->english, meaning(p.id, Role::after));
    say(p.number == Number::singular ? p.noun->english : p.noun->english_plural, meaning(p.id, Role::noun));
    if (p.partner) {
      say("and", meaning(p.id, Role::with));
      phrase(*p.partner);
    }
    if (p.relative) relative(*p.relative);
  }

  void relative(const Clause& c) {
    if (c.commas) say(",", meaning(c.id, Role::open));
    const std::string_view person = c.object_gap ? "whom" : "who";
    say(c.person ? person : c.commas ? "which" : "that", meaning(c.id, Role::pronoun));
    clause(c);
    if (c.commas) say(",", meaning(c.id, Role::close));
  }

  void clause(const Clause& c) {
    if (c.subject) phrase(*c.subject);
    if (c.pronoun != Pronoun::none) say(word_of(kSubjects, c.pronoun), meaning(c.id, Role::subject));
    verb_group(c);
    const Role particle = c.verb->complement.empty() ? Role::verb : Role::predicate;
    if (!c.verb->particle.empty()) say(c.verb->particle, meaning(c.id, particle));
    if (c.predicate) say(c.predicate->english, meaning(c.id, Role::predicate));
    if (!c.verb->preposition.empty()) say(c.verb->preposition, meaning(c.id, Role::preposition));
    if (c.object) phrase(*c.object, c.negated());
    if (c.object_pronoun != Pronoun::none) say(word_of(kObjects, c.object_pronoun), meaning(c.id, Role::after));
    if (c.place) {
      for (auto word : c.preposition->english) say(word, meaning(c.id, Role::preposition));
      phrase(*c.place);
    }
  }

  /// The finite verb, "not" or an adverb, and the rest: "did not sleep", "never slept", "is always tired".
  void verb_group(const Clause& c) {
    const Verb& verb = *c.verb;
    const bool be = verb.base == "be", past = c.tense == Tense::past || c.tense == Tense::past_progressive;
    const bool many = c.agreement.plural();
    const std::string_view to_be = past ? (many ? "were" : "was") : (many ? "are" : "is");
    std::string_view finite, rest;
    if (c.tense >= Tense::present_progressive) {
      finite = to_be, rest = verb.ing;
    } else if (c.tense == Tense::future) {
      finite = "will", rest = verb.base;
    } else if (be) {
      finite = to_be;
    } else if (c.polarity == Polarity::negated) {
      finite = past ? "did" : many ? "do" : "does", rest = verb.base;
    } else {
      finite = past ? verb.past : many ? verb.base : verb.third;
    }
    const std::string_view adverb = word_of(kAdverbs, c.polarity);
    // The adverb follows an auxiliary and precedes any other verb.
    const bool auxiliary = be || !rest.empty();
    if (!adverb.empty() && !auxiliary) say(adverb, meaning(c.id, Role::polarity));
    say(finite, meaning(c.id, Role::verb));
    if (!adverb.empty() && auxiliary) say(adverb, meaning(c.id, Role::polarity));
    if (!rest.empty()) say(rest, meaning(c.id, Role::verb));
  }

  std::vector<Word> words_;
};

}  // namespace

Spoken in_english(const Sentence& sentence) { return English().speak(sentence); }
Spoken in_english(const Phrase& phrase) { return English().speak(phrase); }

}  // namespace heed::train::grammar

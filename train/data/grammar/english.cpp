// The English side: do-support, "who" and "which", "a" and "an", "'s", stranded prepositions.
#include <heed/train/data/grammar/tree.h>

namespace heed::train::grammar {

namespace {

constexpr bool plural(const Agreement& agreement) { return agreement.number == Number::plural; }

std::string_view determiner(Determiner determiner, Number number, bool negated) {
  const bool many = number == Number::plural;
  switch (determiner) {
    case Determiner::the: return "the";
    case Determiner::a: return many ? (negated ? "any" : "some") : "a";
    case Determiner::these: return many ? "these" : "this";
    case Determiner::my: return "my";
    case Determiner::his: return "his";
    case Determiner::her: return "her";
    case Determiner::their: return "their";
    case Determiner::two: return "two";
    case Determiner::many: return "many";
    case Determiner::all: return "all";
  }
  return "";
}

std::string_view subject_pronoun(Pronoun pronoun) {
  constexpr std::string_view kWords[] = {"", "he", "she", "it", "they"};
  return kWords[static_cast<size_t>(pronoun)];
}

std::string_view object_pronoun(Pronoun pronoun) {
  constexpr std::string_view kWords[] = {"", "him", "her", "it", "them"};
  return kWords[static_cast<size_t>(pronoun)];
}

std::string_view joint_word(Joint joint) {
  constexpr std::string_view kWords[] = {"", "because", "when", "but", "and"};
  return kWords[static_cast<size_t>(joint)];
}

class English {
 public:
  Spoken speak(const Sentence& sentence) {
    clause(sentence.first);
    if (sentence.second) {
      say(joint_word(sentence.joint), meaning(sentence.id, Role::open));
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
    if (c.pronoun != Pronoun::none) say(subject_pronoun(c.pronoun), meaning(c.id, Role::subject));
    verb_group(c);
    const Role particle = c.verb->complement.empty() ? Role::verb : Role::predicate;
    if (!c.verb->particle.empty()) say(c.verb->particle, meaning(c.id, particle));
    if (c.predicate) say(c.predicate->english, meaning(c.id, Role::predicate));
    if (!c.verb->preposition.empty()) say(c.verb->preposition, meaning(c.id, Role::preposition));
    const bool negated = c.polarity == Polarity::negated || c.polarity == Polarity::never;
    if (c.object) phrase(*c.object, negated);
    if (c.object_pronoun != Pronoun::none) say(object_pronoun(c.object_pronoun), meaning(c.id, Role::after));
    if (c.place) {
      for (auto word : c.preposition->english) say(word, meaning(c.id, Role::preposition));
      phrase(*c.place);
    }
  }

  /// The finite verb, "not" or an adverb, and the rest: "did not sleep", "never slept", "is always tired".
  void verb_group(const Clause& c) {
    const Verb& verb = *c.verb;
    const bool be = verb.base == "be", past = c.tense == Tense::past || c.tense == Tense::past_progressive;
    const std::string_view to_be = past ? (plural(c.agreement) ? "were" : "was") : (plural(c.agreement) ? "are" : "is");
    std::string_view finite, rest;
    if (c.tense >= Tense::present_progressive) {
      finite = to_be, rest = verb.ing;
    } else if (c.tense == Tense::future) {
      finite = "will", rest = verb.base;
    } else if (be) {
      finite = to_be;
    } else if (c.polarity == Polarity::negated) {
      finite = past ? "did" : plural(c.agreement) ? "do" : "does", rest = verb.base;
    } else {
      finite = past ? verb.past : plural(c.agreement) ? verb.base : verb.third;
    }
    constexpr std::string_view kWords[] = {"", "not", "never", "often", "always"};
    const std::string_view adverb = kWords[static_cast<size_t>(c.polarity)];
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

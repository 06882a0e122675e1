// The French side: agreement, the place of adjectives and pronouns, "ne ... pas", elision, contraction.
#include <heed/train/data/grammar/tree.h>

namespace heed::train::grammar {

namespace {

using namespace lexicon;

/// What a word becomes before a vowel sound; itself if nothing changes.
std::string_view before_vowel(std::string_view word) {
  constexpr std::pair<std::string_view, std::string_view> kChanges[] = {{"le", "l'"},  {"la", "l'"},   {"de", "d'"},
                                                                        {"ne", "n'"},  {"que", "qu'"}, {"ce", "cet"},
                                                                        {"ma", "mon"}, {"sa", "son"}};
  for (auto [from, to] : kChanges)
    if (word == from) return to;
  return word;
}

/// Two words as one, or nothing: de + le is du.
std::string_view contracted(std::string_view first, std::string_view second) {
  if (first == "de" && second == "le") return "du";
  if (first == "de" && second == "les") return "des";
  if (first == "à" && second == "le") return "au";
  if (first == "à" && second == "les") return "aux";
  return "";
}

class French {
 public:
  Spoken speak(const Sentence& sentence) {
    clause(sentence.first);
    if (sentence.second) {
      joint(sentence);
      clause(*sentence.second);
    }
    if (words_.back().text == ",") words_.pop_back();
    return spoken();
  }
  Spoken speak(const Phrase& p) {
    phrase(p);
    return spoken();
  }

 private:
  Spoken spoken() {
    elide();
    contract();
    return {.words = std::move(words_), .phenomena = phenomena_};
  }

  void say(std::string_view text, int64_t means, int64_t means_too = 0) {
    if (text == "," && !words_.empty() && words_.back().text == ",") return;
    words_.push_back({.text = std::string(text), .meaning = means, .second_meaning = means_too});
  }
  void note(Phenomenon phenomenon, bool seen = true) {
    if (seen) phenomena_ |= 1u << static_cast<int>(phenomenon);
  }

  void elide() {
    for (size_t i = 0; i + 1 < words_.size(); ++i) {
      if (!begins_with_vowel(words_[i + 1].text)) continue;
      words_[i].text = before_vowel(words_[i].text);
      note(Phenomenon::elision, words_[i].text.ends_with('\''));
    }
  }

  // After elision: "de l' arbre" does not contract.
  void contract() {
    std::vector<Word> joined;
    for (Word& word : words_) {
      const std::string_view both = joined.empty() ? "" : contracted(joined.back().text, word.text);
      if (both.empty()) {
        joined.push_back(std::move(word));
      } else {
        joined.back().text = both;
        joined.back().second_meaning = word.meaning;
        note(Phenomenon::contraction);
      }
    }
    words_ = std::move(joined);
  }

  void joint(const Sentence& sentence) {
    const int64_t means = meaning(sentence.id, Role::open);
    switch (sentence.joint) {
      case Joint::because: say("parce", means), say("que", means); break;
      case Joint::when: say("quand", means); break;
      case Joint::but: say("mais", means); break;
      default: say("et", means);
    }
    note(Phenomenon::subject_pronoun, sentence.second->pronoun != Pronoun::none);
  }

  void phrase(const Phrase& p, bool partitive = false) {
    const Gender gender = p.noun->gender;
    if (p.owner) agreeing(p, "le", "la", "les", Role::of);  // the possessed is always definite
    else determiner(p, partitive);
    if (p.before) before_noun(p);
    say(form(*p.noun, p.number), meaning(p.id, Role::noun));
    if (p.after) say(form(*p.after, gender, p.number), meaning(p.id, Role::after));
    note(Phenomenon::adjective_after, p.after);
    note(Phenomenon::feminine_adjective,
         gender == Gender::feminine && ((p.before && shows_gender(*p.before)) || (p.after && shows_gender(*p.after))));
    if (p.owner) {
      say("de", meaning(p.id, Role::of));
      phrase(*p.owner);
      note(Phenomenon::genitive);
    }
    if (p.partner) {
      say("et", meaning(p.id, Role::with));
      phrase(*p.partner);
      note(Phenomenon::coordination);
    }
    if (p.relative) relative(*p.relative);
  }

  static bool shows_gender(const Adjective& a) { return a.masculine != a.feminine; }

  void before_noun(const Phrase& p) {
    const bool vowel = p.noun->gender == Gender::masculine && p.number == Number::singular &&
                       !p.before->before_vowel.empty() && begins_with_vowel(p.noun->french);
    say(vowel ? p.before->before_vowel : form(*p.before, p.noun->gender, p.number), meaning(p.id, Role::before));
  }

  /// One of three by the noun's number and gender.
  void agreeing(const Phrase& p, std::string_view masculine, std::string_view feminine, std::string_view many,
                Role role = Role::determiner) {
    const std::string_view one = p.noun->gender == Gender::feminine ? feminine : masculine;
    say(p.number == Number::plural ? many : one, meaning(p.id, role));
  }

  void determiner(const Phrase& p, bool partitive) {
    const int64_t means = meaning(p.id, Role::determiner);
    switch (p.determiner) {
      case Determiner::the: agreeing(p, "le", "la", "les"); break;
      case Determiner::a: indefinite(p, partitive); break;
      case Determiner::these: agreeing(p, "ce", "cette", "ces"); break;
      case Determiner::my: agreeing(p, "mon", "ma", "mes"); break;
      case Determiner::his:
      case Determiner::her:
        agreeing(p, "son", "sa", "ses");  // the owner's gender is lost, the possession's counts
        note(Phenomenon::possessive);
        break;
      case Determiner::their: agreeing(p, "leur", "leur", "leurs"); break;
      case Determiner::two: say("deux", means); break;
      case Determiner::many: say("beaucoup", means), say("de", means); break;
      case Determiner::all: say(p.noun->gender == Gender::feminine ? "toutes" : "tous", means), say("les", means);
    }
  }

  /// un, une, des; "de" for the object of a negated verb and before an adjective in the plural. "de" swallows
  /// "des": "besoin de livres".
  void indefinite(const Phrase& p, bool partitive) {
    if (partitive) {
      say("de", meaning(p.id, Role::determiner));
      note(Phenomenon::partitive_de);
    } else if (p.number == Number::singular) {
      agreeing(p, "un", "une", "");
    } else if (words_.empty() || words_.back().text != "de") {
      say(p.before ? "de" : "des", meaning(p.id, Role::determiner));
    }
  }

  void relative(const Clause& c) {
    if (c.commas) say(",", meaning(c.id, Role::open));
    if (!c.object_gap) say("qui", meaning(c.id, Role::pronoun));
    else if (c.verb->french_preposition == "de")
      say("dont", meaning(c.id, Role::pronoun), meaning(c.id, Role::preposition));
    else say("que", meaning(c.id, Role::pronoun));
    note(c.object_gap ? Phenomenon::object_relative : Phenomenon::subject_relative);
    clause(c);
    if (c.commas) say(",", meaning(c.id, Role::close));
  }

  void clause(const Clause& c) {
    if (c.subject) phrase(*c.subject);
    if (c.pronoun != Pronoun::none) {
      const bool many = c.agreement.plural();
      say(c.agreement.feminine() ? (many ? "elles" : "elle") : (many ? "ils" : "il"), meaning(c.id, Role::subject));
    }
    verb_group(c);
    if (c.predicate) predicate(c);
    if (!c.verb->complement.empty()) complement(c);
    if (c.object) {
      const bool own_word = !c.verb->preposition.empty();  // English "needs" already says "besoin de"
      if (!c.verb->french_preposition.empty())
        say(c.verb->french_preposition, meaning(c.id, own_word ? Role::preposition : Role::verb));
      phrase(*c.object, c.negated() && c.verb->frame == Frame::direct);
    }
    if (c.place) {
      for (auto word : c.preposition->french) say(word, meaning(c.id, Role::preposition));
      phrase(*c.place);
    }
  }

  void predicate(const Clause& c) {
    const bool idiom = !c.predicate->after_avoir.empty();
    say(idiom ? c.predicate->after_avoir : form(*c.predicate, c.agreement.gender, c.agreement.number),
        meaning(c.id, Role::predicate));
    note(Phenomenon::avoir_idiom, idiom);
    note(Phenomenon::feminine_adjective, !idiom && c.agreement.feminine() && shows_gender(*c.predicate));
  }

  /// "besoin" and "peur" never change; "assis" agrees. English "needs" and "sitting" have no word of their
  /// own for it.
  void complement(const Clause& c) {
    const bool own_word = !c.verb->particle.empty();
    const int64_t means = meaning(c.id, own_word ? Role::predicate : Role::verb);
    if (c.verb->frame == Frame::posture) {
      say(agree(c.verb->complement, c.agreement.gender, c.agreement.number), means);
      note(Phenomenon::feminine_adjective, c.agreement.feminine());
    } else {
      say(c.verb->complement, means);
      note(Phenomenon::avoir_idiom);
    }
  }

  /// [ne] [le] finite [pas] [participle]: "ne l' a pas vue".
  void verb_group(const Clause& c) {
    constexpr std::string_view kAdverbs[] = {"", "pas", "jamais", "souvent", "toujours"};
    const std::string_view adverb = word_of(kAdverbs, c.polarity);
    const bool idiom = c.predicate && !c.predicate->after_avoir.empty();
    const Conjugation& conjugation = idiom ? kAvoir : c.verb->french;
    const bool compound = c.tense == Tense::past && !c.verb->stative;
    if (c.negated()) {
      say("ne", meaning(c.id, Role::polarity));
      note(Phenomenon::negation);
    }
    if (c.object_pronoun != Pronoun::none) object_pronoun(c);
    const Conjugation& finite = compound ? (c.verb->etre ? kEtre : kAvoir) : conjugation;
    say(conjugate(finite, compound ? Tense::present : c.tense, c.agreement), meaning(c.id, Role::verb));
    if (!adverb.empty()) say(adverb, meaning(c.id, Role::polarity));
    if (compound) say(participle(c), meaning(c.id, Role::verb));
  }

  void object_pronoun(const Clause& c) {
    constexpr std::string_view kWords[] = {"", "le", "la", "le", "les"};
    say(word_of(kWords, c.object_pronoun), meaning(c.id, Role::after));
    note(Phenomenon::object_pronoun);
  }

  static std::string conjugate(const Conjugation& verb, Tense tense, const Agreement& subject) {
    const bool many = subject.plural();
    switch (tense) {
      case Tense::future: return std::string(verb.future) + (many ? "ont" : "a");
      case Tense::past:
      case Tense::past_progressive: return std::string(verb.imperfect) + (many ? "aient" : "ait");
      default: return std::string(many ? verb.presents : verb.present);
    }
  }

  /// Agrees with the subject behind être, and behind avoir with a direct object that was already said.
  std::string participle(const Clause& c) {
    Agreement with;
    if (c.verb->etre) with = c.agreement;
    else if (c.object_gap && c.verb->frame == Frame::direct) with = c.antecedent;
    else if (c.object_pronoun == Pronoun::they) with.number = Number::plural;
    else if (c.object_pronoun == Pronoun::she) with.gender = Gender::feminine;
    const std::string word = agree(c.verb->french.participle, with.gender, with.number);
    note(Phenomenon::participle_agreement, word != c.verb->french.participle);
    return word;
  }

  std::vector<Word> words_;
  uint32_t phenomena_ = 0;
};

}  // namespace

Spoken in_french(const Sentence& sentence) { return French().speak(sentence); }
Spoken in_french(const Phrase& phrase) { return French().speak(phrase); }

}  // namespace heed::train::grammar

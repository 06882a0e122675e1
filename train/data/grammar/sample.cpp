// How sentences are made up: every choice draws from the generator, in a fixed order.
#include <algorithm>
#include <array>

#include <heed/train/data/grammar/tree.h>

namespace heed::train::grammar {

using namespace lexicon;

Agreement Phrase::agreement() const {
  if (!partner) return {noun->gender, number};
  const bool feminine = noun->gender == Gender::feminine && partner->noun->gender == Gender::feminine;
  return {feminine ? Gender::feminine : Gender::masculine, Number::plural};
}

int64_t depth_of(const Phrase* phrase) {
  if (!phrase || !phrase->relative) return 0;
  const Clause& clause = *phrase->relative;
  return 1 + std::max({depth_of(clause.subject.get()), depth_of(clause.object.get()), depth_of(clause.place.get())});
}

namespace {

enum class Time : uint8_t { present, past, future };

class Sampler {
 public:
  Sampler(const Taste& taste, Rng& rng) : taste_(taste), rng_(rng) {}

  Sentence sentence() {
    Sentence made{.id = next_id_++, .first = {.id = next_id_++}};
    time_ = static_cast<Time>(weighted(std::array{35, 50, 15}));
    const Kind kind = subject(made.first);
    predicate(made.first, kind, taste_.object_depth, 0, false);
    second_clause(made, kind);
    return made;
  }

  Sentence sentence_about(const Noun& noun, Determiner determiner, Pronoun pronoun) {
    Sentence made{.id = next_id_++, .first = {.id = next_id_++}};
    time_ = Time::past;
    used_.push_back(&noun);
    made.first.agreement = {noun.gender, Number::singular};
    if (pronoun != Pronoun::none) {
      made.first.pronoun = pronoun;
    } else {
      made.first.subject = std::make_unique<Phrase>(
          Phrase{.id = next_id_++, .noun = &noun, .number = Number::singular, .determiner = determiner});
      if (determiner == Determiner::a) adjectives(*made.first.subject, 0.5);
    }
    predicate(made.first, noun.kind, taste_.object_depth, 0, false);
    second_clause(made, noun.kind);
    return made;
  }

 private:
  // Drawing. The bias of the remainder is below 1e-7 for lists this short.
  int64_t below(int64_t n) { return static_cast<int64_t>(rng_.random() % static_cast<uint32_t>(n)); }
  bool chance(double p) { return rng_.random() < p * 4294967296.0; }
  /// `p` at an ordinary appetite of one half; nothing at none, twice as much when hungry.
  bool maybe(double p) { return chance(2 * p * taste_.appetite); }

  template <size_t N>
  int64_t weighted(const std::array<int, N>& weights) {
    int total = 0;
    for (int weight : weights) total += weight;
    int64_t left = below(total), i = 0;
    while (left >= weights[i]) left -= weights[i++];
    return i;
  }

  template <class T, class Wanted>
  const T* choose(const std::vector<T>& all, Wanted wanted) {
    const int64_t count = std::count_if(all.begin(), all.end(), wanted);
    if (count == 0) return nullptr;
    int64_t left = below(count);
    for (const T& item : all)
      if (wanted(item) && left-- == 0) return &item;
    return nullptr;
  }

  /// A noun that is at least one of `kind` and not yet in the sentence, while there are such.
  const Noun* noun(Kind kind) {
    const Noun* fresh = choose(nouns(), [&](const Noun& n) {
      return (n.kind & kind) && std::find(used_.begin(), used_.end(), &n) == used_.end();
    });
    if (!fresh) fresh = choose(nouns(), [&](const Noun& n) { return n.kind & kind; });
    used_.push_back(fresh);
    return fresh;
  }

  void adjectives(Phrase& phrase, double p) {
    const Kind kind = phrase.noun->kind & kBeing;
    if (chance(p))
      phrase.before = choose(lexicon::adjectives(), [&](auto& a) { return a.before_noun && (a.kind & kind); });
    if (chance(p))
      phrase.after = choose(lexicon::adjectives(), [&](auto& a) { return !a.before_noun && (a.kind & kind); });
  }

  /// A phrase without relative clause about one of `kind`; `owners` says how many owners may stand before it.
  std::unique_ptr<Phrase> plain_phrase(Kind kind, int64_t owners) {
    auto phrase = std::make_unique<Phrase>();
    phrase->id = next_id_++;
    phrase->noun = noun(kind);
    phrase->determiner = static_cast<Determiner>(weighted(std::array{50, 18, 7, 5, 5, 5, 3, 4, 3, 3}));
    const bool plural = phrase->determiner >= Determiner::two || chance(0.35);
    phrase->number = plural ? Number::plural : Number::singular;
    adjectives(*phrase, 0.3 * taste_.appetite);
    const Kind owner = phrase->noun->kind & kThing ? kAnimate : kPerson;
    if (owners > 0 && !(phrase->noun->kind & kPerson) && maybe(0.12)) {
      phrase->owner = plain_phrase(owner, owners - 1);
      if (phrase->determiner >= Determiner::two) phrase->determiner = Determiner::the;
    }
    return phrase;
  }

  /// A phrase with exactly `depth` nested relative clauses; `level` counts those around it.
  std::unique_ptr<Phrase> phrase(Kind kind, int64_t depth, int64_t level) {
    auto made = plain_phrase(kind, 2);
    if (depth > 0) relative(*made, depth, level);
    return made;
  }

  void relative(Phrase& head, int64_t depth, int64_t level) {
    head.relative = std::make_unique<Clause>();
    Clause& clause = *head.relative;
    clause.id = next_id_++;
    clause.commas = level % 2 == 1;  // every other level, so that it stays clear which clause a comma closes
    clause.person = head.noun->kind & kPerson;
    clause.antecedent = {head.noun->gender, head.number};
    if (depth == 1 && chance(0.4)) {
      object_relative(clause, head);
    } else {
      clause.agreement = clause.antecedent;
      predicate(clause, head.noun->kind, depth - 1, level + 1, true);
    }
  }

  void object_relative(Clause& clause, const Phrase& head) {
    clause.object_gap = true;
    clause.verb = choose(verbs(), [&](const Verb& v) {
      return (v.object & head.noun->kind) && v.frame != Frame::goal && v.french_preposition != "à";
    });
    const Kind kind = clause.verb->subject & kAnimate;
    if (chance(0.35)) {
      pronoun_subject(clause, in_second_ ? 2 : 3);
    } else {
      clause.subject = plain_phrase(kind, 0);
      clause.agreement = clause.subject->agreement();
    }
    tense_and_polarity(clause, true);
  }

  /// One of the first `choices` of he, she, they. A second clause does without "they", whose gender would be
  /// unclear.
  void pronoun_subject(Clause& clause, int64_t choices) {
    constexpr std::array kPeople{Pronoun::he, Pronoun::she, Pronoun::they};
    clause.pronoun = kPeople[below(choices)];
    clause.agreement = {clause.pronoun == Pronoun::she ? Gender::feminine : Gender::masculine,
                        clause.pronoun == Pronoun::they ? Number::plural : Number::singular};
  }

  /// Makes up the main subject; returns what kind it is.
  Kind subject(Clause& clause) {
    if (taste_.subject_depth == 0 && chance(0.08)) {
      pronoun_subject(clause, 3);
      return kPerson;
    }
    const Kind kind = chance(0.75) ? kAnimate : kThing;
    clause.subject = phrase(kind, taste_.subject_depth, 0);
    const Kind found = clause.subject->noun->kind & kBeing;
    if (taste_.subject_depth == 0 && maybe(0.1)) clause.subject->partner = plain_phrase(found & kAny, 0);
    clause.agreement = clause.subject->agreement();
    return found;
  }

  /// Everything from the verb on. `depth` relative clauses nest in the complement: exactly so many within a
  /// subject, at most so many elsewhere.
  void predicate(Clause& clause, Kind kind, int64_t depth, int64_t level, bool within_relative) {
    const bool within_subject = within_relative && depth > 0;
    if (!within_relative) depth = depth > 0 && maybe(0.35) ? 1 + below(depth) : 0;
    const Frame frame = choose_frame(kind, within_subject);
    if (frame == Frame::adjective || frame == Frame::place) clause.verb = &to_be(frame);
    else clause.verb = choose(verbs(), [&](const Verb& v) { return v.frame == frame && (v.subject & kind); });
    tense_and_polarity(clause, within_relative);
    switch (frame) {
      case Frame::alone:
        if (within_subject || maybe(0.4)) place(clause, depth, level);
        break;
      case Frame::posture:
      case Frame::place: place(clause, depth, level); break;
      case Frame::adjective:
        clause.predicate = choose(lexicon::adjectives(), [&](auto& a) { return a.predicate && (a.kind & kind); });
        break;
      case Frame::direct:
        if (!within_subject && chance(0.12)) {
          clause.object_pronoun = static_cast<Pronoun>(weighted(std::array{0, 2, 2, 0, 2}));
          break;
        }
        [[fallthrough]];
      case Frame::indirect:
      case Frame::goal: clause.object = phrase(clause.verb->object, depth, level);
    }
  }

  Frame choose_frame(Kind kind, bool with_complement) {
    // alone, direct, indirect, goal, posture, adjective, place
    if (kind & kThing) {
      if (with_complement) return Frame::place;
      return static_cast<Frame>(weighted(std::array{20, 0, 0, 0, 0, 45, 35}));
    }
    if (with_complement) return static_cast<Frame>(weighted(std::array{10, 30, 20, 6, 20, 0, 14}));
    return static_cast<Frame>(weighted(std::array{28, 25, 16, 6, 7, 12, 6}));
  }

  void place(Clause& clause, int64_t depth, int64_t level) {
    clause.preposition = choose(prepositions(), [](auto&) { return true; });
    clause.place = phrase(clause.preposition->kind, depth, level);
  }

  void tense_and_polarity(Clause& clause, bool within_relative) {
    Time time = time_;
    if (within_relative && time != Time::past) time = chance(0.7) ? Time::present : Time::past;
    if (clause.verb->frame == Frame::posture) {
      clause.tense = time == Time::past ? Tense::past_progressive : Tense::present_progressive;
    } else {
      constexpr std::array kSimple{Tense::present, Tense::past, Tense::future};
      clause.tense = kSimple[static_cast<size_t>(time)];
      if (clause.verb->progressive && time != Time::future && chance(0.3))
        clause.tense = time == Time::past ? Tense::past_progressive : Tense::present_progressive;
    }
    const bool progressive = clause.tense >= Tense::present_progressive;
    clause.polarity = progressive ? (chance(0.2) ? Polarity::negated : Polarity::plain)
                                  : static_cast<Polarity>(weighted(std::array{68, 19, 5, 4, 4}));
  }

  void second_clause(Sentence& made, Kind kind) {
    if (!maybe(0.3)) return;
    in_second_ = true;
    made.joint = static_cast<Joint>(1 + weighted(std::array{35, time_ == Time::past ? 20 : 0, 20, 25}));
    made.second = std::make_unique<Clause>();
    Clause& clause = *made.second;
    clause.id = next_id_++;
    if (chance(0.6)) {
      clause.agreement = made.first.agreement;
      if (clause.agreement.number == Number::plural) clause.pronoun = Pronoun::they;
      else if (!(kind & kPerson)) clause.pronoun = Pronoun::it;
      else clause.pronoun = clause.agreement.gender == Gender::feminine ? Pronoun::she : Pronoun::he;
    } else {
      clause.subject = phrase(chance(0.8) ? kAnimate : kThing, 0, 0);
      clause.agreement = clause.subject->agreement();
      kind = clause.subject->noun->kind & kBeing;
    }
    predicate(clause, kind, std::min<int64_t>(taste_.object_depth, 1), 0, false);
  }

  const Taste& taste_;
  Rng& rng_;
  Time time_ = Time::present;
  bool in_second_ = false;
  int64_t next_id_ = 1;
  std::vector<const Noun*> used_;
};

}  // namespace

Sentence make_up(const Taste& taste, Rng& rng) { return Sampler(taste, rng).sentence(); }

Sentence make_up_about(const Noun& noun, Determiner determiner, Pronoun pronoun, const Taste& taste, Rng& rng) {
  return Sampler(taste, rng).sentence_about(noun, determiner, pronoun);
}

}  // namespace heed::train::grammar
